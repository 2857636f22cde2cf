//! Parameters and answers that only routes of firmware have, as OpenAPI has them.

use std::collections::BTreeMap;

use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::openapi::{RefOr, Response, ResponseBuilder};
use utoipa::{IntoParams, IntoResponses};

use crate::http::describe::{ID_PATTERN, in_header, in_path, in_query, text};
use crate::http::firmware::FilePath;

impl IntoParams for FilePath {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![
            in_path("name", ID_PATTERN, "lamp", "The firmware's name."),
            in_path("version", "^[A-Za-z0-9._+-]{1,64}$", "1.2.0", "Its version."),
        ]
    }
}

/// `/api/rollouts/{name}`
pub(crate) struct RolloutPath;

impl IntoParams for RolloutPath {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![in_path("name", ID_PATTERN, "lamp", "The firmware's name.")]
    }
}

/// What may be said of a file.
pub(crate) struct UploadParams;

impl IntoParams for UploadParams {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![
            in_query("note", text(), "What is new in it, for people; 500 characters at the most."),
            in_query(
                "sha256",
                text().pattern(Some("^[0-9a-fA-F]{64}$")),
                "The hash it should have: with another one it is refused.",
            ),
        ]
    }
}

/// What a device says of what it runs.
pub(crate) struct RunningParams;

impl IntoParams for RunningParams {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![
            in_query("version", text(), "What the device runs."),
            in_header(
                "x-ESP8266-version",
                "Likewise, as ESP8266httpUpdate says it; `x-ESP32-version` as HTTPUpdate does.",
            ),
        ]
    }
}

/// The bytes on the disk are not those that were uploaded.
pub(crate) struct DamagedAnswer;

impl IntoResponses for DamagedAnswer {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let text = "The file on the hub's disk is not what was uploaded. `code` is `damaged`.";
        BTreeMap::from([("500".to_owned(), ResponseBuilder::new().description(text).build().into())])
    }
}
