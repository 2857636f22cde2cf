// A program as people wrote it with npm's bolt-iot-wrapper, unmodified: it asks one thing after the other and prints the answers as
// JSON. Arguments: the key and the device's name. The wrapper waits for 3 s between two calls.
const { Devices, Enums } = require("bolt-iot-wrapper");

// What it prints for people goes to standard error.
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
console.log = console.error;

const [key, device] = process.argv.slice(2);
Devices.add(device, key);
const bolt = Devices.read(device, key);
const high = Enums.STATE.high;

async function main() {
  const answers = [];
  const ask = async (name, call) => answers.push([name, await call().catch((error) => `failed: ${error}`)]);
  await ask("write", () => bolt.Digital.write([{ pin: 0, state: high }, { pin: 1, state: high }]));
  await ask("read", () => bolt.Digital.read([0, 1, 2]));
  await ask("analog", () => bolt.Analog.read());
  await ask("pwm", () => bolt.Analog.pwm([{ pin: 3, value: 7 }, { pin: 4, value: 8 }]));
  await ask("readWrite", () => bolt.UART.readWrite("temp?", 10));
  await ask("isOnline", () => bolt.Utility.isOnline());
  await ask("restart", () => bolt.Utility.restart());
  // A failure of a call that it holds back itself is lost in the wrapper.
  await new Promise((done) => setTimeout(done, 3_100));
  await ask("wrong pin", () => bolt.Digital.write({ pin: 16, state: high }));
  say(answers);
}

main();
