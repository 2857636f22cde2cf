//! Virtual devices: definitions that are kept, and played as devices over a real door for as long as they are meant to run.
//!
//! Each is played on a thread of its own, so that neither a shard nor another device waits for a script, and comes in as somebody of
//! its own, by a token that only it knows and that ends with it. What it says and when belongs to `model`, how it gets in to
//! `players`.

pub(crate) mod model;
mod script;
pub(crate) mod sheet;
mod source;

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};

use housewire_core::DeviceId;
use housewire_store::{Documents, StoreError};
use parking_lot::Mutex;
use tokio::sync::watch;
use tracing::{error, warn};

use self::model::{Trouble, VirtualModel};
use self::sheet::{DoorWord, VirtualSheet};
use crate::accounts::{AccountError, Accounts};
use crate::players::Access;
use crate::players::http_door::HttpDoor;
use crate::players::life::{Ending, News, live};
use crate::players::mqtt3_door::Mqtt3Door;
use crate::players::mqtt5_door::Mqtt5Door;
use crate::players::registrar::Registrar;
use crate::players::ws_door::WsDoor;
use crate::shard::now;

/// Virtual devices that there may be; more are refused.
pub(crate) const VIRTUAL_DEVICES_MAX: usize = 64;

/// See the module. Everything that changes something waits for the disk, and for devices that leave.
pub(crate) struct VirtualDevices {
    accounts: Arc<Accounts>,
    /// One change at a time.
    changes: Mutex<Documents>,
    known: Mutex<BTreeMap<DeviceId, Known>>,
    /// Where the hub is reached; unknown before it listens.
    places: OnceLock<Access>,
}

struct Known {
    sheet: VirtualSheet,
    player: Option<Player>,
}

/// A device that is played.
struct Player {
    stop: watch::Sender<bool>,
    thread: JoinHandle<()>,
    state: Arc<PlayState>,
}

#[derive(Default)]
struct PlayState {
    /// Why it is not connected; `None` while it is.
    away: Mutex<Option<String>>,
    /// What is wrong with what it says.
    trouble: Trouble,
    /// It left, since it was removed from the registry.
    was_removed: Mutex<bool>,
}

/// A virtual device as it is told of.
pub(crate) struct VirtualView {
    pub(crate) id: DeviceId,
    pub(crate) sheet: VirtualSheet,
    /// It is connected.
    pub(crate) connected: bool,
    pub(crate) problem: Option<String>,
}

impl Player {
    /// Has it leave, and waits until it has.
    fn end(self) {
        // It may have ended by itself.
        let _asked = self.stop.send(true).is_ok();
        if self.thread.join().is_err() {
            error!("the thread of a virtual device died, which is a bug");
        }
    }
}

impl VirtualDevices {
    /// Reads what was kept; nobody plays yet.
    pub(crate) fn open(documents: Documents, accounts: Arc<Accounts>) -> Result<Self, StoreError> {
        let loaded = documents.load()?;
        for skipped in &loaded.skipped {
            warn!("{skipped}");
        }
        let mut known = BTreeMap::new();
        for (id, body) in loaded.documents {
            match (DeviceId::parse(&id), serde_json::from_str::<VirtualSheet>(&body)) {
                (Ok(id), Ok(sheet)) if sheet.check().is_ok() => {
                    known.insert(id, Known { sheet, player: None });
                }
                _ => warn!("the virtual device '{id}' cannot be read and is not played: define it again"),
            }
        }
        Ok(Self { accounts, changes: Mutex::new(documents), known: Mutex::new(known), places: OnceLock::new() })
    }

    /// Plays those that are meant to run. Call it once, when the hub listens.
    pub(crate) fn begin(self: &Arc<Self>, places: Access) {
        if self.places.set(places).is_err() {
            return;
        }
        let mut known = self.known.lock();
        for (id, known) in known.iter_mut().filter(|(_, known)| known.sheet.running) {
            known.player = self.play(id, &known.sheet);
        }
    }

