//! Which device a name means: its id, or the name that one of its properties is bound to.

use std::collections::HashMap;
use std::sync::Arc;

use housewire_core::{Access, Device, DeviceId};
use housewire_protocols::bolt::{Answer, Binding, quoted};
use parking_lot::Mutex;

use crate::caller::Caller;
use crate::http::bolt::board::Board;
use crate::limits::{BOLT_DEVICES_MAX, BOLT_NAMES_MAX};

/// Devices that are looked at before others have their turn.
const AT_ONCE: usize = 64;

/// Names that were found lately, so that not all devices are looked at for each request. All are forgotten when there are too many.
#[derive(Default)]
pub(in crate::http) struct Names(Mutex<HashMap<String, DeviceId>>);

impl Names {
    fn get(&self, name: &str) -> Option<DeviceId> {
        self.0.lock().get(name).cloned()
    }

    fn put(&self, name: &str, device: &DeviceId) {
        let mut names = self.0.lock();
        if names.len() >= BOLT_NAMES_MAX {
            names.clear();
        }
        names.insert(name.to_owned(), device.clone());
    }
}

/// The device of this name that the caller may see something of.
pub(super) async fn by_name(caller: &Caller, name: &str) -> Option<Board> {
    if let Ok(id) = DeviceId::parse(name)
        && let Some(board) = caller.hub().device(&id).and_then(|device| seen(caller, &device))
    {
        return Some(board);
    }
    let is_name = matches!(Binding::parse(&format!("bolt:{name}")), Some(Binding::Name(_)));
    if !is_name {
        return None;
    }
    let names = &caller.shard.lobby.bolt_names;
    let seen_as = |device: &Arc<Device>| seen(caller, device).filter(|board| board.is_called(name));
    if let Some(board) = names.get(name).and_then(|id| seen_as(&caller.hub().device(&id)?)) {
        return Some(board);
    }
    let mut last = None;
    loop {
        let devices = caller.hub().devices_behind(last.as_ref(), AT_ONCE);
        last = Some(devices.last()?.id().clone());
        if let Some(board) = devices.iter().find_map(seen_as) {
            names.put(name, &board.id);
            return Some(board);
        }
        tokio::task::yield_now().await;
    }
}

/// `getDevices`: those with bindings of Bolt's, by id.
pub(super) async fn list(caller: &Caller) -> Answer {
    let (mut listed, mut last) = (Vec::new(), None);
    loop {
        let devices = caller.hub().devices_behind(last.as_ref(), AT_ONCE);
        for board in devices.iter().filter_map(|device| seen(caller, device)) {
            let title = board.title.as_deref().unwrap_or(board.id.as_str());
            listed.push(format!(
                "{{\"device_id\": {}, \"name\": {}, \"status\": \"{}\"}}",
                quoted(board.name()),
                quoted(title),
                if board.is_online { "online" } else { "offline" }
            ));
        }
        last = match devices.last() {
            Some(device) if listed.len() < BOLT_DEVICES_MAX => Some(device.id().clone()),
            _ => break,
        };
        tokio::task::yield_now().await;
    }
    listed.truncate(BOLT_DEVICES_MAX);
    Answer::Json(format!("[{}]", listed.join(", ")))
}

/// A module, as far as the caller may see anything of it: what he may not is none for him.
fn seen(caller: &Caller, device: &Arc<Device>) -> Option<Board> {
    let board = Board::of(device)?;
    let sees = caller.must_reach(Access::Read, &board.id).is_ok()
        || board.bound.iter().any(|bound| caller.must_read(&board.id, &bound.property).is_ok());
    sees.then_some(board)
}
