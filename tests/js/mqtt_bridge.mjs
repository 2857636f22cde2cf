// Lets Python drive mqtt.js: commands come as JSON lines on standard input, answers and events leave on standard output.
// The clients themselves are the library's, unmodified; support/node.py is the other half.
import { createInterface } from "node:readline";
import mqtt from "mqtt";

const clients = new Map();
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const message = (error) => `${error?.message ?? error}${error?.code !== undefined ? ` (${error.code})` : ""}`;

const commands = {
  async connect({ client: name, url, options }) {
    const will = options.will ? { ...options.will, payload: Buffer.from(options.will.payload) } : undefined;
    // Connecting by hand, so that the listener for messages is there before the first packet.
    const client = mqtt.connect(url, { reconnectPeriod: 0, ...options, ...(will ? { will } : {}) });
    clients.set(name, client);
    client.on("message", (topic, payload, packet) =>
      say({
        event: "message",
        client: name,
        topic,
        payload: payload.toString("base64"),
        qos: packet.qos,
        retain: packet.retain,
      }),
    );
    client.on("disconnect", (packet) => say({ event: "disconnect", client: name, code: packet.reasonCode }));
    client.on("close", () => say({ event: "close", client: name }));
    const connack = await new Promise((resolve, reject) => {
      client.once("connect", resolve);
      client.once("error", reject);
    });
    // What goes wrong later belongs to a call or ends the connection; Node would end on an error nobody hears.
    client.on("error", (error) => say({ event: "error", client: name, message: message(error) }));
    return { sessionPresent: connack.sessionPresent };
  },
  async subscribe({ client, filter, options }) {
    return { granted: await clients.get(client).subscribeAsync(filter, options) };
  },
  async publish({ client, topic, payload, options }) {
    const packet = await clients.get(client).publishAsync(topic, Buffer.from(payload, "base64"), options);
    return { reasonCode: packet?.reasonCode ?? 0 };
  },
  async end({ client }) {
    await clients.get(client).endAsync();
    clients.delete(client);
    return {};
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { id, op, ...rest } = JSON.parse(line);
  commands[op](rest).then(
    (answer) => say({ id, ok: true, ...answer }),
    (error) => say({ id, ok: false, error: message(error), code: error?.code }),
  );
}
process.exit(0);
