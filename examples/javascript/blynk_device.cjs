// A device of your house in JavaScript, speaking Blynk: pin V0 is a temperature, pin V1 a switch.
//
// You need:   npm install blynk-library
// Start it:   node blynk_device.cjs      (Ctrl-C ends it)
const Blynk = require('blynk-library');

const HUB_HOST = '@HUB_HOST@';
const HUB_PORT = Number('@HUB_PORT@');
const TOKEN = '@TOKEN@';

/** Made up. Read your sensor here. */
function readTemperature() {
  return (20 + 3 * Math.random()).toFixed(1);
}

/** Switch something here. */
function switchLed(on) {
  console.log('led is', on ? 'on' : 'off');
}

const blynk = new Blynk.Blynk(TOKEN, {
  connector: new Blynk.TcpClient({ addr: HUB_HOST, port: HUB_PORT }),
});
const temperature = new blynk.VirtualPin(0);
const led = new blynk.VirtualPin(1);
let reporting;

blynk.on('connect', () => {
  console.log('connected');
  led.write(0);
  clearInterval(reporting);
  reporting = setInterval(() => {
    const value = readTemperature();
    temperature.write(value);
    console.log('temperature', value);
  }, 5000);
});

blynk.on('disconnect', () => {
  clearInterval(reporting);
  console.log('The connection ended; the library tries again.');
});

led.on('write', (values) => {
  const on = values[0] === '1' || values[0] === 'true';
  switchLed(on);
  led.write(on ? 1 : 0); // says that it is done
});

blynk.on('error', (error) => {
  if (/token/i.test(String(error))) {
    console.error('The hub refuses this device: the token is wrong.');
    process.exit(1);
  }
  console.log(`The hub does not answer at ${HUB_HOST}:${HUB_PORT} (${error}); the library tries again.`);
});
