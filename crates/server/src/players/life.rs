//! The life of one device: declare itself, connect, report and obey, and start over when the connection is lost.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{debug, info, warn};

use super::Access;
use super::door::{Door, DoorError, Farewell, Incoming};
use super::model::Model;
use super::registrar::{Arrival, Registrar};
use crate::backoff::Backoff;
use crate::shard::now;

const RETRY_FIRST: Duration = Duration::from_millis(200);
const RETRY_LONGEST: Duration = Duration::from_secs(10);
/// A connection that lived so long was a good one: the next is tried soon again.
const STABLE: Duration = Duration::from_secs(5);

/// Why a device left.
#[derive(Debug)]
enum Leave {
    /// The house is stopped.
    Stopped,
    /// The connection ended, or was refused.
    Lost(DoorError),
}

/// How it goes, for whoever wants to know.
#[derive(Debug)]
pub(crate) enum News<'n> {
    /// It is connected.
    Connected,
    /// It is not, and tries again.
    Away(&'n DoorError),
}

/// Why a device is no longer played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Somebody stopped it.
    Stopped,
    /// It was removed from the registry.
    Removed,
}

/// Plays a device until it is stopped or was removed.
pub(crate) async fn live<D: Door>(
    mut model: impl Model,
    access: Access,
    registrar: &Registrar,
    mut stop: watch::Receiver<bool>,
    tell: impl Fn(News<'_>),
) -> Ending {
    let device = model.id();
    let mut backoff = Backoff::new(RETRY_FIRST, RETRY_LONGEST);
    let mut arrival = Arrival::First;
    let mut is_told = false;
    loop {
        let began = Instant::now();
        let arriving = arrive::<D>(&mut model, access.clone(), registrar, arrival);
        let leave = tokio::select! {
            biased; // The hub may end in the same moment, which is then no trouble.
            () = stopped(&mut stop) => Leave::Stopped,
            arrived = arriving => match arrived {
                Ok(mut door) => {
                    debug!("{device} is connected");
                    (arrival, is_told) = (Arrival::Again, false);
                    tell(News::Connected);
                    let leave = stay(&mut model, &mut door, &mut stop).await;
                    match leave {
                        Leave::Stopped => door.close(Farewell::Spoken).await,
                        Leave::Lost(DoorError::Removed) => door.close(Farewell::Silent).await,
                        Leave::Lost(_) => drop(door),
                    }
                    leave
                }
                Err(error) => Leave::Lost(error),
            },
        };
        match leave {
            Leave::Stopped => return Ending::Stopped,
            Leave::Lost(DoorError::Removed) => {
                info!("{device} was removed and is played no longer");
                return Ending::Removed;
            }
            Leave::Lost(error) => {
                tell(News::Away(&error));
                // Once for each outage is enough.
                match is_told {
                    true => debug!("{device}, which is played here, is still not connected: {error}"),
                    false => warn!("{device}, which is played here, is not connected and tries again: {error}"),
                }
            }
        }
        is_told = true;
        if began.elapsed() >= STABLE {
            backoff.reset();
        }
        tokio::select! {
            () = sleep(backoff.next_delay()) => {}
            () = stopped(&mut stop) => return Ending::Stopped,
        }
    }
}

async fn arrive<D: Door>(
    model: &mut impl Model,
    access: Access,
    registrar: &Registrar,
    arrival: Arrival,
) -> Result<D, DoorError> {
    if registrar.admit(&model.id(), &model.declaration(), arrival).await? {
        for past in model.past(now()) {
            // A hub that keeps no history has nothing to remember it in.
            if let Err(error) = registrar.remember(&model.id(), past).await {
                debug!("{} has no past: {error}", model.id());
            }
        }
    }
    D::open(access, model.id()).await
}

/// Reports and obeys for as long as the connection holds.
async fn stay<D: Door>(model: &mut impl Model, door: &mut D, stop: &mut watch::Receiver<bool>) -> Leave {
    let living = async {
        model.handle_connected(now());
        loop {
            while let Some(report) = model.poll_report() {
                door.report(report).await?;
            }
            tokio::select! {
                incoming = door.next() => match incoming? {
                    Incoming::Request { property, payload } => model.handle_request(&property, &payload, now()),
                    Incoming::Removed => return Err(DoorError::Removed),
                },
                () = sleep_until(model.poll_timeout().into()) => model.handle_timeout(now()),
            }
        }
    };
    let ended: Result<std::convert::Infallible, DoorError> = tokio::select! {
        biased;
        () = stopped(stop) => return Leave::Stopped,
        ended = living => ended,
    };
    match ended {
        Err(error) => Leave::Lost(error),
    }
}

/// Asked to stop, or nobody is left who could ask.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _asked = stop.wait_for(|stop| *stop).await.is_ok();
}
