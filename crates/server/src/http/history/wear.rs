//! What the history costs the disk: `GET /api/history/wear`, and the figures for Prometheus.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Json;
use axum::response::{IntoResponse, Response};
use housewire_core::{Access, DeviceId, PropertyName, Timestamp, TopicRef};
use housewire_store::{Wear, WearDay};
use serde::Serialize;
use utoipa::ToSchema;

use crate::aside::aside;
use crate::caller::Caller;
use crate::history::{Recorder, wall};
use crate::http::describe::{Conflict, Forbidden};
use crate::http::history::recorder;
use crate::http::problem::Problem;
use crate::limits::HISTORY_QUEUE_BYTES_MAX;
use crate::metrics::{Kind, MetricsText};
use crate::sink::SinkStatus;

const SHOWN_MAX: usize = 50;
const DAY_MICROS: i64 = 86_400_000_000;

/// What the history costs the disk.
#[derive(Serialize, ToSchema)]
#[schema(as = Wear)]
pub(crate) struct WearView {
    /// What was written on each day, newest first.
    days: Vec<DayView>,
    /// Those properties that cause most of it, and that the caller may read.
    properties: Vec<SeriesView>,
    /// Of compressed points; `null` before there are any.
    bytes_per_point: Option<f64>,
    /// Bytes of all files of the history.
    on_disk: u64,
    /// Bytes written today, in UTC.
    written_today: u64,
    /// How long a value may wait for the disk.
    group_commit_s: u64,
    sd_card: bool,
    queue: QueueView,
    retention: RetentionView,
    /// Where the data folder lies; `null` if the system does not say.
    filesystem: Option<FilesystemView>,
    /// `null` if history goes to no PostgreSQL server.
    postgres: Option<PostgresView>,
}

/// How it goes with PostgreSQL, since the hub started.
#[derive(Serialize, ToSchema)]
#[schema(as = PostgresSink)]
struct PostgresView {
    /// It takes points.
    connected: bool,
    /// Why it does not.
    problem: Option<String>,
    /// Points that it took.
    written_points: u64,
    /// Points that had left the log before it had them.
    lost_points: u64,
}

/// What was written on one day.
#[derive(Serialize, ToSchema)]
#[schema(as = WearDay)]
struct DayView {
    /// In UTC.
    #[schema(format = Date)]
    day: String,
    /// All of it.
    bytes: u64,
    /// By the log.
    log: u64,
    /// By compressed chunks, which are part of what the database wrote.
    chunks: u64,
    /// By the history's database.
    database: u64,
    /// Values that came.
    points: u64,
}

/// What one property causes.
#[derive(Serialize, ToSchema)]
#[schema(as = WearOfProperty)]
struct SeriesView {
    device: String,
    property: String,
    points_per_day: u64,
    /// Estimated.
    bytes_per_day: u64,
}

/// What waits for the history.
#[derive(Serialize, ToSchema)]
#[schema(as = HistoryQueue)]
struct QueueView {
    bytes: usize,
    /// Beyond this, values of QoS 0 are dropped and publishers of others wait.
    bytes_max: usize,
    /// Since the hub started.
    dropped_points: u64,
    /// Whether publishers of QoS 1 and 2 wait for room.
    waiting: bool,
}

/// For how long what is kept.
#[derive(Serialize, ToSchema)]
#[schema(as = HistoryRetention)]
struct RetentionView {
    raw_days: u32,
    minute_days: u32,
    hour_days: u32,
}

/// A file system, in bytes.
#[derive(Serialize, ToSchema)]
#[schema(as = Filesystem)]
struct FilesystemView {
    free: u64,
    size: u64,
}

/// `GET /api/history/wear`
#[utoipa::path(
    get, path = "/api/history/wear", operation_id = "getWear", tag = "History",
    summary = "Tells what the history costs the disk",
    description = "Bytes written per day and per property. Needs the right to read `$SYS/broker/metrics`.",
    responses((status = 200, description = "What was written, and what waits.", body = WearView), Forbidden, Conflict),
)]
pub(crate) async fn show_wear(caller: Caller) -> Result<Response, Problem> {
    caller.must(Access::Read, TopicRef::parse("$SYS/broker/metrics").expect("a constant that parses"))?;
    let recorder = recorder(&caller)?;
    let wear = recorder.wear().await;
    let folder = recorder.folder.clone();
    let filesystem = aside(move || filesystem(&folder)).await;
    Ok(Json(view(&caller, &recorder, wear, filesystem)).into_response())
}

fn view(caller: &Caller, recorder: &Recorder, wear: Wear, filesystem: Option<FilesystemView>) -> WearView {
    let may_read = |device: &str, property: &str| {
        let names = DeviceId::parse(device).ok().zip(PropertyName::parse(property).ok());
        names.is_some_and(|(device, property)| caller.must_read(&device, &property).is_ok())
    };
    let series = wear.series.iter().filter(|series| may_read(&series.info.device, &series.info.property));
    let properties = series.take(SHOWN_MAX).map(|series| SeriesView {
        device: series.info.device.to_string(),
        property: series.info.property.to_string(),
        points_per_day: series.points_per_day,
        bytes_per_day: series.bytes_per_day,
    });
    let (config, fill) = (recorder.config, recorder.fill());
    WearView {
        properties: properties.collect(),
        bytes_per_point: wear.bytes_per_point,
        on_disk: wear.on_disk,
        written_today: today(&wear).bytes(),
        days: wear.days.iter().map(day_view).collect(),
        group_commit_s: config.commit_every().as_secs(),
        sd_card: config.sd_card,
        queue: QueueView {
            bytes: fill.bytes,
            bytes_max: HISTORY_QUEUE_BYTES_MAX,
            dropped_points: recorder.inbox_figures().dropped.load(Ordering::Relaxed),
            waiting: fill.is_crowded,
        },
        retention: RetentionView {
            raw_days: config.raw_days,
            minute_days: config.minute_days,
            hour_days: config.hour_days,
        },
        filesystem,
        postgres: recorder.sink().map(|status| PostgresView {
            connected: status.is_connected,
            problem: status.problem,
            written_points: status.written,
            lost_points: status.lost,
        }),
    }
}

