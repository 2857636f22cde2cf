// A device of your house in JavaScript, over HTTP: it reports a temperature and obeys a switch called "led".
//
// You need:   Node.js 18 or newer, nothing else
// Start it:   node http_device.mjs      (Ctrl-C ends it)
//             for https: NODE_EXTRA_CA_CERTS=housewire-ca.crt node http_device.mjs
const HUB_HOST = '@HUB_HOST@';
const HUB_PORT = '@HUB_PORT@';
const DEVICE = '@DEVICE@';
const TOKEN = '@TOKEN@';
const CA_FILE = '@CA_FILE@'; // the certificate that vouches for the hub; empty: the connection is not encrypted

const HUB = `${CA_FILE ? 'https' : 'http'}://${HUB_HOST}:${HUB_PORT}/api/devices/${DEVICE}`;
const headers = { Authorization: `Bearer ${TOKEN}`, 'Content-Type': 'application/json' };
const pause = (seconds) => new Promise((done) => setTimeout(done, 1000 * seconds));

/** Made up. Read your sensor here. */
function readTemperature() {
  return Number((20 + 3 * Math.random()).toFixed(1));
}

/** Switch something here. */
function switchLed(on) {
  console.log('led is', on ? 'on' : 'off');
}

/** Ends the program where trying again would not help, and waits where it may. */
async function explain(error) {
  if (error.status === 401 || error.status === 403) {
    console.error(`The hub refuses this device: ${error.message} Is the token the one of the device "${DEVICE}"?`);
    process.exit(1);
  }
  if (/CERT|SIGNATURE/.test(error.cause?.code ?? '')) {
    console.error(`The hub's certificate is not trusted (${error.cause.code}). Start with NODE_EXTRA_CA_CERTS=${CA_FILE}`);
    process.exit(1);
  }
  console.log(error.status ? `The hub did not take it: ${error.message}` : `The hub does not answer at ${HUB_HOST}:${HUB_PORT}; I try again.`);
  await pause(5);
}

async function ask(method, path, options = {}) {
  const answer = await fetch(HUB + path, { method, ...options, headers: { ...headers, ...options.headers } });
  if (answer.ok || answer.status === 304) return answer;
  const problem = await answer.json().catch(() => ({}));
  throw Object.assign(new Error(problem.detail ?? `status ${answer.status}`), { status: answer.status });
}

/** Says what the device has measured or done. */
async function report(name, value) {
  await ask('PUT', `/${name}`, { body: JSON.stringify(value) });
}

/** Waits for whoever presses the switch: the hub answers in the moment that somebody does. */
async function obey() {
  let seen = null;
  for (;;) {
    try {
      const answer = await ask('GET', '/led?wait=30s', { headers: seen ? { 'If-None-Match': seen } : {} });
      if (answer.status === 304) continue; // nothing happened in those 30 seconds
      seen = answer.headers.get('etag');
      const { target } = await answer.json();
      if (target === null) continue;
      switchLed(target);
      await report('led', target); // says that it is done
    } catch (error) {
      await explain(error);
    }
  }
}

async function measure() {
  for (;;) {
    try {
      const temperature = readTemperature();
      await report('temperature', temperature);
      console.log('temperature', temperature);
      await pause(5);
    } catch (error) {
      await explain(error);
    }
  }
}

for (;;) {
  try {
    await report('led', false);
    break;
  } catch (error) {
    await explain(error);
  }
}
await Promise.all([measure(), obey()]);
