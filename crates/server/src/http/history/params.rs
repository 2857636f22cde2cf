//! What the API's documents say of questions about the past, and of their answers, which are written by hand.

use std::collections::BTreeMap;

use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::{IntoParams, ToSchema};

use crate::http::describe::{in_query, text};
use crate::limits::HISTORY_BUCKETS_MAX;
use crate::view::schema::{Payload, TypeWord};

/// `?from=&to=&points=&agg=&after=&format=`
pub(crate) struct HistoryParams;
/// `?series=`
pub(crate) struct SeriesParam;
/// `?from=&to=` of what is deleted
pub(crate) struct StretchParams;

/// As `moment` reads them.
const MOMENT_PATTERN: &str = "^(now|-[0-9]{1,6}(\\.[0-9]{1,3})?(s|m|min|h|d|w)|-[0-9]{1,3}y|[0-9]{1,10}(\\.[0-9]{1,6})?|[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])(T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,6})?Z)?)$";
const SERIES_PATTERN: &str =
    "^[A-Za-z0-9_-]{1,64}/[A-Za-z0-9_-]{1,64}(,[A-Za-z0-9_-]{1,64}/[A-Za-z0-9_-]{1,64}){0,49}$";

fn moment() -> ObjectBuilder {
    text().pattern(Some(MOMENT_PATTERN)).examples(["-7d", "2026-01-31T09:05:00Z"])
}

impl IntoParams for HistoryParams {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let points =
            ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)).maximum(Some(HISTORY_BUCKETS_MAX));
        let agg = text().enum_values(Some(["mean", "min", "max", "last", "count", "sum"]));
        let format = text().enum_values(Some(["json", "csv", "ndjson"]));
        let about = "So long ago (`-24h`, `-7d`), `now`, RFC 3339, a day, or seconds since 1970.";
        vec![
            in_query("from", moment(), &format!("From this moment on; 24 hours ago if not said. {about}")),
            in_query("to", moment(), "Until before this moment; until now if not said."),
            in_query("points", points, "About how many points; with `agg` for how many stretches, 300 if not said."),
            in_query(
                "agg",
                agg,
                "One value for each stretch: `last` is of all types, `count` too, the others of numbers; `true` is 1.",
            ),
            in_query(
                "after",
                text().pattern(Some("^-?[0-9]{1,18}\\.[0-9]{1,9}$")),
                "Where all points go on: `next` of the answer before.",
            ),
            in_query("format", format, "In which form; files have no bound."),
        ]
    }
}

impl IntoParams for StretchParams {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![
            in_query("from", moment(), "From this moment on; from the beginning if not said."),
            in_query("to", moment(), "Until before this moment; to the end if not said."),
        ]
    }
}

impl IntoParams for SeriesParam {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let series = text().pattern(Some(SERIES_PATTERN)).examples(["lamp/power,lamp/level"]);
        vec![in_query("series", series, "Which properties, up to 50, divided by commas.")]
    }
}

/// What a property was.
#[derive(ToSchema)]
#[schema(as = History)]
#[expect(dead_code, reason = "it is only described")]
pub(crate) struct HistoryView {
    #[schema(example = "lamp")]
    device: String,
    #[schema(example = "level")]
    property: String,
    /// `null` if nobody knows.
    #[schema(value_type = Option<TypeWord>)]
    r#type: Option<String>,
    #[schema(example = "%")]
    unit: Option<String>,
    #[schema(format = DateTime)]
    from: String,
    #[schema(format = DateTime)]
    to: String,
    /// Whether these are the points as they came.
    raw: bool,
    /// Of each the time and the value, in order of time.
    points: Vec<Vec<Payload>>,
    /// If there are more points: what to say as `after`. Otherwise it is left out.
    #[schema(required = false)]
    next: Option<String>,
    /// Of states, without `agg`: for how many seconds each held, the longest first. Otherwise it is left out.
    #[schema(required = false)]
    time_in_state: Option<BTreeMap<String, f64>>,
}

/// What several properties were.
#[derive(ToSchema)]
#[schema(as = Histories)]
#[expect(dead_code, reason = "it is only described")]
pub(crate) struct ManyView {
    #[schema(format = DateTime)]
    from: String,
    #[schema(format = DateTime)]
    to: String,
    series: Vec<HistoryView>,
}
