//! A file of Blynk's old server, made into devices, tokens and dashboards of this hub: worked out as a whole before anything changes.
//!
//! A device of the file is the one that its token opens, so that a second import of it finds everything there. What is there stays as it
//! is: people may have changed it since. What the file means belongs to `housewire_links::blynk_file`.

use std::collections::{BTreeMap, BTreeSet};

use housewire_core::limits::{DEVICES_MAX, PROPERTIES_MAX};
use housewire_core::{DeclareMode, DeviceId, DeviceInfo, Hub, PropertyName, PropertySpec};
use housewire_links::blynk_file::{LeftOut, Move, MovedDashboard, MovedDevice};
use housewire_protocols::blynk::Pin;
use housewire_store::CredentialOwner;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use crate::accounts::{AccountError, Accounts, Change};
use crate::dashboards::model::{Content, Sent};
use crate::dashboards::{Asker, DashboardError, Dashboards};
use crate::limits::{DASHBOARD_WIDGETS_MAX, DASHBOARDS_MAX};
use crate::pins::PinMap;
use crate::shard::now;

/// The label of tokens that came so.
const LABEL: &str = "Blynk";

/// What was made of a file, or would be.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BlynkImport)]
pub(crate) struct Report {
    /// Nothing was changed.
    dry_run: bool,
    devices: Vec<DeviceReport>,
    dashboards: Vec<DashboardReport>,
    /// What has no counterpart here, and why.
    left: Vec<LeftReport>,
    /// What was left out and is not listed, of a very long list.
    more: usize,
}

/// A device of the file.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BlynkImportDevice)]
struct DeviceReport {
    id: String,
    name: Option<String>,
    /// `create`, `update` (properties were added), or `none`: all of it is there.
    change: &'static str,
    /// Properties that are new.
    properties: usize,
}

/// A project of the file.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BlynkImportDashboard)]
struct DashboardReport {
    id: String,
    title: String,
    /// `create`, or `none`: it is there, and stays as it is.
    change: &'static str,
    widgets: usize,
}

/// Something that did not come over.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BlynkImportLeft)]
struct LeftReport {
    /// The project, and what of it.
    what: String,
    /// Why, and what to do instead.
    why: String,
}

/// See the module.
pub(crate) struct BlynkPlan {
    devices: Vec<PlannedDevice>,
    dashboards: Vec<PlannedDashboard>,
    left: Vec<LeftOut>,
    more: usize,
}

struct PlannedDevice {
    id: DeviceId,
    name: Option<String>,
    model: Option<String>,
    /// That is to open it; `None` if it does.
    token: Option<String>,
    is_new: bool,
    specs: BTreeMap<PropertyName, PropertySpec>,
}

struct PlannedDashboard {
    id: String,
    title: String,
    widgets: usize,
    /// As it is sent; `None` if it is there.
    body: Option<serde_json::Value>,
}

impl BlynkPlan {
    /// What is to be done.
    pub(crate) fn new(
        moved: Move,
        hub: &Hub,
        accounts: &Accounts,
        dashboards: &Dashboards,
        asker: &Asker,
    ) -> Result<Self, AccountError> {
        let (mut left, more) = (moved.left.told, moved.left.more);
        let mut taken = BTreeSet::new();
        let mut devices = Vec::new();
        let mut names = Vec::new();
        for device in moved.devices {
            let (planned, of_pins) = plan_device(device, hub, accounts, &mut taken)?;
            devices.push(planned);
            names.push(of_pins);
        }
        let created = devices.iter().filter(|device| device.is_new).count();
        if hub.devices().len() + created > DEVICES_MAX {
            return Err(AccountError::Full(format!("There may be {DEVICES_MAX} devices at the most.")));
        }
        if !accounts.has_room_for(created) {
            let text = "There are as many tokens as there may be: revoke some.";
            return Err(AccountError::Full(text.to_owned()));
        }
        let mut planned = Vec::new();
        for dashboard in moved.dashboards {
            planned.push(plan_dashboard(dashboard, &devices, &names, (dashboards, asker), &mut left)?);
        }
        let new = planned.iter().filter(|dashboard| dashboard.body.is_some()).count();
        if dashboards.list(asker).len() + new > DASHBOARDS_MAX {
            let text = format!("There may be {DASHBOARDS_MAX} dashboards: delete some, or import less.");
            return Err(AccountError::Full(text));
        }
        Ok(Self { devices, dashboards: planned, left, more })
    }

