//! Integration tests: an in-process hub on free ports, real sockets. One binary, so that linking is paid for once.

mod cli;
mod demo;
mod devices;
mod durable;
mod events;
mod http;
mod http_client;
mod mqtt;
mod rumqttc;
mod test_hub;
mod topics;
mod ws;
mod ws_client;
