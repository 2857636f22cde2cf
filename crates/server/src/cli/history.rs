//! `housewire history`: what properties were, for people (a line that is drawn, a table) and for programs (`--csv`, `--json`).

use std::time::Duration;

use clap::{Args, ValueEnum};
use reqwest::{Method, Url};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::client::Client;
use super::failure::Failure;
use super::output::{Output, printable};
use super::{HubCommand, HubOptions, table};
use crate::history::Name;

const EXAMPLE: &str = "\
Times: -24h, -7d, 2026-01-31, 2026-01-31T09:05:00Z, seconds since 1970.
Without --points and --agg there are all points; on a terminal, as many as the line that is drawn has places.

Example:
  housewire history kitchen/temperature
  housewire history kitchen/temperature --from -30d --agg mean --points 30
  housewire history kitchen/temperature lamp/power --from 0 --csv > house.csv";

/// Places of the line that is drawn.
const LINE_POINTS: usize = 60;
/// A year of a property may take a while.
const EXPORT_WAIT: Duration = Duration::from_secs(24 * 60 * 60);

/// Arguments of `housewire history`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLE)]
pub struct History {
    /// Which properties
    #[arg(value_name = "DEVICE/PROPERTY", required = true, num_args = 1..=50, value_parser = parse_name)]
    series: Vec<Name>,
    /// From this moment on [default: 24 hours ago]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    from: Option<String>,
    /// Until before this moment [default: now]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    to: Option<String>,
    /// About so many points, the lowest and the highest among them
    #[arg(long, value_name = "N")]
    points: Option<usize>,
    /// One value for each of --points stretches of time
    #[arg(long, value_enum)]
    agg: Option<AggWord>,
    /// Print CSV, however many points there are
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    #[command(flatten)]
    options: HubOptions,
}

/// What becomes of the points of a stretch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum AggWord {
    Mean,
    Min,
    Max,
    Last,
    Count,
    Sum,
}

impl AggWord {
    fn word(self) -> String {
        format!("{self:?}").to_lowercase()
    }
}

fn parse_name(text: &str) -> Result<Name, String> {
    Name::parse(text).ok_or_else(|| "write DEVICE/PROPERTY, for example lamp/power".to_owned())
}

/// What the hub answers about one property.
#[derive(Debug, Deserialize)]
struct SeriesView {
    device: String,
    property: String,
    unit: Option<String>,
    from: String,
    to: String,
    points: Vec<(String, Value)>,
    next: Option<String>,
    #[serde(default)]
    time_in_state: serde_json::Map<String, Value>,
}

#[derive(Debug, Deserialize)]
struct ManyView {
    series: Vec<SeriesView>,
}

impl HubCommand for History {
    fn options(&self) -> &HubOptions {
        &self.options
    }

    async fn run(self, client: &Client, output: &Output) -> Result<(), Failure> {
        let names = self.series.iter().map(Name::key).collect::<Vec<_>>().join(",");
        let what = format!("cannot read the history of {names}");
        let is_drawn = output.is_terminal() && !output.is_json() && !self.csv;
        let request = client.patient_request(Method::GET, self.url(client, &names, is_drawn), EXPORT_WAIT);
        if self.csv {
            let mut answer = client.send(&what, request).await?;
            while let Some(piece) = client.piece(&what, &mut answer).await? {
                output.piece(&piece)?;
            }
            return Ok(());
        }
        if output.is_json() {
            return output.json(&client.fetch::<Box<RawValue>>(&what, request).await?);
        }
        let all = match self.series.len() {
            1 => vec![client.fetch::<SeriesView>(&what, request).await?],
            _ => client.fetch::<ManyView>(&what, request).await?.series,
        };
        for (number, series) in all.iter().enumerate() {
            let between = if number > 0 { "\n" } else { "" };
            output.text(&format!("{between}{}", page(series, is_drawn)))?;
            if series.next.is_some() {
                output.note("There are more points: say --points, or --csv for all of them.");
            }
        }
        Ok(())
    }
}

