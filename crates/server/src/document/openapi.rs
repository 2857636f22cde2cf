//! The OpenAPI document: what the handlers say, and what holds for all of them.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use utoipa::openapi::{InfoBuilder, LicenseBuilder, OpenApi, RefOr, Response};
use utoipa::{IntoResponses as _, PartialSchema as _, ToSchema as _};

use crate::document::schemas::list_examples;
use crate::http::{BadRequest, COOKIE, Forbidden, PROBLEM_ANSWERS, ProblemAnswer, ProblemBody, Slowed, Unauthorized};
use crate::routes;

/// Of the program.
pub(super) const LICENCE: &str = "MIT OR Apache-2.0";

/// Said once for the whole API.
const ABOUT: &str = "\
Every device of a home or lab on one set of live values. **The path is the topic**: `/api/devices/lamp/power` is the topic \
`devices/lamp/power`, which MQTT and WebSocket clients know by the same name.

Errors are `application/problem+json`: `detail` says what happened, why, and what to do; `code` is for programs. A method that a path does \
not take is 405, with the methods that it takes in `Allow`; a request line with headers over about 32 KiB is 431.

Any of the credentials below will do; a guest needs none, where the hub takes guests.

What goes through WebSockets and MQTT is described in `/api/asyncapi.json`.";

/// The groups of operations, in the order that they are shown in.
const TAGS: [(&str, &str); 14] = [
    ("Values", "What devices report and are asked for."),
    ("History", "What values were, and what is kept of them."),
    ("Devices", "The registry: names, rooms, properties and their rules."),
    ("Topics", "Any topic, whoever uses it for whatever."),
    ("Live", "Messages as they come."),
    ("Wire", "Connections, what goes over them, and what was refused."),
    ("People", "Accounts, and who is signed in."),
    ("Discovery", "Devices that announce themselves."),
    ("House", "The house as it is written down: templates, virtual devices, all of it."),
    ("Firmware", "Programs for devices: files, and which of them is to run where."),
    ("Dashboards", "Pages that people make of widgets, and links to them."),
    ("Tokens", "What lets devices and apps in."),
    ("Clients", "Who is connected, and who may come back."),
    ("Hub", "The hub itself."),
];

/// By status.
type Responses = BTreeMap<String, RefOr<Response>>;

/// Answers that do not come from routes.
const EVERYWHERE: [fn() -> Responses; 4] =
    [BadRequest::responses, Unauthorized::responses, Forbidden::responses, Slowed::responses];

/// Fields that are not there if they have nothing to say; all others are `null` then.
const LEFT_OUT: [(&str, &str); 12] = [
    ("Problem", "instance"),
    ("Problem", "current"),
    ("Who", "dashboard"),
    ("Property", "bindings"),
    ("Widget", "tab"),
    ("WidgetSource", "property"),
    ("WidgetSource", "topic"),
    ("BatchResult", "id"),
    ("BatchResult", "body"),
    ("BatchResult", "problem"),
    ("History", "next"),
    ("History", "time_in_state"),
];

/// Operations that take a body of one type, or none.
const BODY_OR_NONE: [&str; 3] = ["createDeviceToken", "createDeviceCertificate", "createShare"];

/// Makes the document.
pub(super) fn make() -> Value {
    let (_router, mut document) = routes::described();
    let licence = LicenseBuilder::new().name(LICENCE).identifier(Some(LICENCE)).build();
    document.info = InfoBuilder::new()
        .title("Housewire")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(ABOUT))
        .license(Some(licence))
        .build();
    finish(&document)
}

/// Adds what holds for all operations, and turns what the router needs into what OpenAPI knows.
fn finish(document: &OpenApi) -> Value {
    let mut document = serde_json::to_value(document).expect("a document of strings is JSON");
    document["servers"] = json!([{ "url": "/", "description": "This hub" }]);
    document["tags"] =
        TAGS.iter().map(|(name, description)| json!({ "name": name, "description": description })).collect();
    document["components"]["schemas"][&*ProblemBody::name()] =
        serde_json::to_value(ProblemBody::schema()).expect("a schema is JSON");
    document["components"]["responses"] =
        PROBLEM_ANSWERS.iter().map(|answer| (answer.name.to_owned(), problem(answer))).collect();
    let paths = std::mem::take(object(&mut document["paths"]));
    let paths = paths.into_iter().map(|(path, item)| (plain_path(&path), item));
    document["paths"] = paths.collect::<Map<_, _>>().into();
    for operation in operations(&mut document) {
        // A body that may be of any type may be empty, too, which is the same as none.
        let takes_any = operation.pointer("/requestBody/content/application~1octet-stream").is_some();
        if takes_any || operation["operationId"].as_str().is_some_and(|id| BODY_OR_NONE.contains(&id)) {
            operation["requestBody"]["required"] = false.into();
        }
        let answers = object(&mut operation["responses"]);
        answers.values_mut().filter(|answer| answer.get("$ref").is_none()).for_each(tell_the_rate);
        // Every request passes what comes before the routes, so these belong to all operations.
        for (status, answer) in EVERYWHERE.iter().flat_map(|answers| answers()) {
            answers.entry(status).or_insert_with(|| serde_json::to_value(answer).expect("an answer is JSON"));
        }
    }
    document["components"]["headers"] = rate_headers();
    document["components"]["securitySchemes"] = credentials();
    document["security"] = CREDENTIALS.map(|name| json!({ name: [] })).into_iter().collect();
    share_with_what_is_hidden(&mut document);
    require_what_is_always_there(&mut document);
    object(&mut document["components"]["schemas"]).values_mut().for_each(list_examples);
    document
}

