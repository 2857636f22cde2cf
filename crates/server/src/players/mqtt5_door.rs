//! The MQTT 5 door.

use std::sync::Arc;

use rumqttc::NetworkOptions;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{LastWill, Packet};
use rumqttc::v5::{AsyncClient, ClientError, Event, EventLoop, MqttOptions};
use tokio::sync::mpsc;

use super::Access;
use super::door::{Door, DoorError, Farewell, Incoming, filters};
use super::model::{Report, ReportKind};
use super::mqtt_line::{KEEP_ALIVE, Line, OUTGOING_MAX, Word, heard, host, online_topic};

/// See the module.
#[derive(Debug)]
pub(crate) struct Mqtt5Door {
    client: AsyncClient,
    line: Line,
    device: Arc<str>,
}

impl Door for Mqtt5Door {
    async fn open(access: Access, device: Arc<str>) -> Result<Self, DoorError> {
        let mut options = MqttOptions::new(&*device, host(access.mqtt), access.mqtt.port());
        options.set_keep_alive(KEEP_ALIVE);
        options.set_credentials(&*device, &*access.token);
        options.set_last_will(LastWill::new(online_topic(&device), "false", QoS::AtLeastOnce, true, None));
        let mut network = NetworkOptions::new();
        network.set_tcp_nodelay(true);
        options.set_network_options(network);
        let (client, events) = AsyncClient::new(options, OUTGOING_MAX);
        let line = Line::open(|words| run(events, Arc::clone(&device), words)).await?;
        for filter in filters(&device) {
            client.subscribe(filter, QoS::AtLeastOnce).await.map_err(lost)?;
        }
        client.publish(online_topic(&device), QoS::AtLeastOnce, true, "true").await.map_err(lost)?;
        Ok(Self { client, line, device })
    }

    async fn next(&mut self) -> Result<Incoming, DoorError> {
        self.line.next().await
    }

    async fn report(&mut self, report: Report) -> Result<(), DoorError> {
        let topic = format!("devices/{}/{}", self.device, report.property);
        let retain = report.kind == ReportKind::State;
        self.client.publish(topic, QoS::AtLeastOnce, retain, report.payload).await.map_err(lost)
    }

    async fn close(self, farewell: Farewell) {
        // A proper goodbye drops the will, so the device says itself that it is gone.
        let is_said = farewell == Farewell::Silent
            || self.client.try_publish(online_topic(&self.device), QoS::AtLeastOnce, true, "false").is_ok();
        if is_said && self.client.try_disconnect().is_ok() {
            self.line.close().await;
        }
    }
}

/// Drives the connection until it ends.
async fn run(mut events: EventLoop, device: Arc<str>, words: mpsc::Sender<Word>) {
    loop {
        let word = match events.poll().await {
            Ok(Event::Incoming(Packet::ConnAck(_))) => Some(Word::Connected),
            Ok(Event::Incoming(Packet::Publish(publish))) => {
                heard(&device, &publish.topic, &publish.payload, publish.retain)
            }
            Ok(_) => None,
            Err(error) => Some(Word::Lost(DoorError::lost(error))),
        };
        let is_over = matches!(word, Some(Word::Lost(_)));
        if let Some(word) = word {
            // Nobody listens any more once the device says goodbye; the rest is still to be sent.
            let _heard = words.send(word).await.is_ok();
        }
        if is_over {
            return;
        }
    }
}

fn lost(error: ClientError) -> DoorError {
    DoorError::lost(error)
}
