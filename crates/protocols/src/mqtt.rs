//! MQTT 3.1, 3.1.1 and 5: one codec, one machine; 3.1.1 is 5 with empty properties, and [`Version`] is a field.
//!
//! [`decode`] and [`encode`] know what a packet looks like; [`Inbound`] decides what a client's packets mean,
//! [`Outbound`] what is sent to it and when. Numbers like [MQTT-3.3.1-2] name clauses of the OASIS specification of
//! version 5 (and "v3" those of 3.1.1 where they differ). Where it leaves a choice we do as Mosquitto 2 does.
//! Who may connect, and what a message means, belongs to the server and to `core`.

mod codec;
mod packet;
mod reason;
mod session;

pub use codec::{DecodeError, decode, encode};
pub use packet::{
    Ack, Auth, ConnAck, Connect, Disconnect, Packet, PacketId, PacketKind, Publish, RetainHandling, SubAck, Subscribe,
    SubscriptionOptions, Unsubscribe, UserProperties, Version, Will,
};
pub use reason::ReasonCode;
pub use session::{
    AckStep, Acknowledgement, AuthStep, Batch, Detached, Due, Event, Held, Holdings, Inbound, JournalChanges,
    KeptMessage, Link, Losses, MessageChange, MessageIds, Outbound, Outcome, Pool, ProtocolError, Publication,
    PublishTopic, SHORT_ACK_BYTES, SessionBound, SharedMessage, Step, SubscriptionRequest, Traffic, WillMessage,
};
