//! Good answers that come in more than one format, described.

use std::borrow::Cow;
use std::collections::BTreeMap;

use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Schema, SchemaType, Type};
use utoipa::openapi::{Ref, RefOr, Response};
use utoipa::{IntoResponses, PartialSchema, ToSchema};

use super::bodies::{FlowObject, described};
use crate::query::{Format, Hints, Hours, Instances, SummaryReport};

/// A page of flows in JSON.
pub(in crate::http) struct FlowPage;

impl PartialSchema for FlowPage {
    fn schema() -> RefOr<Schema> {
        let cursor = SchemaType::from_iter([Type::String, Type::Null]);
        ObjectBuilder::new()
            .property("flows", ArrayBuilder::new().items(described::<FlowObject>()))
            .property("next_cursor", ObjectBuilder::new().schema_type(cursor))
            .required("flows")
            .required("next_cursor")
            .into()
    }
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
        let flows = with_next_page(table::<FlowPage>("Flows, in order of hour and key."));
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
    /// `/v1/instances`
    InstancesAnswer => with_next_page(table::<Instances>("Instances, in order of their ids."))
}

/// A JSON document, or its rows in other formats.
fn table<T: ToSchema>(description: &str) -> ResponseBuilder {
    let document = Ref::from_schema_name(T::name());
    let json = ContentBuilder::new().schema(Some(document)).build();
    let text = || {
        let text = ObjectBuilder::new().schema_type(Type::String).build();
        ContentBuilder::new().schema(Some(text)).build()
    };
    ResponseBuilder::new()
        .description(description)
        .content(Format::Json.media_type(), json)
        .content(Format::Ndjson.media_type(), text())
        .content(Format::Csv.media_type(), text())
}

fn with_next_page(response: ResponseBuilder) -> ResponseBuilder {
    let text = ObjectBuilder::new().schema_type(Type::String).build();
    let description = "Leads to the next page, if there is one (RFC 8288).";
    let link = HeaderBuilder::new().schema(text).description(Some(description));
    response.header("link", link.build())
}