    /// Carries it out: devices together, then what opens them, then dashboards. What the disk refuses is made by a second import.
    pub(crate) fn carry_out(
        &self,
        hub: &Hub,
        accounts: &Accounts,
        dashboards: &Dashboards,
        asker: &Asker,
        by: &Change,
    ) -> Result<(), DashboardError> {
        {
            let _together = hub.in_one_batch();
            for device in self.devices.iter().filter(|device| device.is_new || !device.specs.is_empty()) {
                let info = |known: &DeviceInfo| match device.is_new {
                    true => DeviceInfo { name: device.name.clone(), model: device.model.clone(), ..known.clone() },
                    false => known.clone(),
                };
                let declared = hub.declare(&device.id, device.specs.clone(), DeclareMode::Merge, info, now());
                declared.map_err(|error| unusable(&format!("{}: {error}", device.id)))?;
            }
        }
        for device in &self.devices {
            if let Some(token) = &device.token {
                accounts.adopt_token(token, device.id.clone(), LABEL.to_owned(), by)?;
            }
        }
        for body in self.dashboards.iter().filter_map(|dashboard| dashboard.body.clone()) {
            let sent: Sent = serde_json::from_value(body).map_err(|error| unusable(&error.to_string()))?;
            dashboards.create(asker, sent)?;
        }
        Ok(())
    }

    pub(crate) fn report(self, dry_run: bool) -> Report {
        let device = |device: PlannedDevice| DeviceReport {
            id: device.id.to_string(),
            name: device.name,
            change: match (device.is_new, device.specs.is_empty()) {
                (true, _) => "create",
                (false, false) => "update",
                (false, true) => "none",
            },
            properties: device.specs.len(),
        };
        let dashboard = |dashboard: PlannedDashboard| DashboardReport {
            id: dashboard.id,
            title: dashboard.title,
            change: if dashboard.body.is_some() { "create" } else { "none" },
            widgets: dashboard.widgets,
        };
        Report {
            dry_run,
            devices: self.devices.into_iter().map(device).collect(),
            dashboards: self.dashboards.into_iter().map(dashboard).collect(),
            left: self.left.into_iter().map(|left| LeftReport { what: left.place, why: left.why }).collect(),
            more: self.more,
        }
    }
}

/// The device, and which of its properties each pin is.
fn plan_device(
    device: MovedDevice,
    hub: &Hub,
    accounts: &Accounts,
    taken: &mut BTreeSet<String>,
) -> Result<(PlannedDevice, BTreeMap<Pin, PropertyName>), AccountError> {
    let MovedDevice { stem, name, model, token, properties } = device;
    let shown = name.clone().unwrap_or_else(|| stem.clone());
    let (id, is_known) = match accounts.whose_token(&token) {
        None => (free_id(&stem, hub, taken)?, false),
        Some(CredentialOwner::Device(id)) => (id, true),
        Some(_) => {
            return Err(AccountError::Unusable(format!(
                "The token of '{shown}' opens the door to somebody else here: revoke it, or give the device another one."
            )));
        }
    };
    taken.insert(id.to_string());
    let map = PinMap::of(hub, &id);
    let mut known: BTreeSet<String> = hub
        .device(&id)
        .map_or_else(BTreeSet::new, |device| device.lock().properties.keys().map(ToString::to_string).collect());
    let (mut specs, mut names) = (BTreeMap::new(), BTreeMap::new());
    for (pin, property) in properties {
        if let Some(bound) = map.of_pin(pin) {
            names.insert(pin, bound.property.clone());
            continue;
        }
        let own = pin.to_string();
        let name = if known.contains(&property.name) { own } else { property.name };
        let name = PropertyName::parse(&name).map_err(|error| unusable(&error.to_string()))?;
        known.insert(name.to_string());
        names.insert(pin, name.clone());
        specs.insert(name, property.spec);
    }
    if known.len() > PROPERTIES_MAX {
        return Err(AccountError::Full(format!("'{shown}' would have more than {PROPERTIES_MAX} properties.")));
    }
    let token = (!is_known).then_some(token);
    Ok((PlannedDevice { id, name, model, token, is_new: !is_known, specs }, names))
}

