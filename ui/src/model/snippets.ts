// Lines a person can paste to use a token that was just made, with this hub's address. Quoted for a POSIX
// shell where they are for one.
import type { Json, PropertyMeta } from './types';
import { CA_FILE, quote, type HubAddress } from './reach';

export type Client = 'curl' | 'mosquitto' | 'python' | 'arduino';

export interface Owner {
  /** The device that the token belongs to; null for an app's. */
  device: string | null;
  token: string;
  /** What the device is shown to report; `value`, while it has nothing of its own. */
  report?: Report;
}

export interface Report {
  property: string;
  value: number | boolean;
}

const ANY: Report = { property: 'value', value: 21.5 };

/** Something that this device has and may report: a number first, with a value that fits. */
export function reportOf(properties: readonly { id: string; meta: PropertyMeta; value: Json }[]): Report {
  const fits = ({ id, meta, value }: (typeof properties)[number]): Report | null => {
    if (meta.access.includes('event')) return null;
    if (meta.type === 'bool') return { property: id, value: value === true };
    if (meta.type !== 'int' && meta.type !== 'float') return null;
    const some = typeof value === 'number' ? value : meta.type === 'int' ? 21 : 21.5;
    return { property: id, value: Math.max(meta.min ?? -Infinity, Math.min(meta.max ?? Infinity, some)) };
  };
  const all = properties.map(fits).filter((one) => one !== null);
  return all.find(({ value }) => typeof value === 'number') ?? all[0] ?? ANY;
}

export function clientsFor(owner: Owner): Client[] {
  return owner.device === null ? ['curl', 'mosquitto', 'python'] : ['curl', 'mosquitto', 'python', 'arduino'];
}

export function snippet(client: Client, hub: HubAddress, owner: Owner): string {
  switch (client) {
    case 'curl':
      return curl(hub, owner);
    case 'mosquitto':
      return mosquitto(hub, owner);
    case 'python':
      return python(hub, owner);
    case 'arduino':
      return arduino(hub, owner);
  }
}

function curl(hub: HubAddress, { device, token, report = ANY }: Owner): string {
  const header = `-H ${quote(`Authorization: Bearer ${token}`)}`;
  const ca = hub.ownCa ? ` --cacert ${CA_FILE}` : '';
  if (device === null) return `curl${ca} ${header} ${hub.origin}/api/devices`;
  return `curl${ca} -X PUT -d ${report.value} ${header} ${hub.origin}/api/devices/${device}/${report.property}`;
}

function mosquitto(hub: HubAddress, { device, token, report = ANY }: Owner): string {
  const ca = hub.ownCa ? ` --cafile ${CA_FILE}` : hub.secure ? ' --tls-use-os-certs' : '';
  // The user name is for people who read the hub's log; the token alone says who this is.
  const who = `-u ${device ?? 'app'} -P ${quote(token)}`;
  const to = `-h ${hub.host} -p ${hub.port}${ca} ${who}`;
  if (device === null) return `mosquitto_sub ${to} -t 'devices/#' -v`;
  return `mosquitto_pub ${to} -t devices/${device}/${report.property} -m ${report.value}`;
}

function python(hub: HubAddress, { device, token, report = ANY }: Owner): string {
  const head = ['import requests', ''];
  const session = [
    'hub = requests.Session()',
    `hub.headers["Authorization"] = "Bearer ${token}"`,
    ...(hub.ownCa ? [`hub.verify = "${CA_FILE}"`] : []),
  ];
  const call =
    device === null
      ? [`print(hub.get("${hub.origin}/api/devices").json())`]
      : [
          `hub.put("${hub.origin}/api/devices/${device}/${report.property}", json=${inPython(report.value)}).raise_for_status()`,
        ];
  return [...head, ...session, ...call].join('\n');
}

function inPython(value: Report['value']): string {
  return typeof value === 'number' ? String(value) : value ? 'True' : 'False';
}

function arduino(hub: HubAddress, { device, token, report = ANY }: Owner): string {
  const net = hub.secure ? 'WiFiClientSecure' : 'WiFiClient';
  return `#include <WiFi.h>
${hub.secure ? '#include <WiFiClientSecure.h>\n' : ''}#include <PubSubClient.h>

${net} net;
PubSubClient mqtt(net);

void setup() {
  WiFi.begin("your network", "its password");
  while (WiFi.status() != WL_CONNECTED) delay(100);
${hub.secure ? `  net.setCACert(CA);  // the text of ${hub.ownCa ? CA_FILE : 'the authority that signed it'}\n` : ''}  mqtt.setServer("${hub.host}", ${hub.port});
}

void loop() {
  if (!mqtt.connected() && !mqtt.connect("${device ?? ''}", "${device ?? ''}",
                                         "${token}")) {
    delay(2000);
    return;
  }
  mqtt.loop();
  static unsigned long last = 0;
  if (millis() - last > 5000) {
    last = millis();
    mqtt.publish("devices/${device ?? ''}/${report.property}", "${report.value}");
  }
}`;
}

export type ClaimClient = 'curl' | 'arduino';

/** What a new device says once, with a claim code, to get an id and a token of its own. */
export function claimSnippet(client: ClaimClient, hub: HubAddress, code: string): string {
  if (client === 'curl') {
    const ca = hub.ownCa ? ` --cacert ${CA_FILE}` : '';
    const body = quote(`{"code":"${code}","hardware_id":"my-board-1"}`);
    return `curl${ca} -X POST -H 'Content-Type: application/json' -d ${body} ${hub.origin}/api/claim`;
  }
  const secure = hub.secure
    ? `  WiFiClientSecure net;\n  net.setCACert(CA);  // the text of ${hub.ownCa ? CA_FILE : 'the authority that signed it'}\n  http.begin(net, "${hub.origin}/api/claim");`
    : `  http.begin("${hub.origin}/api/claim");`;
  return `#include <WiFi.h>
${hub.secure ? '#include <WiFiClientSecure.h>\n' : ''}#include <HTTPClient.h>

// Once, with the network up: the answer has "device" and "token".
String claim() {
  HTTPClient http;
${secure}
  http.addHeader("Content-Type", "application/json");
  String body = "{\\"code\\":\\"${code}\\",\\"hardware_id\\":\\"" + WiFi.macAddress() + "\\"}";
  return http.POST(body) == 201 ? http.getString() : "";
}`;
}
