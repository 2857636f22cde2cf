//! A dashboard as it is kept: in memory as the text that is answered, on disk as a document.

use housewire_core::Timestamp;
use serde::{Deserialize, Serialize};

use crate::dashboards::Origins;
use crate::dashboards::model::{Content, Others, Widget};

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) icon: Option<String>,
    pub(crate) owner: Option<String>,
    pub(crate) others: Others,
    pub(crate) version: u64,
    pub(crate) updated: Timestamp,
    pub(crate) updated_by: Option<String>,
    pub(crate) widgets: usize,
    /// What its widgets look at.
    pub(super) origins: Origins,
    /// The content as JSON: an object.
    pub(super) text: String,
}

/// What is said of it beside its content.
#[derive(Serialize)]
struct Said<'a> {
    owner: Option<&'a str>,
    others: Others,
    version: u64,
    updated: String,
    updated_by: Option<&'a str>,
    may_edit: bool,
}

/// As it lies on disk, behind the content.
#[derive(Serialize)]
struct Head<'a> {
    owner: Option<&'a str>,
    others: Others,
    version: u64,
    updated_us: i64,
    updated_by: Option<&'a str>,
}

/// All of what lies on disk.
#[derive(Deserialize)]
struct Record {
    id: String,
    title: String,
    icon: Option<String>,
    tabs: Vec<String>,
    widgets: Vec<Widget>,
    owner: Option<String>,
    others: Others,
    version: u64,
    updated_us: i64,
    updated_by: Option<String>,
}

impl Kept {
    /// `when` is its version, the time, and who made it so.
    pub(super) fn new(
        content: Content,
        owner: Option<String>,
        others: Others,
        when: (u64, Timestamp, Option<String>),
    ) -> Result<Self, String> {
        let origins = content.check()?;
        let text = content.write()?;
        let (version, updated, updated_by) = when;
        let Content { id, title, icon, tabs: _, widgets } = content;
        let widgets = widgets.len();
        Ok(Self { id, title, icon, owner, others, version, updated, updated_by, widgets, origins, text })
    }

    pub(super) fn read(body: &str) -> Result<Self, String> {
        let Record { id, title, icon, tabs, widgets, owner, others, version, updated_us, updated_by } =
            serde_json::from_str(body).map_err(|error| error.to_string())?;
        let when = (version, Timestamp::from_micros(updated_us), updated_by);
        Self::new(Content { id, title, icon, tabs, widgets }, owner, others, when)
    }

    pub(super) fn record(&self) -> String {
        let (owner, updated_by) = (self.owner.as_deref(), self.updated_by.as_deref());
        let (others, version, updated_us) = (self.others, self.version, self.updated.as_micros());
        self.with(&Head { owner, others, version, updated_us, updated_by })
    }

    /// As it is answered; a stranger is told nobody's name.
    pub(crate) fn view(&self, may_edit: bool, is_stranger: bool) -> String {
        let known = |name: &'_ Option<String>| name.clone().filter(|_| !is_stranger);
        let (owner, updated_by) = (known(&self.owner), known(&self.updated_by));
        self.with(&Said {
            owner: owner.as_deref(),
            others: self.others,
            version: self.version,
            updated: self.updated.to_string(),
            updated_by: updated_by.as_deref(),
            may_edit,
        })
    }

    fn with(&self, more: &impl Serialize) -> String {
        let more = serde_json::to_string(more).expect("texts and numbers are JSON");
        let mut text = String::with_capacity(self.text.len() + more.len());
        text.push_str(self.text.strip_suffix('}').expect("it is an object"));
        text.push(',');
        text.push_str(more.strip_prefix('{').expect("so is this"));
        text
    }

    /// What it counts for.
    pub(super) fn bytes(&self) -> usize {
        self.text.len()
    }

    /// What tells this version from others.
    pub(crate) fn tag(&self) -> String {
        format!("\"{}\"", self.version)
    }
}
