// What to do on each system so that it trusts the hub's own authority. Commands stand here, beside the words
// they belong to; the words themselves are in the strings.
import { a } from '../strings.admin';
import { CA_FILE, type HubAddress } from './reach';

import type { System } from './tls';

export interface Step {
  text: string;
  code?: string;
}

export function trustSteps(system: System, hub: HubAddress): Step[] {
  const s = a.trust.steps;
  // Nothing vouches for the first download; whoever minds compares the fingerprint.
  const get = { text: s.get, code: `curl ${hub.secure ? '-k ' : ''}-o ${CA_FILE} ${hub.origin}/ca.crt` };
  switch (system) {
    case 'debian':
      return [
        get,
        {
          text: s.install,
          code: `sudo cp ${CA_FILE} /usr/local/share/ca-certificates/\nsudo update-ca-certificates`,
        },
        {
          text: s.chromium,
          code: `sudo apt-get install libnss3-tools\ncertutil -d sql:$HOME/.pki/nssdb -A -t C,, -n Housewire -i ${CA_FILE}`,
        },
      ];
    case 'fedora':
      return [
        get,
        {
          text: s.install,
          code: `sudo cp ${CA_FILE} /etc/pki/ca-trust/source/anchors/\nsudo update-ca-trust`,
        },
        {
          text: s.chromium,
          code: `sudo dnf install nss-tools\ncertutil -d sql:$HOME/.pki/nssdb -A -t C,, -n Housewire -i ${CA_FILE}`,
        },
      ];
    case 'macos':
      return [
        get,
        {
          text: s.install,
          code: `sudo security add-trusted-cert -d -r trustRoot \\\n  -k /Library/Keychains/System.keychain ${CA_FILE}`,
        },
        { text: s.restart },
      ];
    case 'windows':
      return [
        { text: s.save },
        { text: s.windows, code: `certutil -addstore -f ROOT ${CA_FILE}` },
        { text: s.restart },
      ];
    case 'ios':
      return [{ text: s.iosOpen }, { text: s.iosInstall }, { text: s.iosTrust }];
    case 'android':
      return [{ text: s.save }, { text: s.android }, { text: s.androidChoose }];
    case 'firefox':
      return [{ text: s.save }, { text: s.firefox }, { text: s.firefoxTrust }];
    case 'tools':
      return [
        get,
        { text: 'curl', code: `curl --cacert ${CA_FILE} https://${hub.host}:${hub.port}/api/health` },
        {
          text: 'mosquitto_pub',
          code: `mosquitto_pub --cafile ${CA_FILE} -h ${hub.host} -p 8883 -t devices/lamp/power -m true`,
        },
        {
          text: 'Python',
          code: `requests.get("https://${hub.host}:${hub.port}/api/health", verify="${CA_FILE}")`,
        },
        {
          text: 'Arduino (ESP8266, ESP32)',
          code: `WiFiClientSecure net;\nnet.setCACert(CA);  // ${s.arduino}`,
        },
      ];
  }
}
