//! Device templates: what a kind of device is, to be given to those that cannot say it themselves. Some come with the program.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use housewire_core::{DeviceId, DeviceInfo, PropertyName, PropertySpec};
use housewire_store::{Documents, StoreError};
use parking_lot::{Mutex, RwLock};
use serde::{Deserialize, Serialize};
use tracing::warn;
use utoipa::ToSchema;

use crate::accounts::AccountError;
use crate::house::format::Format;
use crate::house::sheet::{DeviceSheet, PolicySheet, PropertySheet};
use crate::refusal::{Refusal, shorten};

/// Templates that people may make; more are refused.
pub(crate) const TEMPLATES_MAX: usize = 256;

/// A template.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = DeviceTemplate)]
pub(crate) struct TemplateSheet {
    /// What people call it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) title: Option<String>,
    /// What its devices are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) model: Option<String>,
    /// Their icon's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) icon: Option<String>,
    pub(crate) properties: BTreeMap<String, PropertySheet>,
    /// What is kept of properties, where it is not everything.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) history: BTreeMap<String, PolicySheet>,
}

impl TemplateSheet {
    /// What a device is, for others that are like it.
    pub(crate) fn of(device: DeviceSheet, title: Option<String>) -> Self {
        let DeviceSheet { name, room: _, model, icon, properties, history } = device;
        Self { title: title.or(name), model, icon, properties, history }
    }

    pub(crate) fn specs(&self) -> Result<BTreeMap<PropertyName, PropertySpec>, Refusal> {
        let Self { title: _, model, icon, properties, history } = self.clone();
        DeviceSheet { name: None, room: None, model, icon, properties, history }.specs()
    }

    /// What it says where nothing else is said.
    pub(crate) fn complete(&self, info: DeviceInfo) -> DeviceInfo {
        let (model, icon) = (info.model.clone(), info.icon.clone());
        DeviceInfo { model: model.or(self.model.clone()), icon: icon.or(self.icon.clone()), ..info }
    }
}

static BUILT_IN: LazyLock<BTreeMap<&'static str, Arc<TemplateSheet>>> = LazyLock::new(|| {
    let texts = [
        ("blind", include_str!("device_templates/blind.yaml")),
        ("button", include_str!("device_templates/button.yaml")),
        ("contact", include_str!("device_templates/contact.yaml")),
        ("dimmer", include_str!("device_templates/dimmer.yaml")),
        ("heating", include_str!("device_templates/heating.yaml")),
        ("lamp", include_str!("device_templates/lamp.yaml")),
        ("meter", include_str!("device_templates/meter.yaml")),
        ("motion", include_str!("device_templates/motion.yaml")),
        ("plug", include_str!("device_templates/plug.yaml")),
        ("rgb-lamp", include_str!("device_templates/rgb-lamp.yaml")),
        ("thermometer", include_str!("device_templates/thermometer.yaml")),
        ("weather", include_str!("device_templates/weather.yaml")),
    ];
    let read = |text| Format::Yaml.read::<TemplateSheet>(text).expect("a test reads all of them");
    texts.into_iter().map(|(name, text)| (name, Arc::new(read(text)))).collect()
});

/// See the module.
pub(crate) struct Templates {
    own: RwLock<BTreeMap<String, Arc<TemplateSheet>>>,
    documents: Mutex<Documents>,
}

/// One as it is told of.
pub(crate) struct TemplateView {
    pub(crate) name: String,
    /// It comes with the program.
    pub(crate) built_in: bool,
    pub(crate) sheet: Arc<TemplateSheet>,
}

impl Templates {
    pub(crate) fn open(documents: Documents) -> Result<Self, StoreError> {
        let loaded = documents.load()?;
        for skipped in &loaded.skipped {
            warn!("{skipped}");
        }
        let mut own = BTreeMap::new();
        for (name, body) in loaded.documents {
            match serde_json::from_str::<TemplateSheet>(&body) {
                Ok(sheet) => drop(own.insert(name, Arc::new(sheet))),
                Err(error) => warn!("the template '{name}' cannot be read: {error}; make it again"),
            }
        }
        Ok(Self { own: RwLock::new(own), documents: Mutex::new(documents) })
    }

    /// All of them, by name.
    pub(crate) fn list(&self) -> Vec<TemplateView> {
        let own = self.own.read();
        let mut all: BTreeMap<&str, (bool, &Arc<TemplateSheet>)> =
            BUILT_IN.iter().map(|(name, sheet)| (*name, (true, sheet))).collect();
        all.extend(own.iter().map(|(name, sheet)| (name.as_str(), (false, sheet))));
        let view = |(name, (built_in, sheet)): (&str, (bool, &Arc<TemplateSheet>))| TemplateView {
            name: name.to_owned(),
            built_in,
            sheet: Arc::clone(sheet),
        };
        all.into_iter().map(view).collect()
    }

