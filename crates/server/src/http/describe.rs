//! What operations of the API have in common when they are described: their parameters, and the answers that are errors.
//!
//! Each handler says beside itself which of these are its own; `document` makes OpenAPI of it.

use std::collections::BTreeMap;

use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, OneOfBuilder, Type};
use utoipa::openapi::{HeaderBuilder, Ref, RefOr, Required, Response, ResponseBuilder};
use utoipa::{IntoParams, IntoResponses, ToSchema};

use crate::http::path::{
    ClientPath, DashboardPath, DevicePath, FindPath, NamePath, NumberPath, PropertyPath, SharePath, TopicPath,
};
use crate::http::problem::ProblemBody;
use crate::limits::{EVENT_FILTERS_MAX, PAGE_ITEMS_MAX, WS_ID_BYTES_MAX};
use crate::view::schema::Payload;

/// An answer that is an error, as the document has it once.
pub(crate) struct ProblemAnswer {
    pub(crate) name: &'static str,
    pub(crate) text: &'static str,
    /// Headers that come with it, and what they say.
    pub(crate) headers: &'static [(&'static str, &'static str)],
}

macro_rules! problem_answers {
    ($($name:ident $status:literal $text:literal [$($header:literal $says:literal),*];)*) => {
        $(
            pub(crate) struct $name;

            impl IntoResponses for $name {
                fn responses() -> BTreeMap<String, RefOr<Response>> {
                    BTreeMap::from([($status.to_owned(), RefOr::Ref(Ref::from_response_name(stringify!($name))))])
                }
            }
        )*

        /// All of them.
        pub(crate) const PROBLEM_ANSWERS: &[ProblemAnswer] = &[$(
            ProblemAnswer { name: stringify!($name), text: $text, headers: &[$(($header, $says)),*] },
        )*];
    };
}

problem_answers! {
    BadRequest "400" "The request makes no sense: `detail` says what of it. `code` is `bad_request`, `invalid_topic`, `invalid_filter` or `full`." [];
    Unauthorized "401" "Not let in. `code` is `unauthorized`." ["WWW-Authenticate" "How to say who one is."];
    Forbidden "403" "No right to this, or a topic that only the hub writes. `code` is `forbidden`." [];
    WrongCode "403" "The claim code opens nothing: it was never given out, is used up, or has expired. `code` is `wrong_code`." [];
    WrongLink "403" "The share link opens nothing: it was taken back, has expired, or is not whole. `code` is `wrong_link`." [];
    NotFound "404" "There is no such thing. `code` is `not_found`." [];
    TooSlow "408" "The body did not arrive within a minute. `code` is `timeout`." ["Connection" "`close`: what is left of the body is not read."];
    Conflict "409" "It cannot be so as things are: a name that is taken (`taken`), the last administrator (`last_admin`), a hub that is set up (`set_up_already`), no TLS (`tls_off`), no history (`history_off`), firmware that a roll-out hands out (`in_use`), discovery that is off (`discovery_off`)." [];
    NotConnected "409" "The client is away: there is nothing to disconnect. `code` is `not_connected`." [];
    Changed "412" "Somebody else changed it meanwhile; `current` says what it is by now. `code` is `changed`." [];
    TooLarge "413" "The body is over `limits.http_body_bytes`, or a property's value over 64 KiB. `code` is `too_large`." [];
    Compressed "415" "The body is compressed, which is not understood here. `code` is `unsupported_media_type`." ["Accept-Encoding" "`identity`"];
    OutOfRange "416" "`Range` asks for bytes that are not there. `code` is `range_not_satisfiable`." ["Content-Range" "How many there are."];
    Rejected "422" "The value breaks a declared rule of its property. `code` is `rejected`." [];
    InvalidDeclaration "422" "Well written, but it makes no sense: a range that is empty, an `enum` without options, a name of more than 256 bytes. `code` is `invalid_declaration`." [];
    Unusable "422" "Well written, but not usable: a weak password, a name that may not be, no such role or filter, a time that is over, a broken certificate request, a property that has no history. `code` is `unusable`, `bad_csr` or `no_history`." [];
    BadBackup "422" "Nothing was changed: this is no backup (`no_backup`), it is damaged or not whole (`damaged_backup`), or a newer version made it (`newer_backup`)." [];
    NoWebSocket "426" "This is a WebSocket, and was not opened as one. `code` is `upgrade_required`." ["Upgrade" "`websocket`", "Sec-WebSocket-Version" "`13`"];
    Unnamed "428" "The change does not say which version it was made of. `code` is `if_match_needed`." [];
    Slowed "429" "Too many failed from this address or for this name (`slowed`), or it makes more requests than `limits.request_rate` allows (`rate_limited`)." ["Retry-After" "Seconds until another try makes sense."];
    Busy "503" "Too many passwords are being checked, or questions about the past answered, or discovery has more to do than it can. `code` is `busy`." [];
    NoRoom "507" "There is no room for another device or retained message (`full`), or the disk takes nothing and this would have to be on it before it is answered (`disk_failing`)." [];
}

