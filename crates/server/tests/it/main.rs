//! Integration tests: an in-process hub on free ports, real sockets. One binary, so that linking is paid for once.

mod cli;
mod clients;
mod conformance;
#[path = "../../../protocols/tests/mqtt/conformance/mod.rs"]
mod conformance_cases;
mod demo;
mod devices;
mod durable;
mod endings;
mod events;
mod http;
mod http_client;
mod limits;
mod lists;
mod logins;
mod metrics;
mod mqtt;
mod mqtt_ws;
mod mqtt_ws_client;
mod proxy;
mod rumqttc;
mod shared;
mod sys;
mod test_hub;
mod tls;
mod topics;
mod ws;
mod ws_client;
