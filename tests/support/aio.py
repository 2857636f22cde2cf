"""aiomqtt, on an event loop in a thread of its own, as a client whose messages can be waited for."""

import asyncio
import itertools
import threading

import aiomqtt

from .paho import Message, properties
from .wait import PATIENCE, Inbox

_numbers = itertools.count(1)
VERSIONS = {"3.1.1": aiomqtt.ProtocolVersion.V311, "5": aiomqtt.ProtocolVersion.V5}


class Aio:
    """One connection."""

    def __init__(self, hub, version="5", name=None, clean=True, expiry=None):
        self.name = name or f"aio-{next(_numbers)}"
        self.messages = Inbox(self.name)
        options = {"clean_session": clean} if version == "3.1.1" else {"clean_start": clean}
        if expiry is not None and version == "5":
            options["properties"] = properties("CONNECT", SessionExpiryInterval=expiry)
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        try:
            self._call(self._open(hub, VERSIONS[version], options))
        except BaseException:
            self._loop.call_soon_threadsafe(self._loop.stop)
            raise

    def _call(self, work):
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE)

    async def _open(self, hub, protocol, options):
        self.client = aiomqtt.Client(hub.host, hub.mqtt_port, identifier=self.name, protocol=protocol, **options)
        await self.client.__aenter__()
        self._reading = asyncio.create_task(self._read())

    async def _read(self):
        try:
            async for message in self.client.messages:
                self.messages.put(Message(str(message.topic), message.payload, message.qos, message.retain))
        except aiomqtt.MqttError as error:
            self.messages.close(str(error))

    def subscribe(self, filter, qos=0):
        return [getattr(code, "value", code) for code in self._call(self.client.subscribe(filter, qos))]

    def publish(self, topic, payload, qos=1, retain=False):
        """Returns when it is acknowledged."""
        self._call(self.client.publish(topic, payload, qos, retain))

    def wait(self, topic, payload, timeout=PATIENCE, **fields):
        wanted = payload.encode()

        def fits(message):
            known = all(getattr(message, key) == value for key, value in fields.items())
            return message.topic == topic and message.payload == wanted and known

        return self.messages.wait(fits, timeout, f"{topic} {payload} {fields or ''}")

    async def _close(self):
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)
        await self.client.__aexit__(None, None, None)

    def close(self):
        """A clean goodbye."""
        try:
            self._call(self._close())
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