fn today(wear: &Wear) -> WearDay {
    let today = wall().as_micros().div_euclid(DAY_MICROS);
    wear.days.iter().copied().find(|day| day.day == today).unwrap_or_default()
}

fn day_view(day: &WearDay) -> DayView {
    let date = Timestamp::from_micros(day.day.saturating_mul(DAY_MICROS)).to_string();
    let date = date.split('T').next().unwrap_or_default().to_owned();
    DayView {
        day: date,
        bytes: day.bytes(),
        log: day.log,
        chunks: day.chunks,
        database: day.database,
        points: day.points,
    }
}

/// Asks the system, which may wait for the disk.
fn filesystem(folder: &Path) -> Option<FilesystemView> {
    let found = rustix::fs::statvfs(folder).ok()?;
    Some(FilesystemView { free: found.f_bavail * found.f_frsize, size: found.f_blocks * found.f_frsize })
}

/// The history's part of the metrics.
pub(crate) async fn write_metrics(recorder: &Recorder, text: &mut MetricsText) {
    let wear = recorder.wear().await;
    let (figures, inbox, fill) = (recorder.figures(), recorder.inbox_figures(), recorder.fill());
    let load = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
    text.family(
        "housewire_history_values_total",
        Kind::Counter,
        "Values of properties, by what became of them in the history.",
    )
    .sample(&[("result", "kept")], load(&figures.kept))
    .sample(&[("result", "left_out")], load(&figures.left_out))
    .sample(&[("result", "too_long")], load(&figures.too_long))
    .sample(&[("result", "dropped")], load(&inbox.dropped))
    .sample(&[("result", "imported")], load(&figures.imported));
    let help = "Messages of QoS 1 and 2 whose acknowledgement had to wait for room in the history.";
    text.single("housewire_history_waited_total", Kind::Counter, help, load(&inbox.waited));
    text.single("housewire_history_queue_bytes", Kind::Gauge, "What waits for the history's thread.", fill.bytes);
    let help = "Beyond this, QoS 0 is dropped and QoS 1 and 2 wait.";
    text.single("housewire_history_queue_bytes_max", Kind::Gauge, help, HISTORY_QUEUE_BYTES_MAX);
    let help = "1 while publishers of QoS 1 and 2 wait for room in the history.";
    text.single("housewire_history_waiting", Kind::Gauge, help, u8::from(fill.is_crowded));
    text.family("housewire_history_commits_total", Kind::Counter, "Group commits; each waits for the disk once.")
        .sample(&[("result", "written")], load(&figures.commits))
        .sample(&[("result", "refused")], load(&figures.commits_refused));
    let took = Duration::from_micros(load(&figures.took_us)).as_secs_f64();
    text.single("housewire_history_commit_seconds_total", Kind::Counter, "The time that these took.", took);
    let is_failing = u8::from(figures.is_failing.load(Ordering::Relaxed));
    text.single("housewire_history_failing", Kind::Gauge, "1 while the disk refuses the history.", is_failing);
    let day = today(&wear);
    text.family("housewire_history_written_today_bytes", Kind::Gauge, "Written for the history since midnight in UTC.")
        .sample(&[("part", "log")], day.log)
        .sample(&[("part", "database")], day.database);
    let help = "Points that arrived since midnight in UTC.";
    text.single("housewire_history_points_today", Kind::Gauge, help, day.points);
    text.single("housewire_history_disk_bytes", Kind::Gauge, "All files of the history.", wear.on_disk);
    text.single("housewire_history_points", Kind::Gauge, "Points that are kept one by one.", wear.points);
    if let Some(bytes) = wear.bytes_per_point {
        text.single("housewire_history_bytes_per_point", Kind::Gauge, "Of compressed points.", bytes);
    }
    text.single(
        "housewire_history_heads_bytes",
        Kind::Gauge,
        "Memory of points that are in no chunk yet.",
        wear.heads_bytes,
    );
    if let Some(sink) = recorder.sink() {
        write_postgres(&sink, text);
    }
}

fn write_postgres(sink: &SinkStatus, text: &mut MetricsText) {
    let help = "1 while the PostgreSQL server takes points of history.";
    text.single("housewire_postgres_connected", Kind::Gauge, help, u8::from(sink.is_connected));
    let help = "Points that it took.";
    text.single("housewire_postgres_written_points_total", Kind::Counter, help, sink.written);
    let help = "Points that had left the hub's log before it had them.";
    text.single("housewire_postgres_lost_points_total", Kind::Counter, help, sink.lost);
    let help = "The number in the hub's log of the last point that it has.";
    text.single("housewire_postgres_last_point", Kind::Gauge, help, sink.last);
}
