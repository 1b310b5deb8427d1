//! The parameters of reads, described.

use flow_model::limits::{MAX_COUNTER, MAX_NAME_BYTES};
use flow_model::{Hour, Reporter};
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn, ParameterStyle};
use utoipa::openapi::schema::{ArrayBuilder, Object, ObjectBuilder, OneOfBuilder, Schema, Type};
use utoipa::openapi::{KnownFormat, RefOr, Required, SchemaFormat};

use super::bodies::{NOT_CONTROL, integer};
use crate::http::batches::SENDER_CLOCK;
use crate::http::reads::audit::ONE_SIDED;
use crate::limits::{
    DEFAULT_AUDIT_ROWS, DEFAULT_HINTS, DEFAULT_PAGE_ROWS, DEFAULT_SUMMARY_ROWS, DEFAULT_WITNESSES,
    MAX_FILTER_VALUES, MAX_HINTS, MAX_PAGE_ROWS, MAX_WITNESSES,
};
use crate::store::NameField;

/// Gives a type its parameters.
macro_rules! parameters {
    ($(#[$comment:meta])* $name:ident => $list:expr) => {
        $(#[$comment])*
        pub(in crate::http) struct $name;

        impl IntoParams for $name {
            fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
                $list
            }
        }
    };
}

parameters! {
    /// The hour of `/flows`, and no other parameter.
    HourParameter => {
        let hour = parameter("hour", "The hour.", integer(0, Hour::MAX.into()));
        vec![hour.required(Required::True).build()]
    }
}

parameters! {
    /// What reads share that give one figure for a flow.
    SelectionParameters => {
        let mut list = FlowSelectionParameters::into_params(|| None);
        let sides = text().enum_values(Some(Reporter::ALL.map(Reporter::as_str))).build();
        let description = "What this side alone reported, without the flows that it did not. \
                           Without it, the larger of the two in each direction.";
        list.push(parameter("reporter", description, sides).build());
        list
    }
}

parameters! {
    /// What all reads of flows share.
    FlowSelectionParameters => {
        let mut list = vec![
            hour("hour", "One hour, by its number or a time in it. Not besides `from` or `to`.", Hour::MAX.into()),
            hour("from", "The first hour; the hour in which a time lies.", Hour::MAX.into()),
            hour("to", "The hour after the last; for a time that is no full hour, the next.", u64::from(Hour::MAX) + 1),
        ];
        list.extend(NameField::ALL.map(names));
        list
    }
}

parameters! {
    /// Pages of flows.
    FlowPageParameters => vec![
        limit("Flows on a page. Without it, JSON has 1000, and other formats have all.", MAX_PAGE_ROWS, None),
        cursor(),
    ]
}

parameters! {
    /// Pages of instances.
    InstancePageParameters => vec![
        limit("Instances on a page.", MAX_PAGE_ROWS, Some(DEFAULT_PAGE_ROWS)),
        cursor(),
    ]
}

parameters! {
    /// How a summary is made.
    SummaryParameters => vec![
        group_by(),
        parameter("order_by", "What makes a group large.", one_of(&["bytes_total", "bytes_tx", "bytes_rx", "flows"], "bytes_total")).build(),
        limit("Groups before the rest.", MAX_PAGE_ROWS, Some(DEFAULT_SUMMARY_ROWS)),
    ]
}

parameters! {
    /// What an audit lists.
    AuditParameters => {
        let words = text().enum_values(Some([ONE_SIDED])).build();
        let description = "Also flows that one side alone has reported.";
        vec![
            parameter("include", description, words).build(),
            limit("Flows to list.", MAX_PAGE_ROWS, Some(DEFAULT_AUDIT_ROWS)),
        ]
    }
}

parameters! {
    /// Which hour's completeness.
    CompletenessParameters => {
        let mut hour = hour("hour", "The hour, by its number or a time in it.", Hour::MAX.into());
        hour.required = Required::True;
        vec![hour, limit("Instances of a kind to name.", MAX_WITNESSES, Some(DEFAULT_WITNESSES))]
    }
}

parameters! {
    /// What the sender of a batch says of itself.
    BatchParameters => {
        // Nothing is refused for it.
        let description = "The sender's clock as it sends this, in milliseconds since the Unix \
                           epoch, by which a wrong clock is told. What is no integer is ignored.";
        let clock = parameter(SENDER_CLOCK, description, text().build());
        vec![clock.parameter_in(ParameterIn::Header).build()]
    }
}

parameters! {
    /// What is to be completed.
    HintsParameters => {
        let field = text().enum_values(Some(NameField::ALL.map(NameField::as_str)));
        let prefix = text().pattern(Some(format!("^{NOT_CONTROL}{{0,{MAX_NAME_BYTES}}}$")));
        vec![
            parameter("field", "Whose values.", field.build()).required(Required::True).build(),
            parameter("prefix", "What they start with.", prefix.build()).build(),
            limit("How many.", MAX_HINTS, Some(DEFAULT_HINTS)),
        ]
    }
}

parameters! {
    /// Where a stream is resumed.
    StreamParameters => {
        let id = || integer(0, MAX_COUNTER);
        let description = "The id of the last event that was taken. The header wins.";
        let header = parameter("Last-Event-ID", description, id());
        vec![
            parameter("last_event_id", description, id()).build(),
            header.parameter_in(ParameterIn::Header).build(),
        ]
    }
}

parameters! {
    /// How a resend of a direct write is told.
    WriteParameters => {
        let key = text().pattern(Some(r"^[\x21-\x7e]{1,255}$")).build();
        let description = "A write with the same key and body is applied once.";
        let key = parameter("Idempotency-Key", description, key);
        vec![key.parameter_in(ParameterIn::Header).build()]
    }
}

fn parameter(name: &str, description: &str, schema: impl Into<RefOr<Schema>>) -> ParameterBuilder {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Query)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(schema))
}

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

