//! What has to change for the house to be as sheets say: worked out as a whole before anything is changed.
//!
//! Devices of the demo house stay out of it, as they belong to whoever started it.

use std::collections::{BTreeMap, BTreeSet};

use housewire_core::limits::DEVICES_MAX;
use housewire_core::{DeclareMode, DeviceId, DeviceInfo, Hub, PropertyName, PropertySpec};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::accounts::AccountError;
use crate::device_templates::TemplateSheet;
use crate::house::House;
use crate::house::sheet::{DeviceSheet, PolicySheet};
use crate::refusal::shorten;
use crate::shard::now;
use crate::virtual_devices::sheet::VirtualSheet;

/// Changes that are told one by one; further ones are counted.
const CHANGES_TOLD_MAX: usize = 1_000;

/// A whole house.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = House)]
pub(crate) struct HouseSheet {
    /// By id.
    pub(crate) devices: BTreeMap<String, DeviceSheet>,
    /// Those that people made, by name.
    pub(crate) templates: BTreeMap<String, TemplateSheet>,
    /// By the id of their device.
    pub(crate) r#virtual: BTreeMap<String, VirtualSheet>,
}

/// What is to be changed, or was.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = HousePlan)]
pub(crate) struct PlanView {
    /// Nothing was changed.
    dry_run: bool,
    changes: Vec<ChangeView>,
    /// Changes that are not listed, of a very long plan.
    more: usize,
    /// What is as it should be already.
    unchanged: usize,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = HouseChange)]
pub(crate) struct ChangeView {
    /// `device`, `template` or `virtual`.
    kind: &'static str,
    id: String,
    /// `create`, `update` or `delete`.
    change: &'static str,
    /// What is different, of an update.
    fields: Vec<String>,
}

/// What is kept of properties, by device and property.
pub(crate) type Policies = BTreeMap<String, BTreeMap<String, PolicySheet>>;

/// See the module.
pub(crate) struct Plan {
    pub(crate) changes: Vec<ChangeView>,
    unchanged: usize,
    devices: Vec<(DeviceId, DeviceSheet)>,
    pub(crate) removed: Vec<DeviceId>,
    templates: Vec<(String, Option<TemplateSheet>)>,
    virtual_devices: Vec<(DeviceId, Option<VirtualSheet>)>,
    /// Whose history is to be kept differently: all of each of these devices.
    pub(crate) policies: Vec<(DeviceId, BTreeMap<String, PolicySheet>)>,
}

impl HouseSheet {
    /// The house as it is.
    pub(crate) fn of(hub: &Hub, house: &House, policies: &Policies) -> Self {
        let devices = hub.devices().into_iter().filter_map(|device| {
            let state = device.lock();
            let id = device.id().to_string();
            let history = policies.get(&id).cloned().unwrap_or_default();
            (!state.info.demo).then(|| (id, DeviceSheet { history, ..DeviceSheet::of(&state) }))
        });
        Self {
            devices: devices.collect(),
            templates: house.templates.sheets(),
            r#virtual: house.virtual_devices.sheets(),
        }
    }

    /// Whether it could be, seen by itself; if not, where and why.
    pub(crate) fn check(&self) -> Result<(), AccountError> {
        let unusable = |place: String, why: &dyn std::fmt::Display| AccountError::Unusable(format!("{place}: {why}."));
        for (id, sheet) in &self.devices {
            let place = format!("devices.{}", shorten(id));
            DeviceId::parse(id).map_err(|error| unusable(place.clone(), &error))?;
            sheet.specs().map_err(|error| unusable(place.clone(), &error))?;
            let labels = [&sheet.name, &sheet.room, &sheet.model, &sheet.icon];
            let bytes_max = housewire_core::limits::LABEL_BYTES_MAX;
            if labels.into_iter().flatten().any(|label| label.len() > bytes_max) {
                return Err(unusable(place, &format!("name, room, model and icon have at most {bytes_max} bytes")));
            }
            for (name, policy) in &sheet.history {
                let place = format!("{place}.history.{}", shorten(name));
                policy.policy().map_err(|why| unusable(place, &why))?;
            }
        }
        for (name, sheet) in &self.templates {
            let place = format!("templates.{}", shorten(name));
            DeviceId::parse(name).map_err(|error| unusable(place.clone(), &error))?;
            sheet.specs().map_err(|error| unusable(place.clone(), &error))?;
            for (name, policy) in &sheet.history {
                let place = format!("{place}.history.{}", shorten(name));
                policy.policy().map_err(|why| unusable(place, &why))?;
            }
        }
        for (id, sheet) in &self.r#virtual {
            let place = format!("virtual.{}", shorten(id));
            DeviceId::parse(id).map_err(|error| unusable(place.clone(), &error))?;
            sheet.check().map_err(|why| AccountError::Unusable(format!("{place}.{why}.")))?;
        }
        Ok(())
    }
}