impl History {
    fn url(&self, client: &Client, names: &str, is_drawn: bool) -> Url {
        let mut url = match &*self.series {
            [Name { device, property }] => client.hub.api(["devices", device.as_str(), property.as_str(), "history"]),
            _ => client.hub.api(["history"]),
        };
        let points = self.points.or((is_drawn && self.agg.is_none()).then_some(LINE_POINTS));
        let fields = [
            ("series", (self.series.len() > 1).then(|| names.to_owned())),
            ("from", self.from.clone()),
            ("to", self.to.clone()),
            ("points", points.map(|points| points.to_string())),
            ("agg", self.agg.map(AggWord::word)),
            ("format", self.csv.then(|| "csv".to_owned())),
        ];
        if fields.iter().any(|(_, value)| value.is_some()) {
            let given = fields.iter().filter_map(|(name, value)| Some((*name, value.as_deref()?)));
            url.query_pairs_mut().extend_pairs(given);
        }
        url
    }
}

fn page(series: &SeriesView, is_drawn: bool) -> String {
    let unit = series.unit.as_deref().map_or_else(String::new, |unit| format!(" {unit}"));
    let mut page = String::new();
    if is_drawn {
        let SeriesView { device, property, from, to, .. } = series;
        page.push_str(&format!("{device}/{property}, {from} to {to}\n"));
        page.push_str(&drawn(series, &unit));
        page.push('\n');
    }
    if series.points.is_empty() {
        page.push_str("nothing in this time\n");
        return printable(&page).into_owned();
    }
    let value = |value: &Value| format!("{}{unit}", shown(value));
    let rows: Vec<_> = series.points.iter().map(|(time, of)| vec![time.clone(), value(of)]).collect();
    page.push_str(&table::render(&["TIME", "VALUE"], &rows));
    if !series.time_in_state.is_empty() {
        let rows = series.time_in_state.iter().map(|(state, s)| vec![state.clone(), format!("{} s", shown(s))]);
        page.push('\n');
        page.push_str(&table::render(&["STATE", "FOR"], &rows.collect::<Vec<_>>()));
    }
    printable(&page).into_owned()
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A line of numbers, with the lowest and the highest; of states nothing is drawn.
fn drawn(series: &SeriesView, unit: &str) -> String {
    const HEIGHTS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let number = |value: &Value| value.as_f64().or_else(|| value.as_bool().map(|is_on| f64::from(u8::from(is_on))));
    let numbers: Vec<f64> = series.points.iter().filter_map(|(_, value)| number(value)).collect();
    let (least, most) = numbers
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), number| (least.min(*number), most.max(*number)));
    if numbers.len() < 2 {
        return String::new();
    }
    let height = |number: &f64| {
        let part = if most > least { (number - least) / (most - least) } else { 0.5 };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 7")]
        HEIGHTS[(part * 7.0).round().clamp(0.0, 7.0) as usize]
    };
    let line: String = numbers.iter().map(height).collect();
    format!("{line}  {least} to {most}{unit}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(points: &str) -> SeriesView {
        let text = format!(
            r#"{{"device":"lamp","property":"level","type":"float","unit":"%","from":"A","to":"B","raw":true,"points":{points}}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn a_line_and_a_table() {
        let page_of = |points| page(&series(points), true);
        let page = page_of(r#"[["T1",0],["T2",50],["T3",100]]"#);
        assert_eq!(page, "lamp/level, A to B\n▁▅█  0 to 100 %\n\nTIME  VALUE\nT1    0 %\nT2    50 %\nT3    100 %\n");
        assert!(page_of(r#"[["T1",3],["T2",3]]"#).contains("▅▅  3 to 3 %"));
        assert!(page_of("[]").contains("nothing in this time"));
    }

    #[test]
    fn programs_get_no_line_and_states_none_either() {
        assert_eq!(page(&series(r#"[["T1",1.5]]"#), false), "TIME  VALUE\nT1    1.5 %\n");
        let mut states = series(r#"[["T1","on"],["T2","of\u001bf"]]"#);
        states.unit = None;
        states.time_in_state = serde_json::from_str(r#"{"on":1.5}"#).unwrap();
        let page = page(&states, true);
        assert!(
            page.ends_with("STATE  FOR\non     1.5 s\n") && !page.contains('\u{1b}') && !page.contains('█'),
            "{page}"
        );
    }
}