/// The router marks a parameter that spans levels, `{*topic}`; OpenAPI has no word for it.
fn plain_path(path: &str) -> String {
    path.replace("{*", "{")
}

/// Each answer to an address that is counted says how much is left of its rate.
fn tell_the_rate(answer: &mut Value) {
    for (name, _) in RATE_HEADERS {
        answer["headers"][name] = json!({ "$ref": format!("#/components/headers/{name}") });
    }
}

const RATE_HEADERS: [(&str, &str); 2] = [
    (
        "RateLimit",
        "How many requests this address has left, and after how many seconds all are given back. Not said to the hub's own machine.",
    ),
    ("RateLimit-Policy", "How many requests in how many seconds there are."),
];

fn rate_headers() -> Value {
    let header = |says: &str| json!({ "description": says, "schema": { "type": "string" } });
    RATE_HEADERS.iter().map(|(name, says)| ((*name).to_owned(), header(says))).collect()
}

const CREDENTIALS: [&str; 5] = ["token", "password", "query", "cookie", "certificate"];

/// How clients say who they are.
fn credentials() -> Value {
    let key = |place: &str, name: &str, says: &str| json!({ "type": "apiKey", "in": place, "name": name, "description": says });
    let [token, password, query, browser, certificate] = CREDENTIALS;
    json!({
        token: { "type": "http", "scheme": "bearer", "description": "A token of a device or app." },
        password: {
            "type": "http", "scheme": "basic", "description": "A person's name and password, or any name and a token as the password.",
        },
        query: key("query", "token", "A token, for what can set no header. It may be seen in logs of what lies between."),
        browser: key("cookie", COOKIE, "Of a browser that is signed in; over TLS it is called `__Host-housewire`."),
        certificate: { "type": "mutualTLS", "description": "A client certificate that the hub issued for a device." },
    })
}

/// A path that is written out hides a path with a parameter in its place, but not what can be done there with other methods:
/// `/api/devices/{id}/token` is a property of that name, too. No property has a name with a dot.
fn share_with_what_is_hidden(document: &mut Value) {
    let paths = object(&mut document["paths"]);
    let names: Vec<String> = paths.keys().cloned().collect();
    for path in &names {
        for wide in names.iter().filter(|wide| *wide != path && is_within(path, wide)) {
            let (mut shared, last) = (paths[wide].clone(), path.rsplit('/').next().unwrap_or_default());
            for (method, operation) in object(&mut shared) {
                let id = operation["operationId"].as_str().unwrap_or_default().to_owned();
                operation["operationId"] = format!("{id}{}{}", last[..1].to_uppercase(), &last[1..]).into();
                // For those who show operations to people, who need to see it once.
                operation["x-same-as"] = id.into();
                if let Some(parameters) = operation["parameters"].as_array_mut() {
                    let stays =
                        |name: &str| path.contains(&format!("{{{name}}}")) || !wide.contains(&format!("{{{name}}}"));
                    parameters.retain(|parameter| parameter["name"].as_str().is_some_and(stays));
                }
                object(&mut paths[path]).entry(method).or_insert(operation.clone());
            }
        }
    }
}

/// Whether the second path has a parameter wherever it differs from the first. One that spans levels is left out, as clients
/// write its slashes as they like.
fn is_within(path: &str, wide: &str) -> bool {
    let (levels, wide) = (path.split('/'), wide.split('/'));
    levels.clone().count() == wide.clone().count()
        && levels.zip(wide).all(|(level, wide)| level == wide || (wide.starts_with('{') && !level.contains(['{', '.'])))
}

fn problem(answer: &ProblemAnswer) -> Value {
    let mut response = json!({
        "description": answer.text,
        "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } },
    });
    for (name, says) in answer.headers {
        response["headers"][name] = json!({ "description": says, "schema": { "type": "string" } });
    }
    response
}

/// Each operation of each path.
fn operations(document: &mut Value) -> impl Iterator<Item = &mut Value> {
    object(&mut document["paths"]).values_mut().flat_map(|item| object(item).values_mut())
}

/// Whatever the hub writes, it writes whole: a field that has nothing to say is `null`. What clients write may leave fields out.
fn require_what_is_always_there(document: &mut Value) {
    let mut inputs = Vec::new();
    for operation in operations(document) {
        operation.get("requestBody").into_iter().for_each(|body| references(body, &mut inputs));
    }
    let mut followed = 0;
    while let Some(name) = inputs.get(followed).cloned() {
        references(&document["components"]["schemas"][&name], &mut inputs);
        followed += 1;
    }
    for (name, schema) in object(&mut document["components"]["schemas"]) {
        if !inputs.contains(name)
            && let Some(fields) = schema["properties"].as_object()
        {
            let is_there = |field: &&String| !LEFT_OUT.contains(&(name.as_str(), field.as_str()));
            schema["required"] = fields.keys().filter(is_there).cloned().collect();
        }
    }
}

/// Adds the names of the schemas that this refers to.
fn references(value: &Value, names: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            if let Some(name) = fields.get("$ref").and_then(|to| to.as_str()?.strip_prefix("#/components/schemas/"))
                && !names.iter().any(|known| known == name)
            {
                names.push(name.to_owned());
            }
            fields.values().for_each(|value| references(value, names));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, names)),
        _ => {}
    }
}

fn object(value: &mut Value) -> &mut Map<String, Value> {
    value.as_object_mut().expect("the document has objects where OpenAPI says so")
}