/// An answer to who has it already.
pub(crate) struct NotModified;

impl IntoResponses for NotModified {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let tag = HeaderBuilder::new().schema(Some(text())).description(Some("As it was."));
        let response = ResponseBuilder::new().description("It is as `If-None-Match` says.").header("ETag", tag.build());
        BTreeMap::from([("304".to_owned(), response.build().into())])
    }
}

/// What can be wrong with a body before anybody looks at what it says.
pub(crate) struct BodyAnswers;

impl IntoResponses for BodyAnswers {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let mut all = BadRequest::responses();
        all.extend(TooSlow::responses());
        all.extend(TooLarge::responses());
        all.extend(Compressed::responses());
        all
    }
}

/// What can become of a message.
pub(crate) struct PublishAnswers;

impl IntoResponses for PublishAnswers {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let mut all = BodyAnswers::responses();
        for more in [Forbidden::responses(), Rejected::responses(), NoRoom::responses()] {
            all.extend(more);
        }
        all
    }
}

/// Names of devices and properties; see `core`.
pub(crate) const ID_PATTERN: &str = "^(?!(set|target)$)[A-Za-z0-9_-]{1,64}$";
/// As `core` takes topics, as far as a pattern can say it.
const TOPIC_PATTERN: &str = "^[^+#\\x00-\\x1f\\x7f]+$";
/// Likewise one filter of a list, which is none of a group.
const FILTER_PATTERN: &str = "^(?!\\$share/)(#|(\\+|[^+#\\x00-\\x1f\\x7f]+)(/(\\+|[^+#/\\x00-\\x1f\\x7f]*))*(/#)?)$";
/// As people write times.
const DURATION_PATTERN: &str = "^([0-9]{1,4}(\\.[0-9]{1,3})?(ms|s|m)?|[0-9]{1,3}(\\.[0-9]{1,3})?h)$";

pub(crate) fn in_path(name: &str, pattern: &str, example: &str, description: &str) -> Parameter {
    let schema = ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern));
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .description(Some(description))
        .schema(Some(schema))
        .example(Some(example.into()))
        .build()
}

fn device() -> Parameter {
    in_path("id", ID_PATTERN, "lamp", "The device's id.")
}

impl IntoParams for DevicePath {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![device()]
    }
}

impl IntoParams for PropertyPath {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![device(), in_path("property", ID_PATTERN, "level", "The property's name.")]
    }
}

impl IntoParams for FindPath {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![in_path("id", "^[a-z0-9-]{1,64}$", "ha-aabbccddeeff", "The find's id.")]
    }
}

impl IntoParams for DashboardPath {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![in_path("id", "^[A-Za-z0-9_-]{1,64}$", "home", "The dashboard's id.")]
    }
}

impl IntoParams for SharePath {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![in_path("share", "^[A-Za-z0-9]{1,64}$", "k3TzPq9b", "The link's id.")]
    }
}

impl IntoParams for NamePath {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![in_path("name", "^.+$", "alice", "The person's name, percent-encoded.")]
    }
}

/// `/api/templates/{name}`
pub(crate) struct TemplatePath;

impl IntoParams for TemplatePath {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![in_path("name", ID_PATTERN, "thermometer", "The template's name.")]
    }
}

impl IntoParams for NumberPath {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let number = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0)).maximum(Some(u32::MAX));
        let id = ParameterBuilder::new()
            .name("id")
            .parameter_in(ParameterIn::Path)
            .required(Required::True)
            .description(Some("Its number, as the list shows it."))
            .schema(Some(number))
            .example(Some(17.into()));
        vec![id.build()]
    }
}

impl IntoParams for ClientPath {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![in_path("id", "^.+$", "kitchen", "The client's id, percent-encoded.")]
    }
}

impl IntoParams for TopicPath {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let text = "The topic. Its slashes may stand as they are or as `%2F`; write `%3F` for `?`. Every level counts, also empty ones.";
        vec![in_path("topic", TOPIC_PATTERN, "home/note", text)]
    }
}

pub(crate) fn in_query(name: &str, schema: ObjectBuilder, description: &str) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Query)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(schema))
        .build()
}

