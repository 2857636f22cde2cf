// Lets Python drive npm's blynk-library: commands come as JSON lines on standard input, answers and events leave on standard output.
// The library is unmodified; support/blynk.py is the other half. What it prints goes to standard error.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

console.log = console.error;
const library = createRequire(import.meta.url)("blynk-library");

const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const devices = new Map();

const commands = {
  connect({ device: name, token, host, port, ca, pins }) {
    const connector = ca
      ? new library.SslClient({ addr: host, port, ca: [ca], servername: host })
      : new library.TcpClient({ addr: host, port });
    const device = new library.Blynk(token, { connector });
    const event = (event, more = {}) => say({ event, device: name, ...more });
    device.on("connect", () => event("connect"));
    device.on("disconnect", () => event("disconnect"));
    device.on("error", (error) => event("error", { text: String(error) }));
    const made = new Map(pins.map((pin) => [pin, new device.VirtualPin(pin)]));
    for (const [pin, made_pin] of made) {
      made_pin.on("write", (values) => event("write", { pin, values }));
    }
    devices.set(name, { device, pins: made, widgets: new Map() });
    return {};
  },
  write({ device, pin, values }) {
    devices.get(device).pins.get(pin).write(values);
    return {};
  },
  call({ device, method, args }) {
    devices.get(device).device[method](...args);
    return {};
  },
  widget({ device: name, kind, pin, method, args }) {
    const { device, widgets } = devices.get(name);
    const key = `${kind}/${pin}`;
    if (!widgets.has(key)) widgets.set(key, new device[kind](pin));
    widgets.get(key)[method](...args);
    return {};
  },
  disconnect({ device }) {
    devices.get(device).device.disconnect(false);
    devices.delete(device);
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