fn one_of(words: &[&str], default: &str) -> Object {
    let default = serde_json::Value::from(default);
    text().enum_values(Some(words.iter().copied())).default(Some(default)).build()
}

fn limit(description: &str, max: usize, default: Option<usize>) -> Parameter {
    let mut schema = integer(1, max as u64);
    schema.default = default.map(Into::into);
    parameter("limit", description, schema).build()
}

fn cursor() -> Parameter {
    let schema = text().pattern(Some("^[A-Za-z0-9_-]+$")).build();
    let description = "The `next_cursor` of an answer to the same query.";
    parameter("cursor", description, schema).build()
}

fn hour(name: &str, description: &str, max: u64) -> Parameter {
    let time = text().format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)));
    let schema = OneOfBuilder::new().item(integer(0, max)).item(time.build()).build();
    parameter(name, description, Schema::OneOf(schema)).build()
}

fn names(field: NameField) -> Parameter {
    let max = MAX_NAME_BYTES;
    let pattern = format!("^(?:{NOT_CONTROL}{{1,{max}}}|{NOT_CONTROL}{{0,{max}}}\\*)$");
    let schema = ArrayBuilder::new()
        .items(text().pattern(Some(pattern)).build())
        .max_items(Some(MAX_FILTER_VALUES))
        .build();
    let description = format!(
        "Any of these names, each of at most {max} bytes. With `*` at the end, all that start \
         so; a name that ends with a star is written with `\\*`. The three fields have at most \
         {MAX_FILTER_VALUES} in all."
    );
    parameter(field.as_str(), &description, Schema::Array(schema)).build()
}

fn group_by() -> Parameter {
    let words = NameField::ALL.map(NameField::as_str).into_iter().chain(["hour"]);
    let schema = ArrayBuilder::new()
        .items(text().enum_values(Some(words)).build())
        .unique_items(true)
        .build();
    parameter(
        "group_by",
        "The fields that make a group; none for the whole.",
        Schema::Array(schema),
    )
    .style(Some(ParameterStyle::Form))
    .explode(Some(false))
    .build()
}
