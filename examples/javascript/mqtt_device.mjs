// A device of your house in JavaScript, over MQTT: it reports a temperature and obeys a switch called "led".
//
// You need:   npm install mqtt
// Start it:   node mqtt_device.mjs      (Ctrl-C ends it)
import { existsSync, readFileSync } from 'node:fs';
import mqtt from 'mqtt';

const HUB_HOST = '@HUB_HOST@';
const HUB_PORT = Number('@HUB_PORT@');
const DEVICE = '@DEVICE@';
const TOKEN = '@TOKEN@';
const CA_FILE = '@CA_FILE@'; // the certificate that vouches for the hub; empty: the connection is not encrypted

const TEMPERATURE = `devices/${DEVICE}/temperature`;
const LED = `devices/${DEVICE}/led`;

/** Made up. Read your sensor here. */
function readTemperature() {
  return (20 + 3 * Math.random()).toFixed(1);
}

/** Switch something here. */
function switchLed(on) {
  console.log('led is', on ? 'on' : 'off');
}

if (CA_FILE && !existsSync(CA_FILE)) {
  console.error(`There is no file ${CA_FILE}: fetch it from the hub first.`);
  process.exit(1);
}

const hub = mqtt.connect({
  protocol: CA_FILE ? 'mqtts' : 'mqtt',
  host: HUB_HOST,
  port: HUB_PORT,
  ca: CA_FILE ? readFileSync(CA_FILE) : undefined,
  protocolVersion: 5,
  clientId: DEVICE,
  username: DEVICE,
  password: TOKEN,
  // What the hub says when this program is gone.
  will: { topic: `devices/${DEVICE}/$online`, payload: 'false', retain: true },
});

hub.on('connect', () => {
  console.log('connected');
  hub.subscribe(`${LED}/set`); // whoever presses the switch is heard here
  hub.publish(LED, 'false', { retain: true });
});

hub.on('message', (topic, payload) => {
  const on = payload.toString() === 'true';
  switchLed(on);
  hub.publish(LED, String(on), { retain: true }); // says that it is done
});

hub.on('error', (error) => {
  // 134: a wrong token, 135: a token that may not do this. Trying again would not help.
  if (error.code === 134 || error.code === 135) {
    console.error(`The hub refuses this device: ${error.message}. Is the token the one of the device "${DEVICE}"?`);
    process.exit(1);
  }
  if (/certificate/.test(error.message)) {
    console.error(`The hub's certificate is not trusted: ${error.message}. Is ${CA_FILE} the one of this hub?`);
    process.exit(1);
  }
  console.log(`The hub does not answer at ${HUB_HOST}:${HUB_PORT} (${error.message}); I try again.`);
});

setInterval(() => {
  if (!hub.connected) return;
  const temperature = readTemperature();
  hub.publish(TEMPERATURE, temperature, { qos: 1, retain: true }, (error) => {
    if (error) console.log(`The hub did not take a message: ${error.message}`);
  });
  console.log('temperature', temperature);
}, 5000);