    /// Those that people made.
    pub(crate) fn sheets(&self) -> BTreeMap<String, TemplateSheet> {
        self.own.read().iter().map(|(name, sheet)| (name.clone(), (**sheet).clone())).collect()
    }

    pub(crate) fn get(&self, name: &str) -> Result<TemplateView, AccountError> {
        let own = self.own.read().get(name).cloned();
        let built_in = own.is_none();
        let sheet = own.or_else(|| BUILT_IN.get(name).cloned());
        sheet.map(|sheet| TemplateView { name: name.to_owned(), built_in, sheet }).ok_or_else(|| {
            let name = shorten(name);
            AccountError::NotFound(format!("There is no template '{name}'; GET /api/templates lists those there are."))
        })
    }

    /// Adds, replaces (`Some`) and deletes (`None`) several, all or none.
    pub(crate) fn apply(&self, changes: Vec<(String, Option<TemplateSheet>)>) -> Result<(), AccountError> {
        for (name, sheet) in &changes {
            // Names of templates are written as those of devices are.
            DeviceId::parse(name).map_err(|error| AccountError::Unusable(format!("templates: {error}.")))?;
            if let Some(sheet) = sheet {
                sheet.specs().map_err(|error| AccountError::Unusable(format!("templates.{name}: {error}.")))?;
            }
        }
        let mut documents = self.documents.lock();
        let mut own = self.own.read().clone();
        let bodies: Vec<_> = changes.iter().map(|(name, sheet)| (name, sheet.as_ref().map(body))).collect();
        let rows: Vec<_> = bodies.iter().map(|(name, body)| (name.as_str(), body.as_deref())).collect();
        for (name, sheet) in &changes {
            match sheet {
                Some(sheet) => drop(own.insert(name.clone(), Arc::new(sheet.clone()))),
                None => drop(own.remove(name)),
            }
        }
        if own.len() > TEMPLATES_MAX {
            let text = format!("There may be {TEMPLATES_MAX} templates of your own at the most: delete some.");
            return Err(AccountError::Full(text));
        }
        documents.apply(&rows)?;
        *self.own.write() = own;
        Ok(())
    }

    /// Deletes one that people made; one that came with the program is seen again then.
    pub(crate) fn remove(&self, name: &str) -> Result<(), AccountError> {
        if self.get(name)?.built_in {
            let text = format!(
                "The template '{name}' comes with the program and stays. You can put one of your own in its place."
            );
            return Err(AccountError::Unusable(text));
        }
        self.apply(vec![(name.to_owned(), None)])
    }
}

fn body(sheet: &TemplateSheet) -> String {
    serde_json::to_string(sheet).expect("numbers and texts are JSON")
}

#[cfg(test)]
mod tests {
    use housewire_store::Store;

    use super::*;

    #[test]
    fn those_of_the_program_make_sense() {
        for (name, sheet) in BUILT_IN.iter() {
            assert!(sheet.specs().is_ok(), "{name}: {:?}", sheet.specs());
            assert!(sheet.title.is_some() && sheet.icon.is_some() && !sheet.properties.is_empty(), "{name}");
        }
    }

    #[test]
    fn ones_own_cover_those_of_the_program_and_survive() {
        let temp = tempfile::tempdir().unwrap();
        let store = Store::open(temp.path()).unwrap();
        let own = TemplateSheet { title: Some("Mine".to_owned()), ..TemplateSheet::default() };
        {
            let templates = Templates::open(store.documents("device_template").unwrap()).unwrap();
            assert!(matches!(templates.remove("lamp"), Err(AccountError::Unusable(_))));
            templates.apply(vec![("lamp".to_owned(), Some(own.clone()))]).unwrap();
            assert!(matches!(
                templates.apply(vec![("a b".to_owned(), Some(own.clone()))]),
                Err(AccountError::Unusable(_))
            ));
        }
        let templates = Templates::open(store.documents("device_template").unwrap()).unwrap();
        let lamp = templates.get("lamp").unwrap();
        assert_eq!((lamp.built_in, lamp.sheet.title.as_deref()), (false, Some("Mine")));
        assert_eq!(templates.list().len(), BUILT_IN.len());
        templates.remove("lamp").unwrap();
        assert!(templates.get("lamp").unwrap().built_in);
        assert!(matches!(templates.get("nothing"), Err(AccountError::NotFound(_))));
    }

    #[test]
    fn there_are_only_so_many() {
        let temp = tempfile::tempdir().unwrap();
        let store = Store::open(temp.path()).unwrap();
        let templates = Templates::open(store.documents("device_template").unwrap()).unwrap();
        let many =
            |count: usize| (0..count).map(|number| (format!("t{number}"), Some(TemplateSheet::default()))).collect();
        assert!(matches!(templates.apply(many(TEMPLATES_MAX + 1)), Err(AccountError::Full(_))));
        assert!(templates.sheets().is_empty(), "all or none");
        templates.apply(many(TEMPLATES_MAX)).unwrap();
    }
}
