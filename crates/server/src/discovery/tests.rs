//! The whole of discovery on a hub in process.