impl Plan {
    /// What is to be done; `prunes` also deletes what the sheets do not name.
    pub(crate) fn new(
        wanted: HouseSheet,
        prunes: bool,
        hub: &Hub,
        house: &House,
        policies: &Policies,
    ) -> Result<Self, AccountError> {
        wanted.check()?;
        let is = HouseSheet::of(hub, house, policies);
        let mut plan = Self {
            changes: Vec::new(),
            unchanged: 0,
            devices: Vec::new(),
            removed: Vec::new(),
            templates: Vec::new(),
            virtual_devices: Vec::new(),
            policies: Vec::new(),
        };
        let played: BTreeSet<String> = wanted.r#virtual.keys().cloned().collect();
        for (name, sheet) in plan.differ("template", &is.templates, wanted.templates, prunes, &BTreeSet::new()) {
            plan.templates.push((name, sheet));
        }
        for (id, sheet) in plan.differ("device", &is.devices, wanted.devices, prunes, &played) {
            let parsed = parse(&id)?;
            let Some(sheet) = sheet else {
                plan.removed.push(parsed);
                continue;
            };
            if hub.device(&parsed).is_some_and(|device| device.lock().info.demo) {
                let text = format!(
                    "devices.{id}: this id belongs to the demo house: remove that first, with 'housewire devices remove --demo'."
                );
                return Err(AccountError::Unusable(text));
            }
            if is.devices.get(&id).is_none_or(|is| is.history != sheet.history)
                && (is.devices.contains_key(&id) || !sheet.history.is_empty())
            {
                plan.policies.push((parsed.clone(), sheet.history.clone()));
            }
            plan.devices.push((parsed, sheet));
        }
        for (id, sheet) in plan.differ("virtual", &is.r#virtual, wanted.r#virtual, prunes, &BTreeSet::new()) {
            plan.virtual_devices.push((parse(&id)?, sheet));
        }
        let created = plan.devices.iter().filter(|(id, _)| hub.device(id).is_none()).count();
        if (hub.devices().len() + created).saturating_sub(plan.removed.len()) > DEVICES_MAX {
            return Err(AccountError::Full(format!("There may be {DEVICES_MAX} devices at the most.")));
        }
        Ok(plan)
    }

    fn differ<T: Serialize + PartialEq>(
        &mut self,
        kind: &'static str,
        is: &BTreeMap<String, T>,
        wanted: BTreeMap<String, T>,
        prunes: bool,
        spared: &BTreeSet<String>,
    ) -> Vec<(String, Option<T>)> {
        let mut changes = Vec::new();
        if prunes {
            for id in is.keys().filter(|id| !wanted.contains_key(*id) && !spared.contains(*id)) {
                self.changes.push(ChangeView { kind, id: id.clone(), change: "delete", fields: Vec::new() });
                changes.push((id.clone(), None));
            }
        }
        for (id, sheet) in wanted {
            let (change, fields) = match is.get(&id) {
                Some(known) if *known == sheet => {
                    self.unchanged += 1;
                    continue;
                }
                Some(known) => ("update", differences(known, &sheet)),
                None => ("create", Vec::new()),
            };
            self.changes.push(ChangeView { kind, id: id.clone(), change, fields });
            changes.push((id, Some(sheet)));
        }
        changes
    }

    pub(crate) fn view(&self, dry_run: bool) -> PlanView {
        let told = self.changes.iter().take(CHANGES_TOLD_MAX).cloned().collect();
        let more = self.changes.len().saturating_sub(CHANGES_TOLD_MAX);
        PlanView { dry_run, changes: told, more, unchanged: self.unchanged }
    }

    /// Carries it out, but for what is removed and what is kept of history. What the disk may refuse comes first.
    pub(crate) fn carry_out(&self, hub: &Hub, house: &House) -> Result<(), AccountError> {
        if !self.templates.is_empty() {
            house.templates.apply(self.templates.clone())?;
        }
        {
            // All devices are on the disk together.
            let _together = hub.in_one_batch();
            for (id, sheet) in &self.devices {
                declare(hub, id, sheet)?;
            }
        }
        if !self.virtual_devices.is_empty() {
            house.virtual_devices.apply(self.virtual_devices.clone())?;
        }
        Ok(())
    }
}

fn parse(id: &str) -> Result<DeviceId, AccountError> {
    DeviceId::parse(id).map_err(|error| AccountError::Unusable(format!("{error}.")))
}

/// Makes a device what its sheet says; properties that nobody declared stay.
fn declare(hub: &Hub, id: &DeviceId, sheet: &DeviceSheet) -> Result<(), AccountError> {
    let unusable = |error: &dyn std::fmt::Display| AccountError::Unusable(format!("devices.{id}: {error}."));
    let mut specs = undeclared(hub, id);
    specs.extend(sheet.specs().map_err(|error| unusable(&error))?);
    let info = |known: &DeviceInfo| DeviceInfo { demo: known.demo, ..sheet.info() };
    hub.declare(id, specs, DeclareMode::Replace, info, now()).map_err(|error| unusable(&error))?;
    Ok(())
}

fn undeclared(hub: &Hub, id: &DeviceId) -> BTreeMap<PropertyName, PropertySpec> {
    let Some(device) = hub.device(id) else { return BTreeMap::new() };
    let state = device.lock();
    let inferred = state.properties.iter().filter(|(_, property)| !property.spec.declared);
    inferred.map(|(name, property)| (name.clone(), property.spec.clone())).collect()
}

/// Which fields are different; of properties which ones.
fn differences<T: Serialize>(one: &T, two: &T) -> Vec<String> {
    let value = |sheet: &T| serde_json::to_value(sheet).unwrap_or_default();
    let (one, two) = (value(one), value(two));
    let mut fields = BTreeSet::new();
    let empty = serde_json::Map::new();
    let object = |value: &Value| value.as_object().cloned().unwrap_or_else(|| empty.clone());
    let (one, two) = (object(&one), object(&two));
    for key in one.keys().chain(two.keys()).collect::<BTreeSet<_>>() {
        let (before, after) = (one.get(key), two.get(key));
        if before == after {
            continue;
        }
        if !matches!(key.as_str(), "properties" | "history") {
            fields.insert(key.clone());
            continue;
        }
        let (before, after) = (before.map(object).unwrap_or_default(), after.map(object).unwrap_or_default());
        for name in before.keys().chain(after.keys()) {
            if before.get(name) != after.get(name) {
                fields.insert(format!("{key}.{name}"));
            }
        }
    }
    fields.into_iter().collect()
}
