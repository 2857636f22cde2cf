//! The file in which Blynk's old server kept a user (`*.user`): what devices, properties and dashboards it makes here.
//!
//! Pure and bounded: bytes in, a [`Move`] out. What is there already, and how anything of it is made, belongs to `server`. A part of the
//! file that has no counterpart is no error: it is told in [`Move::left`], with the reason. What is wrong with the file as a whole is.

mod property;
mod read;
mod widget;
mod words;

use std::collections::BTreeMap;
use std::fmt;

use housewire_core::PropertySpec;
use housewire_protocols::blynk::Pin;
use serde_json::{Map, Value};
use thiserror::Error;

pub use self::read::read;

/// Projects of one file; a file with more is refused.
pub const PROJECTS_MAX: usize = 200;
/// Devices of one project; likewise.
pub const DEVICES_MAX: usize = 1_000;
/// Widgets of one project; likewise.
pub const WIDGETS_MAX: usize = 1_000;
/// Tags of one project; likewise.
pub const TAGS_MAX: usize = 1_000;
/// One widget as JSON; a larger one is left out, and told.
pub const WIDGET_BYTES_MAX: usize = 256 * 1024;
/// What is told of what was left out; further parts are counted.
pub const LEFT_MAX: usize = 500;
/// Characters of a token, as Blynk's libraries insist on.
const TOKEN_CHARS: usize = 32;

/// Why a file cannot be taken over.
#[derive(Debug, Error)]
pub enum FileError {
    /// It is no JSON, or not of the form that user files have.
    #[error("{0}")]
    Form(#[from] serde_json::Error),
    /// It is JSON of something else.
    #[error(
        "it has no projects (profile.dashBoards), as a user file of Blynk's server has; that is NAME.user in its data folder"
    )]
    NoUserFile,
    /// A token is none, or opens two devices.
    #[error("{place}: {why}")]
    Token {
        /// Where in the file.
        place: String,
        /// What is wrong with it; says nothing of the token.
        why: &'static str,
    },
}

/// What a file makes.
#[derive(Debug, Default)]
pub struct Move {
    /// In the order of the file.
    pub devices: Vec<MovedDevice>,
    /// One for each project.
    pub dashboards: Vec<MovedDashboard>,
    /// What has no counterpart.
    pub left: Left,
}

/// A device.
pub struct MovedDevice {
    /// The id that it would like to have.
    pub stem: String,
    /// As people called it.
    pub name: Option<String>,
    /// The board.
    pub model: Option<String>,
    /// Opens the door to it; a secret.
    pub token: String,
    /// By pin.
    pub properties: BTreeMap<Pin, MovedProperty>,
}

/// What a pin becomes.
#[derive(Clone, Debug, PartialEq)]
pub struct MovedProperty {
    /// The name that it would like to have; always a valid one.
    pub name: String,
    /// With its binding.
    pub spec: PropertySpec,
}

/// A dashboard.
#[derive(Debug)]
pub struct MovedDashboard {
    /// The same for every import of the same project.
    pub id: String,
    /// Never empty.
    pub title: String,
    /// By name, in order; none if there is one page only.
    pub tabs: Vec<String>,
    /// Without those that have no counterpart.
    pub widgets: Vec<MovedWidget>,
}

/// A widget that has a counterpart.
#[derive(Debug)]
pub struct MovedWidget {
    /// Unique within its dashboard.
    pub id: String,
    /// One of the page's kinds.
    pub kind: &'static str,
    /// Its label, if it has one.
    pub title: Option<String>,
    /// In cells of a grid of 12 columns.
    pub place: Place,
    /// Which of [`Move::devices`], and its pin.
    pub sources: Vec<(usize, Pin)>,
    /// As the page's kind knows them.
    pub options: Map<String, Value>,
    /// One of the dashboard's.
    pub tab: Option<String>,
}

/// In cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// From the left.
    pub x: u32,
    /// From the top.
    pub y: u32,
    /// At least 1.
    pub w: u32,
    /// At least 1.
    pub h: u32,
}

/// What has no counterpart: the first so many, and how many more there are.
#[derive(Debug, Default)]
pub struct Left {
    /// At most [`LEFT_MAX`].
    pub told: Vec<LeftOut>,
    /// Those that are not told.
    pub more: usize,
}

/// Something that has no counterpart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Where in the file: project, and what of it.
    pub place: String,
    /// Why, and what to do instead.
    pub why: String,
}

impl Left {
    pub(self) fn add(&mut self, place: String, why: impl Into<String>) {
        if self.told.len() < LEFT_MAX {
            self.told.push(LeftOut { place, why: why.into() });
        } else {
            self.more += 1;
        }
    }
}

/// Everything but the token.
impl fmt::Debug for MovedDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stem, name, model, token: _, properties } = self;
        let mut shown = f.debug_struct("MovedDevice");
        shown.field("stem", stem).field("name", name).field("model", model).field("properties", properties);
        shown.finish_non_exhaustive()
    }
}
