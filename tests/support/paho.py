"""paho-mqtt, both protocol versions, as a client whose events can be waited for."""

import itertools
from dataclasses import dataclass

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from .wait import PATIENCE, Inbox, Timeout

_numbers = itertools.count(1)
VERSIONS = {"3.1.1": mqtt.MQTTv311, "5": mqtt.MQTTv5}
# Reason codes of a PUBACK that accepts: success, and success although nobody was subscribed.
ACCEPTED = (0x00, 0x10)


@dataclass(frozen=True)
class Message:
    """One message as a subscriber saw it."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    properties: object = None

    @property
    def text(self):
        return self.payload.decode()


def properties(packet, **values):
    """MQTT 5 properties of one packet type (`"CONNECT"`, `"PUBLISH"`)."""
    made = Properties(getattr(PacketTypes, packet))
    for name, value in values.items():
        setattr(made, name, value)
    return made


class Paho:
    """One connection. Every event has its inbox."""

    def __init__(
        self,
        hub,
        version="5",
        port=None,
        name=None,
        clean=True,
        expiry=None,
        will=None,
        keepalive=60,
        transport="tcp",
        tls=None,
        token=None,
        user="token",
    ):
        self.version = version
        self.hub = hub
        self.name = name or f"paho-{next(_numbers)}"
        options = {"clean_session": clean} if version == "3.1.1" else {}
        self.client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2,
            client_id=self.name,
            protocol=VERSIONS[version],
            transport=transport,
            **options,
        )
        if token is not None:
            self.client.username_pw_set(user, token)
        self.messages = Inbox(f"{self.name} messages")
        self._connects = Inbox(f"{self.name} CONNACK")
        self._acks = Inbox(f"{self.name} acknowledgements")
        self._disconnects = Inbox(f"{self.name} disconnect")
        self.client.on_connect = lambda c, u, flags, code, props: self._connects.put((flags, code, props))
        self.client.on_subscribe = lambda c, u, mid, codes, props: self._acks.put(("sub", mid, codes))
        self.client.on_unsubscribe = lambda c, u, mid, codes, props: self._acks.put(("unsub", mid, codes))
        self.client.on_publish = lambda c, u, mid, code, props: self._acks.put(("pub", mid, (code, props)))
        self.client.on_disconnect = lambda c, u, flags, code, props: self._disconnects.put((flags, code, props))
        self.client.on_message = self._on_message
        # A test wants to see a closed connection, not a client that mends it silently.
        self.client.reconnect_delay_set(60, 60)
        if will is not None:
            self.client.will_set(**will)
        # In a WebSocket MQTT is spoken at /mqtt of the one port, which is the library's default path.
        usual_port = hub.port if transport == "websockets" else hub.mqtts_port if tls else hub.mqtt_port
        if tls:
            self.client.tls_set_context(tls)
        self._connect(port or usual_port, clean, expiry, keepalive)

    def _connect(self, port, clean, expiry, keepalive):
        more = {}
        if self.version == "5":
            more["clean_start"] = clean
            if expiry is not None:
                more["properties"] = properties("CONNECT", SessionExpiryInterval=expiry)
        self.client.connect(self.hub.host, port, keepalive, **more)
        self.client.loop_start()
        self.connack, self.connect_code, self.connect_properties = self._connects.wait(what="CONNACK")
        if self.connect_code.is_failure:
            raise Timeout(f"{self.name}: CONNACK says {self.connect_code}")

    def _on_message(self, client, userdata, message):
        self.messages.put(
            Message(
                message.topic,
                bytes(message.payload),
                message.qos,
                bool(message.retain),
                getattr(message, "properties", None),
            )
        )

    def _ack(self, kind, mid, timeout=PATIENCE):
        return self._acks.wait(lambda ack: ack[:2] == (kind, mid), timeout, f"{kind} acknowledgement {mid}")[2]

    def subscribe(self, filter, qos=0, **options):
        """The reason codes of the SUBACK, as numbers."""
        if options:
            choice = mqtt.SubscribeOptions(qos=qos, **options)
            result, mid = self.client.subscribe(filter, options=choice)
        else:
            result, mid = self.client.subscribe(filter, qos)
        assert result == mqtt.MQTT_ERR_SUCCESS, result
        return [code.value for code in self._ack("sub", mid)]

    def unsubscribe(self, filter):
        _, mid = self.client.unsubscribe(filter)
        return self._ack("unsub", mid)

    def publish(self, topic, payload, qos=1, retain=False, props=None, timeout=PATIENCE):
        """Publishes and waits for the acknowledgement; its reason code (0 for QoS 0 and for MQTT 3.1.1)."""
        info = self.client.publish(topic, payload, qos, retain, props)
        code, self.puback_properties = self._ack("pub", info.mid, timeout)
        return code.value

    def wait(self, topic, payload=None, timeout=PATIENCE, **fields):
        """The next message on a topic, with this payload (text or bytes) and these fields (`retain=True`)."""
        wanted = payload.encode() if isinstance(payload, str) else payload

        def fits(message):
            return (
                message.topic == topic
                and (wanted is None or message.payload == wanted)
                and all(getattr(message, key) == value for key, value in fields.items())
            )

        return self.messages.wait(fits, timeout, f"{topic} {payload if payload is not None else ''} {fields or ''}")

    def before_fence(self):
        """All messages that came before one that this client sends to itself now: proof of what did not come."""
        topic = f"fence/{self.name}/{next(_numbers)}"
        self.subscribe(topic, 1)
        self.publish(topic, "fence")
        self.wait(topic)
        return self.messages.drain()

    def wait_disconnect(self, timeout=PATIENCE):
        """How the other side ended it: the reason code as a number (MQTT 5 DISCONNECT), or paho's own."""
        _, code, _ = self._disconnects.wait(timeout=timeout, what="a disconnect")
        self.client.loop_stop()
        return code.value

    def close(self):
        """A clean goodbye."""
        self.client.disconnect()
        self.client.loop_stop()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
