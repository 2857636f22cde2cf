// Hosts the nodes of npm's node-red-contrib-blynk-ws, which are unmodified, without Node-RED itself: they want little of it. Commands come
// as JSON lines on standard input, answers and what nodes send leave on standard output; support/blynk.py is the other half.
import { EventEmitter } from "node:events";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

console.log = console.error;
const require = createRequire(import.meta.url);
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

const types = new Map();
const nodes = new Map();
const mixed = new Set();

/** What Node-RED gives every node. */
const methods = {
  send(message) {
    say({ event: "send", node: this.id, message });
  },
  status({ fill }) {
    if (fill) say({ event: "status", node: this.id, fill });
  },
  log: (text) => console.error(text),
  warn(text) {
    say({ event: "warn", node: this.id, text: String(text) });
  },
  error(text) {
    say({ event: "error", node: this.id, text: String(text) });
  },
};

const RED = {
  nodes: {
    createNode(node, config) {
      node.id = config.id;
      nodes.set(config.id, node);
    },
    getNode: (id) => nodes.get(id),
    registerType(name, constructor) {
      types.set(name, constructor);
    },
  },
  util: { ensureString: (value) => (typeof value === "object" ? JSON.stringify(value) : String(value)) },
  _: (key) => key,
};

const load = (name) => {
  require(`node-red-contrib-blynk-ws/nodes/${name}.js`)(RED);
  const { prototype } = types.get(name);
  if (!mixed.has(prototype)) {
    Object.setPrototypeOf(prototype, EventEmitter.prototype);
    Object.assign(prototype, { ...methods, ...prototype });
    mixed.add(prototype);
  }
};

const commands = {
  // All at once, so that none misses what another does.
  add({ flow }) {
    for (const { type, ...config } of flow) {
      if (!types.has(type)) load(type);
      new (types.get(type))(config);
    }
    return {};
  },
  input({ node, message }) {
    nodes.get(node).emit("input", message);
    return {};
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { id, op, ...rest } = JSON.parse(line);
  try {
    say({ id, ok: true, ...commands[op](rest) });
  } catch (error) {
    say({ id, ok: false, error: String(error?.stack ?? error) });
  }
}
process.exit(0);
