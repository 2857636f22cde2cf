//! Bolt's cloud API, as far as it needs no hub: what a request asks, how a property looks on a pin, and how answers are written.
//!
//! How a module talks to Bolt's own service is not public; here any device serves that has properties bound to pins.

mod answer;
mod binding;
mod command;
mod level;
mod query;
#[cfg(test)]
mod tests;

pub use self::answer::{Answer, Style, history, product, quoted};
pub use self::binding::{Binding, Pin, Role};
pub use self::command::{Command, Invalid, Order, Verb};
pub use self::level::{Level, Scale};
pub use self::query::{Call, Parameters};
