// A device of your house in JavaScript, over WebSocket: it reports a temperature and obeys a switch called "led".
//
// You need:   npm install ws
// Start it:   node websocket_device.mjs      (Ctrl-C ends it)
import { readFileSync } from 'node:fs';
import WebSocket from 'ws';

const HUB_HOST = '@HUB_HOST@';
const HUB_PORT = '@HUB_PORT@';
const DEVICE = '@DEVICE@';
const TOKEN = '@TOKEN@';
const CA_FILE = '@CA_FILE@'; // the certificate that vouches for the hub; empty: the connection is not encrypted

const HUB = `${CA_FILE ? 'wss' : 'ws'}://${HUB_HOST}:${HUB_PORT}/api/ws`;
const TEMPERATURE = `devices/${DEVICE}/temperature`;
const LED = `devices/${DEVICE}/led`;

/** Made up. Read your sensor here. */
function readTemperature() {
  return Number((20 + 3 * Math.random()).toFixed(1));
}

/** Switch something here. */
function switchLed(on) {
  console.log('led is', on ? 'on' : 'off');
}

function connect() {
  const hub = new WebSocket(HUB, {
    headers: { Authorization: `Bearer ${TOKEN}` },
    ca: CA_FILE ? readFileSync(CA_FILE) : undefined,
  });
  const publish = (topic, payload) => hub.send(JSON.stringify({ op: 'publish', topic, payload, retain: true }));
  let reporting;

  hub.on('open', () => {
    console.log('connected');
    hub.send(JSON.stringify({ op: 'subscribe', filter: `${LED}/set` })); // whoever presses the switch is heard here
    publish(LED, false);
    reporting = setInterval(() => {
      const temperature = readTemperature();
      publish(TEMPERATURE, temperature);
      console.log('temperature', temperature);
    }, 5000);
  });

  hub.on('message', (text) => {
    const frame = JSON.parse(text);
    if (frame.op === 'message') {
      const on = frame.payload === true;
      switchLed(on);
      publish(LED, on); // says that it is done
    } else if (frame.op === 'error') {
      console.log('The hub did not take a message:', frame.message);
    }
  });

  hub.on('unexpected-response', (request, answer) => {
    if (answer.statusCode === 401 || answer.statusCode === 403) {
      console.error(`The hub refuses this device (${answer.statusCode}). Is the token the one of the device "${DEVICE}"?`);
      process.exit(1);
    }
    console.log(`The hub does not let me in now (${answer.statusCode}).`);
    request.destroy();
  });

  hub.on('error', (error) => {
    if (/certificate/.test(error.message)) {
      console.error(`The hub's certificate is not trusted: ${error.message}. Is ${CA_FILE} the one of this hub?`);
      process.exit(1);
    }
    console.log(`The hub does not answer at ${HUB_HOST}:${HUB_PORT} (${error.message}); I try again.`);
  });

  hub.on('close', () => {
    clearInterval(reporting);
    setTimeout(connect, 5000);
  });
}

connect();