/// An id that no device has, nor another of this file.
fn free_id(stem: &str, hub: &Hub, taken: &BTreeSet<String>) -> Result<DeviceId, AccountError> {
    let numbered = (2..).map(|number| format!("{stem}-{number}"));
    let mut wished = std::iter::once(stem.to_owned()).chain(numbered);
    let found = wished.find_map(|id| {
        let id = DeviceId::parse(&id);
        match &id {
            Ok(free) if taken.contains(free.as_str()) || hub.device(free).is_some() => None,
            _ => Some(id),
        }
    });
    found.expect("there are more numbers than devices").map_err(|error| unusable(&error.to_string()))
}

fn plan_dashboard(
    dashboard: MovedDashboard,
    devices: &[PlannedDevice],
    names: &[BTreeMap<Pin, PropertyName>],
    (dashboards, asker): (&Dashboards, &Asker),
    left: &mut Vec<LeftOut>,
) -> Result<PlannedDashboard, AccountError> {
    let MovedDashboard { id, title, tabs, mut widgets } = dashboard;
    if widgets.len() > DASHBOARD_WIDGETS_MAX {
        let why = format!(
            "Of its {} widgets the first {DASHBOARD_WIDGETS_MAX} are taken over, as many as may be.",
            widgets.len()
        );
        left.push(LeftOut { place: title.clone(), why });
        widgets.truncate(DASHBOARD_WIDGETS_MAX);
    }
    let count = widgets.len();
    if dashboards.get(asker, &id).is_ok() {
        return Ok(PlannedDashboard { id, title, widgets: count, body: None });
    }
    let source = |(device, pin): &(usize, Pin)| {
        let name = names[*device].get(pin).map_or_else(|| pin.to_string(), ToString::to_string);
        json!({"property": format!("{}/{name}", devices[*device].id)})
    };
    let widget = |widget: &housewire_links::blynk_file::MovedWidget| {
        let at = json!({"x": widget.place.x, "y": widget.place.y, "w": widget.place.w, "h": widget.place.h});
        let sources: Vec<_> = widget.sources.iter().map(source).collect();
        let mut written = json!({
            "id": widget.id, "kind": widget.kind, "title": widget.title, "at": {"desktop": at, "phone": null},
            "sources": sources, "options": widget.options,
        });
        if let Some(tab) = &widget.tab {
            written["tab"] = json!(tab);
        }
        written
    };
    let widgets: Vec<_> = widgets.iter().map(widget).collect();
    let body = json!({"id": id, "title": title, "icon": null, "tabs": tabs, "widgets": widgets});
    let content: Content = serde_json::from_value(body.clone()).map_err(|error| unusable(&error.to_string()))?;
    let checked = content.check().and_then(|_| content.write());
    checked.map_err(|why| unusable(&format!("The dashboard '{title}' cannot be so: {why}")))?;
    Ok(PlannedDashboard { id, title, widgets: count, body: Some(body) })
}

fn unusable(why: &str) -> AccountError {
    AccountError::Unusable(format!("{why}."))
}