pub(crate) fn in_header(name: &str, description: &str) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(text()))
        .build()
}

pub(crate) fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

fn number() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0))
}

fn duration() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).pattern(Some(DURATION_PATTERN)).examples(["30s"])
}

/// `?limit=` and `?after=`
pub(crate) struct PageParams;
/// `?limit=` and `?after=` of devices
pub(crate) struct PageOfDevices;
/// `?limit=` and `?after=` of topics
pub(crate) struct PageOfTopics;
/// `?limit=` and `?after=` of connections
pub(crate) struct PageOfConnections;

impl IntoParams for PageParams {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        page_behind(text())
    }
}

impl IntoParams for PageOfDevices {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        page_behind(text().pattern(Some(ID_PATTERN)))
    }
}

impl IntoParams for PageOfConnections {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        page_behind(text().pattern(Some("^c[0-9]{1,19}$")))
    }
}

impl IntoParams for PageOfTopics {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        page_behind(text().pattern(Some(TOPIC_PATTERN)))
    }
}

fn page_behind(key: ObjectBuilder) -> Vec<Parameter> {
    let limit = number().minimum(Some(1)).maximum(Some(PAGE_ITEMS_MAX));
    vec![
        in_query("limit", limit, "How many entries at the most; all in one answer if not said."),
        in_query("after", key, "Behind which entry to begin, by its key; the header `Link` has it of the next page."),
    ]
}

macro_rules! query_parameters {
    ($($(#[$doc:meta])* $name:ident => $parameter:expr;)*) => {
        $(
            $(#[$doc])*
            pub(crate) struct $name;

            impl IntoParams for $name {
                fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
                    vec![$parameter]
                }
            }
        )*
    };
}

query_parameters! {
    /// `?qos=`
    QosParam => in_query(
        "qos",
        ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0)).maximum(Some(2)).default(Some(0.into())),
        "How the message goes on to MQTT subscribers. With 1 or 2 the answer comes when whatever keeps the message has it on disk.",
    );
    /// `?wait=`
    WaitParam => in_query(
        "wait",
        duration(),
        "With `If-None-Match`: how long to wait for a change before 304 is answered, 10 minutes at most. `500ms`, `30s`, `5m`, `2h` or a \
         number of seconds.",
    );
    /// `?ttl=`
    TtlParam => in_query("ttl", duration(), "How long the request stays pending; 60 s if not said.");
    /// `?connected=`
    ConnectedParam => in_query(
        "connected",
        ObjectBuilder::new().schema_type(Type::Boolean),
        "Only those that are connected, or only those that are away.",
    );
    /// `?forget=`
    ForgetParam => in_query(
        "forget",
        ObjectBuilder::new().schema_type(Type::Boolean).default(Some(false.into())),
        "Whether its session ends, too.",
    );
    /// `?connection=`
    ConnectionParam => in_query("connection", text().examples(["c17"]), "One connection, by its `id` in `/api/connections`.");
    /// `?device=` of the wire tap
    OfDeviceParam => in_query(
        "device",
        text().pattern(Some(ID_PATTERN)),
        "Every connection that comes with a credential of this device, or reports for it; those that come later, too.",
    );
    /// `?after=` of the refusals
    AfterParam => in_query("after", number().maximum(Some(usize::MAX)), "Only those behind this one: the `next` of the answer before.");
    /// `?wait=` of the refusals
    WaitForMoreParam => in_query("wait", duration(), "How long to wait for one if there is none, 10 minutes at most.");
    /// `?peer=`
    PeerParam => in_query("peer", text().examples(["192.0.2.20"]), "Every connection from this address, with or without a port; those that come later, too.");
    /// `?user=`
    UserParam => in_query("user", text(), "Whose; one's own if not said. Others' only for administrators.");
    /// `?device=`
    DeviceParam => in_query("device", text().pattern(Some(ID_PATTERN)), "Only those of this device.");
    /// `?device=` of a template
    FromDeviceParam => in_query("device", text().pattern(Some(ID_PATTERN)), "Make it of what this device is; the body is not looked at then.");
    /// `?template=`
    TemplateParam => in_query(
        "template",
        text().pattern(Some(ID_PATTERN)),
        "The name of a template: the device has its properties, and what the body says more.",
    );
    /// `?dry_run=`
    DryRunParam => in_query(
        "dry_run",
        ObjectBuilder::new().schema_type(Type::Boolean).default(Some(false.into())),
        "Whether the plan is only shown.",
    );
    /// `?prune=`
    PruneParam => in_query(
        "prune",
        ObjectBuilder::new().schema_type(Type::Boolean).default(Some(false.into())),
        "Whether what is not named is deleted.",
    );
    /// `?limit=` of the audit log
    AuditLimit => in_query("limit", number().maximum(Some(usize::MAX)), "How many entries; 100 if not said, 1,000 at the most.");
    /// `?level=` of the log
    LogLevelParam => in_query(
        "level",
        text().enum_values(Some(["error", "warn", "info", "debug", "trace"])),
        "Only lines as grave as this, and graver ones.",
    );
    /// `?after=` of the log
    LogAfterParam => in_query("after", number().maximum(Some(usize::MAX)), "Only lines behind this one, by its `seq`.");
    /// `?limit=` of the log
    LogLimitParam => in_query("limit", number().maximum(Some(usize::MAX)), "How many lines; 500 if not said, 4,000 at the most.");
    /// `?before=`
    BeforeParam => in_query("before", number().minimum(Some(isize::MIN)).maximum(Some(isize::MAX)), "Only entries older than this one, by its `id`.");
    /// `?after=` of notifications
    AfterNoteParam => in_query("after", number().maximum(Some(usize::MAX)), "Only entries newer than this one, by its `id`.");
    /// `?event=`
    EventParam => in_query("event", text(), "Only entries of this event.");
    /// `?who=`
    WhoParam => in_query("who", text(), "Only what this one did.");
    /// `?filter=`
    FilterParam => ParameterBuilder::new()
        .name("filter")
        .parameter_in(ParameterIn::Query)
        .required(Required::True)
        .description(Some("Which topics, with `+` and `#` as in MQTT; write `%23` for `#`. May be given several times."))
        .schema(Some(
            ArrayBuilder::new()
                .items(ObjectBuilder::new().schema_type(Type::String).examples(["devices/#"]))
                .min_items(Some(1))
                .max_items(Some(EVENT_FILTERS_MAX)),
        ))
        .example(Some(serde_json::json!(["devices/#"])))
        .build();
    /// `?filter=` of a list
    OneFilterParam => in_query(
        "filter",
        text().pattern(Some(FILTER_PATTERN)).examples(["home/#"]),
        "Which topics, with `+` and `#` as in MQTT; write `%23` for `#`. All if not said.",
    );
    /// `Range`
    RangeParam => in_header("Range", "One range of bytes, such as `bytes=0-1023`.");
    /// `Last-Event-ID`
    LastEventParam => in_header("Last-Event-ID", "The `id` of the last event that came, to go on behind it.");
    /// `If-Match`
    IfMatchParam => in_header("If-Match", "The `ETag` of what the change was made of, or `*`; needed.");
    /// `If-None-Match`
    KnownTag => in_header("If-None-Match", "The `ETag` of what is known: 304 if that is still so.");
}

