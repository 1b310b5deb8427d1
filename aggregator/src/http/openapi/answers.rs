//! Good answers that come in more than one format, described.

use std::borrow::Cow;
use std::collections::BTreeMap;

use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Schema, SchemaType, Type};
use utoipa::openapi::{RefOr, Response};
use utoipa::{IntoResponses, PartialSchema, ToSchema};

use super::bodies::{FlowObject, described};
use crate::query::{Audit, Document, Format, Hints, Hours, Instances, SummaryReport};

/// A page of flows in JSON.
pub(in crate::http) struct FlowPage;

impl PartialSchema for FlowPage {
    fn schema() -> RefOr<Schema> {
        let cursor = SchemaType::from_iter([Type::String, Type::Null]);
        ObjectBuilder::new()
            .property("flows", ArrayBuilder::new().items(described::<FlowObject>()))
            .property("next_cursor", ObjectBuilder::new().schema_type(cursor))
            .property("complete", complete())
            .required("flows")
            .required("next_cursor")
            .into()
    }
}

fn complete() -> ObjectBuilder {
    let description = "Whether all that filters saw in the hour has arrived; null if that is not \
                       known any more. Only for a single hour.";
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::Boolean, Type::Null]))
        .description(Some(description))
}

impl ToSchema for FlowPage {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("FlowPage")
    }
}

/// Gives a type its good answer.
macro_rules! answer {
    ($(#[$comment:meta])* $name:ident => $response:expr) => {
        $(#[$comment])*
        pub(in crate::http) struct $name;

        impl IntoResponses for $name {
            fn responses() -> BTreeMap<String, RefOr<Response>> {
                BTreeMap::from([("200".to_owned(), $response.build().into())])
            }
        }
    };
}

answer! {
    /// `/v1/flows`
    FlowsAnswer => {
        let flows = with_next_page(formats::<FlowPage, FlowObject>("Flows, in order of hour and key."));
        #[cfg(feature = "arrow")]
        let flows = flows.content(Format::Arrow.media_type(), ContentBuilder::new().build());
        flows
    }
}

answer! {
    /// `/v1/summary`
    SummaryAnswer => table::<SummaryReport>("The largest groups, and the rest.")
}

answer! {
    /// `/v1/hours`
    HoursAnswer => table::<Hours>("Hours that have flows, in order.")
}

answer! {
    /// `/v1/hints`
    HintsAnswer => table::<Hints>("Values, those with the most bytes first.")
}

answer! {
    /// `/v1/audit`
    AuditAnswer => table::<Audit>("Flows, those with the largest difference first.")
}

answer! {
    /// `/v1/instances`
    InstancesAnswer => with_next_page(table::<Instances>("Instances, in order of their ids."))
}

answer! {
    /// `/v1/stream`
    StreamAnswer => {
        let text = || ObjectBuilder::new().schema_type(Type::String);
        let words = ["hello", "flows", "reset", "dropped"];
        let event = ObjectBuilder::new()
            .description(Some("An event. Its data is JSON."))
            .property("event", text().enum_values(Some(words)))
            .property("id", text().pattern(Some("^[0-9]+$")))
            .property("data", text())
            .required("event")
            .required("data");
        let events = ContentBuilder::new().schema(Some(event)).build();
        ResponseBuilder::new().description("Events.").content("text/event-stream", events)
    }
}

fn table<T>(description: &str) -> ResponseBuilder
where
    T: Document<Row: ToSchema> + ToSchema,
{
    formats::<T, T::Row>(description)
}

/// A JSON document, or only its rows. NDJSON is described as the list of its lines.
fn formats<T: ToSchema, R: ToSchema>(description: &str) -> ResponseBuilder {
    let content = |schema: RefOr<Schema>| ContentBuilder::new().schema(Some(schema)).build();
    let lines = ArrayBuilder::new().items(described::<R>());
    let text = ObjectBuilder::new().schema_type(Type::String);
    ResponseBuilder::new()
        .description(description)
        .content(Format::Json.media_type(), content(described::<T>()))
        .content(Format::Ndjson.media_type(), content(lines.into()))
        .content(Format::Csv.media_type(), content(text.into()))
}

fn with_next_page(response: ResponseBuilder) -> ResponseBuilder {
    let text = ObjectBuilder::new().schema_type(Type::String).build();
    let description = "Leads to the next page, if there is one (RFC 8288).";
    let link = HeaderBuilder::new().schema(text).description(Some(description));
    response.header("link", link.build())
}
