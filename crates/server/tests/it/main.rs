//! Integration tests: an in-process hub on free ports, real sockets. One binary, so that linking is paid for once.

mod cli;
mod demo;
mod mqtt;
mod test_hub;
