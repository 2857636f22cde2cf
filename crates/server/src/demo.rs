//! The demo house: four simulated devices, so that a fresh hub shows something that lives. One of them is a definition of a virtual
//! device, played as any other is; the rest do what no definition says.
//!
//! They are real clients over loopback, each through another door, and know nothing of the hub's inside: what they do
//! any device could do. How they are played belongs to `players`. Removing the
//! devices from the registry belongs to whoever stops the house.

mod button;
mod fan;
mod lamp;

use std::thread;
use std::time::Duration;

use housewire_core::Now;
use parking_lot::Mutex;
use tokio::sync::watch;
use tracing::{error, info};

use self::button::Button;
use self::fan::Fan;
use self::lamp::Lamp;
use crate::house::format::Format;
use crate::players::Access;
use crate::players::http_door::HttpDoor;
use crate::players::life::live;
use crate::players::mqtt3_door::Mqtt3Door;
use crate::players::mqtt5_door::Mqtt5Door;
use crate::players::registrar::Registrar;
use crate::players::ws_door::WsDoor;
use crate::virtual_devices::model::{Trouble, VirtualModel};
use crate::virtual_devices::sheet::VirtualSheet;

/// Longest that [`Demo::stop`] waits for the devices to say goodbye; each of them gives up sooner.
const STOP_LIMIT: Duration = Duration::from_secs(2);

/// So long has what is played from a definition been there, so that charts have something to show.
const PAST: Duration = Duration::from_secs(7 * 86_400);

/// Starts and stops the demo house.
#[derive(Debug, Default)]
pub(crate) struct Demo {
    house: Mutex<Option<House>>,
}

/// Running devices.
#[derive(Debug)]
struct House {
    /// Asks to end by `true`, or by being dropped.
    stop: watch::Sender<bool>,
    /// Closed when everything has ended.
    ended: watch::Receiver<()>,
}

impl House {
    fn open(access: Access) -> std::io::Result<Self> {
        let access = access.of_demo();
        let (stop, stopping) = watch::channel(false);
        let (end, ended) = watch::channel(());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        thread::Builder::new().name("demo-house".to_owned()).spawn(move || {
            runtime.block_on(run(access, stopping));
            // Connections that tasks still hold are closed before anybody is told that all have ended.
            drop(runtime);
            drop(end);
        })?;
        Ok(Self { stop, ended })
    }

    fn has_ended(&self) -> bool {
        self.ended.has_changed().is_err()
    }
}

impl Demo {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Starts the devices, on a thread of their own so that they take nothing from the shards. They keep trying until
    /// the hub lets them in. Does nothing if they run already.
    pub(crate) fn start(&self, access: Access) {
        let mut house = self.house.lock();
        if house.as_ref().is_some_and(|house| !house.has_ended()) {
            return;
        }
        match House::open(access) {
            Ok(opened) => *house = Some(opened),
            Err(error) => error!("the demo house cannot start: {error}; the hub goes on without it"),
        }
    }

    /// Whether any device still runs.
    #[cfg(test)]
    pub(crate) fn is_running(&self) -> bool {
        self.house.lock().as_ref().is_some_and(|house| !house.has_ended())
    }

    /// Asks the devices to end, when the hub does: it closes their connections anyway.
    pub(crate) fn end(&self) {
        if let Some(house) = self.house.lock().as_ref() {
            // Nobody listens when they have all ended by themselves.
            let _asked = house.stop.send(true).is_ok();
        }
    }

    /// Stops the devices and waits until their connections are gone.
    pub(crate) async fn stop(&self) {
        self.end();
        let Some(mut ended) = self.house.lock().as_ref().map(|house| house.ended.clone()) else { return };
        // Only the closing of the channel counts: nothing is ever sent.
        if tokio::time::timeout(STOP_LIMIT, async { while ended.changed().await.is_ok() {} }).await.is_err() {
            error!("the demo house did not end in time; its connections close when it does");
        }
    }
}

/// All devices at once, until they are stopped or have all been removed.
async fn run(access: Access, stop: watch::Receiver<bool>) {
    let registrar = match Registrar::new(&access) {
        Ok(registrar) => registrar,
        Err(error) => return error!("the demo house cannot start: {error}"),
    };
    info!("the demo house moves in; remove it on the page or with 'housewire devices remove --demo'");
    let now = crate::shard::now();
    let mut chance = fastrand::Rng::new();
    let mut seed = || chance.u64(..);
    let thermometer = match thermometer(now) {
        Ok(thermometer) => thermometer,
        Err(error) => return error!("the demo house cannot start: {error}"),
    };
    tokio::join!(
        live::<Mqtt3Door>(Lamp::new(seed(), now), access.clone(), &registrar, stop.clone(), |_| ()),
        live::<HttpDoor>(thermometer, access.clone(), &registrar, stop.clone(), |_| ()),
        live::<WsDoor>(Button::new(seed(), now), access.clone(), &registrar, stop.clone(), |_| ()),
        live::<Mqtt5Door>(Fan::new(seed(), now), access.clone(), &registrar, stop.clone(), |_| ()),
    );
    info!("the demo house is empty");
}

/// Nothing but a definition, as anybody may write one.
fn thermometer(now: Now) -> Result<VirtualModel, String> {
    let sheet: VirtualSheet =
        Format::Yaml.read(include_str!("demo/thermometer.yaml")).map_err(|error| error.to_string())?;
    Ok(VirtualModel::new("demo-thermometer", &sheet, now, Trouble::default())?.of_demo(PAST))
}

#[cfg(test)]
mod tests;
