//! What is sent to the service and read from it as flows, described: the schemas of
//! `flow_model::wire`.

use std::borrow::Cow;

use flow_model::limits::{MAX_BATCH_FLOWS, MAX_COUNTER, MAX_NAME_BYTES};
use flow_model::{Hour, Reporter, Status};
use utoipa::openapi::schema::{
    AdditionalProperties, Array, ArrayBuilder, ArrayItems, Object, ObjectBuilder, Schema, Type,
};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

/// A character that a name may have: none of the category Cc.
pub(super) const NOT_CONTROL: &str = r"[^\u0000-\u001f\u007f-\u009f]";

/// Gives a type its schema.
macro_rules! schema {
    ($(#[$comment:meta])* $type:ident = $name:literal => $schema:expr) => {
        $(#[$comment])*
        pub(in crate::http) struct $type;

        impl PartialSchema for $type {
            fn schema() -> RefOr<Schema> {
                $schema.into()
            }
        }

        impl ToSchema for $type {
            fn name() -> Cow<'static, str> {
                Cow::Borrowed($name)
            }
        }
    };
}

schema! {
    /// A part of a flow's key.
    NameText = "Name" => ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some(format!("1 to {MAX_NAME_BYTES} bytes of UTF-8 without control characters.")))
        .min_length(Some(1))
        .max_length(Some(MAX_NAME_BYTES))
        .pattern(Some(format!("^{NOT_CONTROL}+$")))
}

schema! {
    /// A flow with its names.
    FlowObject = "Flow" => closed(&[
        ("src_app", described::<NameText>()),
        ("dest_app", described::<NameText>()),
        ("vpc_id", described::<NameText>()),
        ("bytes_tx", counter("Bytes from source to destination.")),
        ("bytes_rx", counter("Bytes from destination to source.")),
        ("hour", integer(0, Hour::MAX.into()).into()),
    ])
}

schema! {
    /// A direct write.
    FlowList = "Flows" =>
        ArrayBuilder::new().items(described::<FlowObject>()).min_items(Some(1))
}

schema! {
    /// A batch of an instance.
    BatchObject = "Batch" => closed(&[
        ("version", words_of(Type::Integer, &[1.into()]).into()),
        ("instance", described::<NameText>()),
        ("sequence", integer(1, MAX_COUNTER).into()),
        ("reporter", words_of(Type::String, &Reporter::ALL.map(|side| side.as_str().into())).into()),
        ("watermark_ms", integer(0, MAX_COUNTER).into()),
        ("lost_bytes", integer(0, MAX_COUNTER).into()),
        ("folded_bytes", integer(0, MAX_COUNTER).into()),
        ("hours", ArrayBuilder::new()
            .description(Some(format!("At most {MAX_BATCH_FLOWS} flows in all.")))
            .items(described::<HourGroup>())
            .into()),
    ]).property("ended", ObjectBuilder::new()
        .schema_type(Type::Boolean)
        .description(Some("Whether the instance has ended: this is its last batch."))
        .default(Some(false.into())))
}

schema! {
    /// Flows of a batch that share an hour.
    HourGroup = "BatchHour" => closed(&[
        ("hour", integer(0, Hour::MAX.into()).into()),
        ("flows", ArrayBuilder::new()
            .items(described::<FlowRow>())
            .max_items(Some(MAX_BATCH_FLOWS))
            .into()),
    ])
}

schema! {
    /// A flow without names.
    FlowRow = "BatchFlow" => row()
}

schema! {
    /// What a filter takes as delivered.
    Receipt = "Receipt" => {
        let words = [Status::Applied, Status::Duplicate].map(|status| status.as_str().into());
        ObjectBuilder::new()
            .property("instance", described::<NameText>())
            .property("sequence", integer(1, MAX_COUNTER))
            .property("status", words_of(Type::String, &words))
            .required("instance")
            .required("sequence")
            .required("status")
    }
}

/// A reference to a schema with a name.
pub(super) fn described<T: ToSchema>() -> RefOr<Schema> {
    RefOr::Ref(Ref::from_schema_name(T::name()))
}

/// An integer within bounds.
pub(super) fn integer(min: u64, max: u64) -> Object {
    ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(min)).maximum(Some(max)).build()
}

fn counter(description: &str) -> RefOr<Schema> {
    let mut schema = integer(0, MAX_COUNTER);
    schema.description = Some(description.to_owned());
    schema.into()
}

fn words_of(kind: Type, words: &[serde_json::Value]) -> Object {
    ObjectBuilder::new().schema_type(kind).enum_values(Some(words.iter().cloned())).build()
}

/// An object with these properties, all required, and no others.
fn closed(properties: &[(&str, RefOr<Schema>)]) -> ObjectBuilder {
    let object = ObjectBuilder::new()
        .additional_properties(Some(AdditionalProperties::<Schema>::FreeForm(false)));
    properties.iter().fold(object, |object, (name, schema)| {
        object.property(*name, schema.clone()).required(*name)
    })
}

/// `[src_app, dest_app, vpc_id, bytes_tx, bytes_rx]`
fn row() -> Array {
    let name = || match NameText::schema() {
        RefOr::T(schema) => schema,
        RefOr::Ref(_) => Schema::default(),
    };
    let counter = || Schema::Object(integer(0, MAX_COUNTER));
    ArrayBuilder::new()
        .description(Some("[src_app, dest_app, vpc_id, bytes_tx, bytes_rx]"))
        .prefix_items([name(), name(), name(), counter(), counter()])
        .items(ArrayItems::False)
        .min_items(Some(5))
        .max_items(Some(5))
        .build()
}
