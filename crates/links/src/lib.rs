//! What goes out to hardware, to devices that are servers, and to other hubs.
//!
//! Each link is a module of its own and knows nothing of the others. What is pure in it is here; sockets and threads belong to `server`.

pub mod blynk_file;
pub mod discovery;
