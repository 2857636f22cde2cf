//! Checks on the repository itself; `cargo test -p xtask` runs them.
//!
//! Belongs here: what no compiler and no linter sees (which crate may know which, how long files get, whether links lead
//! somewhere). Does not: anything the product needs, and anything that `cargo fmt` or clippy can say.

pub mod tidy;