    /// Asks all of them to leave, when the hub ends: it closes their connections anyway.
    pub(crate) fn end(&self) {
        for player in self.known.lock().values().filter_map(|known| known.player.as_ref()) {
            let _asked = player.stop.send(true).is_ok();
        }
    }

    pub(crate) fn list(&self) -> Vec<VirtualView> {
        self.known.lock().iter().map(|(id, known)| known.view(id)).collect()
    }

    pub(crate) fn get(&self, id: &DeviceId) -> Result<VirtualView, AccountError> {
        let known = self.known.lock();
        known.get(id).map(|known| known.view(id)).ok_or_else(|| missing(id))
    }

    /// All definitions, by id.
    pub(crate) fn sheets(&self) -> BTreeMap<String, VirtualSheet> {
        self.known.lock().iter().map(|(id, known)| (id.to_string(), known.sheet.clone())).collect()
    }

    /// Adds, replaces (`Some`) and deletes (`None`) several, all or none; devices that changed are played anew.
    pub(crate) fn apply(self: &Arc<Self>, changes: Vec<(DeviceId, Option<VirtualSheet>)>) -> Result<(), AccountError> {
        for (id, sheet) in &changes {
            if let Some(sheet) = sheet {
                sheet.check().map_err(|why| AccountError::Unusable(format!("virtual.{id}.{why}.")))?;
            }
        }
        let mut documents = self.changes.lock();
        let added =
            |(id, sheet): &&(DeviceId, Option<VirtualSheet>)| sheet.is_some() && !self.known.lock().contains_key(id);
        let gone =
            |(id, sheet): &&(DeviceId, Option<VirtualSheet>)| sheet.is_none() && self.known.lock().contains_key(id);
        let (more, less) = (changes.iter().filter(added).count(), changes.iter().filter(gone).count());
        if (self.known.lock().len() + more).saturating_sub(less) > VIRTUAL_DEVICES_MAX {
            return Err(AccountError::Full(format!(
                "There may be {VIRTUAL_DEVICES_MAX} virtual devices at the most: remove some."
            )));
        }
        let bodies: Vec<_> = changes.iter().map(|(id, sheet)| (id, sheet.as_ref().map(body))).collect();
        let rows: Vec<_> = bodies.iter().map(|(id, body)| (id.as_str(), body.as_deref())).collect();
        documents.apply(&rows)?;
        for (id, sheet) in changes {
            let before = {
                let mut known = self.known.lock();
                known.get_mut(&id).and_then(|known| known.player.take())
            };
            // Not under the lock of what is known, which it may need for its last words.
            before.into_iter().for_each(Player::end);
            let mut known = self.known.lock();
            match sheet {
                Some(sheet) => {
                    let player = if sheet.running { self.play(&id, &sheet) } else { None };
                    known.insert(id, Known { sheet, player });
                }
                None => drop(known.remove(&id)),
            }
        }
        Ok(())
    }

    /// Deletes one; its device stays in the registry, as if it were switched off.
    pub(crate) fn remove(self: &Arc<Self>, id: &DeviceId) -> Result<(), AccountError> {
        self.get(id)?;
        self.apply(vec![(id.clone(), None)])
    }

    /// Has one be played, or not; one that is played begins anew.
    pub(crate) fn run(self: &Arc<Self>, id: &DeviceId, running: bool) -> Result<VirtualView, AccountError> {
        let sheet = VirtualSheet { running, ..self.get(id)?.sheet };
        self.apply(vec![(id.clone(), Some(sheet))])?;
        self.get(id)
    }

