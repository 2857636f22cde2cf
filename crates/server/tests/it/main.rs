//! Integration tests: an in-process hub on free ports, real sockets. One binary, so that linking is paid for once.

mod cli;
mod clients;
mod demo;
mod devices;
mod events;
mod http;
mod http_client;
mod limits;
mod metrics;
mod mqtt;
mod sys;
mod test_hub;
mod topics;
mod ws;
mod ws_client;
