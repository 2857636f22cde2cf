//! The house rules, each a function from the repository's files to a list of complaints.
//!
//! Each check has its own tests, which show that it can fail. A rule that needs an exception names it in its own file.

pub mod arrows;
pub mod documents;
pub mod files;
pub mod modules;
pub mod repository;
pub mod rust;
pub mod tree;
pub mod words;

use std::fmt;

pub use self::tree::Tree;

/// Something that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Complaint {
    /// Where, from the repository's root.
    pub path: String,
    /// The line, from 1; 0 when it is about the whole file.
    pub line: usize,
    /// What is wrong, and what to do.
    pub what: String,
}

impl Complaint {
    /// About a whole file.
    pub fn of_file(path: &str, what: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line: 0, what: what.into() }
    }

    /// About one line; `index` counts from 0.
    pub fn of_line(path: &str, index: usize, what: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line: index + 1, what: what.into() }
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.path, self.what),
            line => write!(f, "{}:{line}: {}", self.path, self.what),
        }
    }
}

/// Everything that is wrong with the repository.
pub fn check(tree: &Tree) -> Vec<Complaint> {
    let checks: [fn(&Tree) -> Vec<Complaint>; 6] =
        [arrows::check, documents::check, files::check, modules::check, repository::check, words::check];
    let mut complaints: Vec<_> = checks.iter().flat_map(|check| check(tree)).collect();
    complaints.sort();
    complaints
}

#[cfg(test)]
mod tests;