/// What an entry of a batch may be.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it is only described")]
pub(crate) struct BatchEntry {
    /// `publish`, `report`, `request`, `clear` or `get`.
    #[schema(schema_with = batch_ops)]
    op: String,
    /// Comes back in the result.
    #[schema(schema_with = batch_id, required = false)]
    id: Option<String>,
    /// For `publish`, `clear` and `get`.
    topic: Option<String>,
    /// For `report`, `request` and `get`.
    device: Option<String>,
    /// As `device`; without it `get` shows the whole device.
    property: Option<String>,
    /// For `publish`, `report` and `request`.
    #[schema(value_type = Payload, required = false)]
    payload: String,
    #[schema(minimum = 0, maximum = 2)]
    qos: Option<u8>,
    /// For `publish`.
    retain: Option<bool>,
    /// Of a request: for how many seconds it stays pending.
    #[schema(minimum = 0, maximum = 31_536_000)]
    ttl: Option<f64>,
}

/// What became of an entry.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is only described")]
pub(crate) struct BatchResult {
    /// As it came; left out if it had none.
    #[schema(schema_with = batch_id, required = false)]
    id: Option<String>,
    /// What the request by itself would have been answered with.
    status: u16,
    /// What was read: a message, a property's state or a device.
    #[schema(value_type = Payload, required = false)]
    body: String,
    /// Why it was refused.
    #[schema(value_type = ProblemBody<'static>, required = false)]
    problem: String,
}

fn batch_ops() -> ObjectBuilder {
    text().enum_values(Some(["publish", "report", "request", "clear", "get"]))
}

fn batch_id() -> OneOfBuilder {
    let number = ObjectBuilder::new().schema_type(Type::Number);
    OneOfBuilder::new().item(number).item(text().max_length(Some(WS_ID_BYTES_MAX - 2)))
}