    fn play(self: &Arc<Self>, id: &DeviceId, sheet: &VirtualSheet) -> Option<Player> {
        let places = self.places.get()?.clone();
        let state =
            Arc::new(PlayState { away: Mutex::new(Some("it is coming in".to_owned())), ..PlayState::default() });
        let (stop, stopping) = watch::channel(false);
        let (own, name, sheet, told) = (Arc::clone(self), id.clone(), sheet.clone(), Arc::clone(&state));
        let thread = thread::Builder::new().name("virtual-device".to_owned()).spawn(move || {
            let secret = own.accounts.admit_player(&name);
            let access = Access { token: secret.reveal().into(), ..places };
            let ending = perform(&name, &sheet, access, stopping, &told);
            own.accounts.dismiss_player(&secret);
            match ending {
                Ok(Ending::Stopped) => {}
                Ok(Ending::Removed) => {
                    *told.was_removed.lock() = true;
                    // Apart: whoever changes it now waits for this thread.
                    let noting = thread::Builder::new().name("virtual-device".to_owned());
                    if let Err(error) = noting.spawn(move || own.note_removed(&name, &told)) {
                        warn!("that a virtual device was removed cannot be noted: {error}");
                    }
                }
                Err(why) => *told.away.lock() = Some(why),
            }
        });
        match thread {
            Ok(thread) => Some(Player { stop, thread, state }),
            Err(error) => {
                error!("the virtual device '{id}' cannot be played: {error}; start it again later");
                None
            }
        }
    }

    /// Its device was deleted: it is not played again until somebody wants it.
    fn note_removed(self: &Arc<Self>, id: &DeviceId, state: &Arc<PlayState>) {
        let mut documents = self.changes.lock();
        let mut known = self.known.lock();
        let Some(known) = known.get_mut(id) else { return };
        let is_still_it = known.player.as_ref().is_some_and(|player| Arc::ptr_eq(&player.state, state));
        if !is_still_it {
            return;
        }
        known.sheet.running = false;
        if let Err(error) = documents.write(id.as_str(), &body(&known.sheet)) {
            warn!("that the virtual device '{id}' does not run any more cannot be saved: {error}");
        }
    }
}

impl Known {
    fn view(&self, id: &DeviceId) -> VirtualView {
        let state = self.player.as_ref().map(|player| &player.state);
        let was_removed = state.is_some_and(|state| *state.was_removed.lock());
        let away = state.filter(|_| self.sheet.running).and_then(|state| state.away.lock().clone());
        let trouble = state.filter(|_| self.sheet.running).and_then(|state| state.trouble.lock().clone());
        let connected = state.is_some() && self.sheet.running && !was_removed && away.is_none();
        let removed = "its device was deleted: start it to have it again, or remove it";
        let problem = if was_removed { Some(removed.to_owned()) } else { away.or(trouble) };
        let problem = problem.or_else(|| {
            let is_missing = self.sheet.running && state.is_none();
            is_missing.then(|| "it could not be played: start it again".to_owned())
        });
        VirtualView { id: id.clone(), sheet: self.sheet.clone(), connected, problem }
    }
}

fn missing(id: &DeviceId) -> AccountError {
    AccountError::NotFound(format!("There is no virtual device '{id}'."))
}

fn body(sheet: &VirtualSheet) -> String {
    serde_json::to_string(sheet).expect("numbers and texts are JSON")
}

/// Plays it on this thread until it ends.
fn perform(
    id: &DeviceId,
    sheet: &VirtualSheet,
    access: Access,
    stop: watch::Receiver<bool>,
    state: &PlayState,
) -> Result<Ending, String> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
    let model = VirtualModel::new(id.as_str(), sheet, now(), Arc::clone(&state.trouble))?;
    let registrar = Registrar::new(&access).map_err(|error| error.to_string())?;
    let tell = |news: News<'_>| {
        *state.away.lock() = match news {
            News::Connected => None,
            News::Away(error) => Some(format!("it is not connected and tries again: {error}")),
        };
    };
    Ok(runtime.block_on(async {
        match sheet.door {
            DoorWord::Mqtt => live::<Mqtt3Door>(model, access, &registrar, stop, tell).await,
            DoorWord::Mqtt5 => live::<Mqtt5Door>(model, access, &registrar, stop, tell).await,
            DoorWord::Http => live::<HttpDoor>(model, access, &registrar, stop, tell).await,
            DoorWord::Ws => live::<WsDoor>(model, access, &registrar, stop, tell).await,
        }
    }))
}
