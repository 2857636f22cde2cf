use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use tower::ServiceExt as _;

use super::*;
use crate::http::Hot;
use crate::routes;

/// Routes that are no operations: they say that there is nothing, or lead elsewhere.
const UNDESCRIBED: [&str; 5] = ["/", "/api", "/api/", "/api/{rest}", "/api/docs"];

/// Run it with `UPDATE_GOLDEN=1` after a change, and look at the difference: somebody's program was made from it.
#[test]
fn documents_are_as_written_down() {
    for (name, document) in [("openapi", openapi::make()), ("asyncapi", asyncapi::make())] {
        let text = serde_json::to_string_pretty(&document).unwrap() + "\n";
        let text = text.replace(concat!("\"", env!("CARGO_PKG_VERSION"), "\""), "\"VERSION\"");
        let golden = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("../../tests/golden/{name}.json"));
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&golden, &text).unwrap();
        }
        let written = std::fs::read_to_string(golden).unwrap_or_default();
        let differing = text.lines().zip(written.lines()).find(|(now, then)| now != then);
        assert!(text == written, "{name}.json differs at {differing:?}; if it is meant, use UPDATE_GOLDEN=1");
    }
}

/// The paths that the router has, with their parameters as the document writes them. axum tells of them only as it is debugged.
fn routed(router: &Router) -> BTreeSet<String> {
    let shown = format!("{router:?}");
    let paths: BTreeSet<_> =
        shown.split('"').filter(|text| text.starts_with('/')).map(|path| path.replace("{*", "{")).collect();
    assert!(paths.contains("/api/health"), "axum shows its routes in another way now: {shown}");
    paths
}

fn described() -> BTreeMap<String, BTreeMap<String, String>> {
    let document = openapi::make();
    let paths = document["paths"].as_object().unwrap().iter().map(|(path, item)| {
        let operations = item.as_object().unwrap().iter().map(|(method, operation)| {
            (method.to_uppercase(), operation["operationId"].as_str().expect("an operation has an id").to_owned())
        });
        (path.clone(), operations.collect())
    });
    paths.collect()
}

/// A path as a client would write it.
fn filled(path: &str) -> String {
    path.split('/').map(|level| if level.starts_with('{') { "x" } else { level }).collect::<Vec<_>>().join("/")
}

#[test]
fn the_router_and_the_document_have_the_same_paths() {
    let mut routed = routed(&routes::described().0);
    routed.retain(|path| !path.contains("__private") && !UNDESCRIBED.contains(&path.as_str()));
    assert_eq!(routed.into_iter().collect::<Vec<_>>(), described().into_keys().collect::<Vec<_>>());
}

#[tokio::test]
async fn the_router_and_the_document_have_the_same_methods() {
    let router = routes::described().0;
    for (path, operations) in described() {
        let request = Request::builder().method(Method::TRACE).uri(filled(&path)).body(Body::empty()).unwrap();
        let answer = router.clone().oneshot(request).await.unwrap();
        assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED, "{path}");
        let allowed = answer.headers()[header::ALLOW].to_str().unwrap().split(',').map(str::to_owned);
        let mut expected: BTreeSet<_> = operations.into_keys().collect();
        if expected.contains("GET") {
            expected.insert("HEAD".into());
        }
        assert_eq!(allowed.collect::<BTreeSet<_>>(), expected, "{path}");
    }
}

#[test]
fn what_passes_the_router_by_is_described_too() {
    let mut hot = BTreeSet::new();
    for (path, operations) in described() {
        for (method, id) in operations {
            let Some(found) = Hot::of(&method.parse().unwrap(), &filled(&path)) else { continue };
            let expected = match found {
                Hot::GetProperty => "getProperty",
                Hot::ReportProperty => "putProperty",
                Hot::GetTopic => "getTopic",
                Hot::RetainTopic => "putTopic",
                Hot::PublishTopic => "postTopic",
            };
            // A path that is written out may be that of a property, too.
            assert!(id.starts_with(expected), "{method} {path}: {id}");
            hot.insert(expected);
        }
    }
    assert_eq!(hot.len(), 5, "{hot:?}");
}

#[test]
fn operations_are_told_apart_and_explained() {
    let document = openapi::make();
    let tags: Vec<_> = document["tags"].as_array().unwrap().iter().map(|tag| &tag["name"]).collect();
    let mut ids = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap();
            assert!(ids.insert(id), "{id} is there twice");
            assert!(operation["summary"].is_string(), "{method} {path} has no summary");
            assert!(tags.contains(&&operation["tags"][0]), "{method} {path} has a tag that is not explained");
            for name in path.split('/').filter_map(|level| level.strip_prefix('{')?.strip_suffix('}')) {
                let parameters = operation["parameters"].as_array().unwrap();
                assert!(parameters.iter().any(|parameter| parameter["name"] == name), "{method} {path}: {name}");
            }
        }
    }
}

/// The table of the reference says the same, in fewer words.
#[test]
fn the_reference_has_the_same_operations() {
    let reference = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/ref/http-api.md");
    let reference = std::fs::read_to_string(reference).unwrap();
    let document = openapi::make();
    let mut told = BTreeSet::new();
    for row in reference.lines().filter_map(|line| line.strip_prefix("| `")) {
        let Some((request, rest)) = row.split_once('`') else { continue };
        let Some((method, path)) = request.split_once(" /") else { continue };
        let path = format!("/{}", path.split('?').next().unwrap_or_default());
        // Files, the CA's certificate among them, are for browsers.
        let is_api = path.starts_with("/api/") || path == "/mqtt" || path == "/websockets";
        if !is_api || UNDESCRIBED.contains(&path.as_str()) {
            continue;
        }
        let operation = &document["paths"][&path][method.to_lowercase()];
        assert!(operation.is_object(), "{request} is not described");
        let answers = rest.rsplit('|').nth(1).unwrap_or_default();
        for status in answers.split(|c: char| !c.is_ascii_digit()).filter(|digits| digits.len() == 3) {
            assert!(operation["responses"].get(status).is_some(), "{request}: {status} is not described");
        }
        told.insert((path, method.to_owned()));
    }
    // That a property may have the name of something else goes without saying there.
    let goes_without_saying = |id: &str| {
        id.starts_with("getProperty") && id != "getProperty" || id.starts_with("putProperty") && id != "putProperty"
    };
    let described = described().into_iter().flat_map(|(path, operations)| {
        let told = operations.into_iter().filter(|(_, id)| !goes_without_saying(id));
        told.map(move |(method, _)| (path.clone(), method)).collect::<Vec<_>>()
    });
    assert_eq!(told.into_iter().collect::<Vec<_>>(), described.collect::<Vec<_>>());
}

#[test]
fn references_lead_somewhere() {
    fn check(value: &Value, document: &Value) {
        match value {
            Value::Object(fields) => {
                if let Some(Value::String(to)) = fields.get("$ref") {
                    assert!(document.pointer(to.trim_start_matches('#')).is_some(), "{to}");
                }
                fields.values().for_each(|value| check(value, document));
            }
            Value::Array(items) => items.iter().for_each(|item| check(item, document)),
            _ => {}
        }
    }
    for document in [openapi::make(), asyncapi::make()] {
        check(&document, &document);
    }
}

#[tokio::test]
async fn a_document_is_made_once() {
    let (first, second) = (OPENAPI.get().await, OPENAPI.get().await);
    assert_eq!(first.json.as_ptr(), second.json.as_ptr());
    assert_eq!(first.tag, second.tag);
    assert!(serde_json::from_slice::<Value>(&first.json).is_ok_and(|document| document["openapi"] == "3.1.0"));
}
