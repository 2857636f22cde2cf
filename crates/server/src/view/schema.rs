//! What the API's documents say of JSON that is written by hand elsewhere in `view`: values, words, moments.
//!
//! A schema stands here only if no type stands for it; whatever is a type derives its own.

use std::borrow::Cow;

use housewire_core::Type;
use serde_json::Value;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, OneOfBuilder, SchemaType, Type as Kind};
use utoipa::openapi::{Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// A payload, or a property's value, as JSON.
pub(crate) struct Payload;

/// A body of any type.
pub(crate) struct AnyBytes;

/// An object of which nothing more is said.
pub(crate) struct AnyObject;

/// A type that a property may have.
pub(crate) struct TypeWord;

/// What may be done with a property, as a list or in one string, or `null`.
pub(crate) struct AccessWords;

/// A message, as `view::message` writes it.
#[derive(ToSchema)]
#[schema(as = Message, description = "A message.")]
#[expect(dead_code, reason = "it is only described")]
pub(crate) struct KeptMessage {
    topic: String,
    #[schema(schema_with = Payload::schema)]
    payload: String,
    /// Whether it was stored before.
    retain: bool,
    #[schema(format = DateTime)]
    time: String,
    /// The door it came through: `mqtt`, `http`, `ws`, or `hub`.
    via: String,
}

impl PartialSchema for Payload {
    fn schema() -> RefOr<Schema> {
        let any = ObjectBuilder::new().schema_type(SchemaType::AnyValue);
        let examples = [Value::from(80), Value::from(true), Value::from("on")];
        any.description(Some(
            "Any JSON value. Towards the hub a string stands for its text, anything else for its JSON without spaces. From the hub a \
             payload that is valid JSON is that value, other UTF-8 text is a string, and anything else `{\"base64\":\"…\"}`.",
        ))
        .examples(examples)
        .into()
    }
}

impl PartialSchema for AnyBytes {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(SchemaType::AnyValue).description(Some("Any bytes.")).into()
    }
}

impl PartialSchema for AnyObject {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Kind::Object).into()
    }
}

impl PartialSchema for TypeWord {
    fn schema() -> RefOr<Schema> {
        let words = Type::ALL.map(Type::name);
        ObjectBuilder::new()
            .schema_type(Kind::String)
            .enum_values(Some(words))
            .description(Some("What a property may hold."))
            .into()
    }
}

impl PartialSchema for AccessWords {
    fn schema() -> RefOr<Schema> {
        let line = ObjectBuilder::new()
            .schema_type(Kind::String)
            .pattern(Some("^[ ,]*(read|set|event)([ ,]+(read|set|event))*[ ,]*$"))
            .examples(["read set"]);
        let list = access_list().min_items(Some(1));
        let null = ObjectBuilder::new().schema_type(Kind::Null);
        OneOfBuilder::new()
            .item(list)
            .item(line)
            .item(null)
            .description(Some("What may be done with a property."))
            .into()
    }
}

/// A type, or `null`.
pub(crate) fn type_or_null() -> OneOfBuilder {
    let null = ObjectBuilder::new().schema_type(Kind::Null);
    OneOfBuilder::new().item(null).item(Ref::from_schema_name(TypeWord::name()))
}

/// `["read","set"]`
pub(crate) fn access_list() -> ArrayBuilder {
    let word = ObjectBuilder::new().schema_type(Kind::String).enum_values(Some(ACCESS));
    ArrayBuilder::new().items(word)
}

/// The words for a property's access.
const ACCESS: [&str; 3] = ["read", "set", "event"];

impl ToSchema for Payload {
    fn name() -> Cow<'static, str> {
        "Payload".into()
    }
}

impl ToSchema for AnyBytes {
    fn name() -> Cow<'static, str> {
        "AnyBytes".into()
    }
}

impl ToSchema for AnyObject {
    fn name() -> Cow<'static, str> {
        "AnyObject".into()
    }
}

impl ToSchema for TypeWord {
    fn name() -> Cow<'static, str> {
        "Type".into()
    }
}

impl ToSchema for AccessWords {
    fn name() -> Cow<'static, str> {
        "AccessWords".into()
    }
}
