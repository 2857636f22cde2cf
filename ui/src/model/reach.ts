// Lines a person can paste into a terminal to reach a property of this very hub. Everything is quoted
// for a POSIX shell.
import type { Json, PropertyMeta } from './types';
import { textOf } from './value';

/** The address the page itself came from, which is therefore known to work. */
export interface HubAddress {
  /** `http://10.0.0.7:8080` */
  origin: string;
  /** Host for MQTT clients, without the brackets of IPv6. */
  host: string;
  port: number;
  secure: boolean;
  /** Its certificate is signed by the hub's own authority, which programs have to be told of. */
  ownCa: boolean;
  loopback: boolean;
}

/** The name under which the certificate of the hub's own authority is saved by whoever downloads it. */
export const CA_FILE = 'housewire-ca.crt';

export function hubAddress(
  url: Pick<Location, 'origin' | 'hostname' | 'port' | 'protocol'>,
  localCa = true,
): HubAddress {
  const secure = url.protocol === 'https:';
  const host = url.hostname.replace(/^\[|\]$/g, '');
  return {
    origin: url.origin,
    host,
    port: url.port === '' ? (secure ? 443 : 80) : Number(url.port),
    secure,
    ownCa: secure && localCa,
    loopback: host === 'localhost' || host === '::1' || host.startsWith('127.'),
  };
}

/** Where the hub's commands look for it by themselves: there, in the clear. */
const OWN_PORT = 8080;

/** What makes a backup on the hub's own machine, in the folder it was started in: with the token that lies there, at the hub's own port. */
export function backupLine(hub: HubAddress): string {
  const line = 'housewire backup house.backup --token-file housewire-data/local/token';
  // Its certificate is for the names it is reached by; in the clear the machine itself is always one of them.
  const origin = hub.secure ? hub.origin : `http://127.0.0.1:${hub.port}`;
  const at = !hub.secure && hub.port === OWN_PORT ? '' : ` --hub ${origin}`;
  return `${line}${at}${hub.ownCa ? ` --ca-file ${CA_FILE}` : ''}`;
}

export interface ReachLine {
  does: 'read' | 'ask' | 'report' | 'watch';
  with: 'curl' | 'mosquitto';
  line: string;
}

/** Whether a line has to say who it is; the token itself stays in a variable of the reader's shell. */
export type Credential = 'none' | 'token';

export function reachLines(
  hub: HubAddress,
  device: string,
  property: string,
  meta: PropertyMeta,
  value: Json,
  credential: Credential = 'none',
): ReachLine[] {
  const token = credential === 'token';
  const curl = `curl${hub.ownCa ? ` --cacert ${CA_FILE}` : ''}${token ? ' -H "Authorization: Bearer $TOKEN"' : ''}`;
  const trust = hub.ownCa ? ` --cafile ${CA_FILE}` : hub.secure ? ' --tls-use-os-certs' : '';
  const url = `${hub.origin}/api/devices/${device}/${property}`;
  const topic = `devices/${device}/${property}`;
  const broker = `-h ${hub.host} -p ${hub.port}${trust}${token ? ` -u ${device} -P "$TOKEN"` : ''}`;
  const sample = meta.type === 'bytes' ? sampleOf(meta) : (value ?? sampleOf(meta));
  const text = quote(textOf(sample));
  // curl reads `-d @name` from a file.
  const data = textOf(sample).startsWith('@') ? '--data-raw' : '-d';
  // In a JSON body text has to stand in double quotes; as an MQTT payload it stands as it is.
  const json = quote(JSON.stringify(sample));
  const lines: ReachLine[] = [
    { does: 'read', with: 'curl', line: `${curl} ${url}` },
    { does: 'watch', with: 'mosquitto', line: `mosquitto_sub ${broker} -t ${topic}` },
  ];
  if (meta.access.includes('set')) {
    const header = `-H 'content-type: application/json'`;
    lines.push(
      { does: 'ask', with: 'curl', line: `${curl} -X POST ${header} -d ${json} ${url}/set` },
      { does: 'ask', with: 'mosquitto', line: `mosquitto_pub ${broker} -t ${topic}/set -m ${text}` },
    );
  }
  lines.push(
    { does: 'report', with: 'curl', line: `${curl} -X PUT ${data} ${text} ${url}` },
    { does: 'report', with: 'mosquitto', line: `mosquitto_pub ${broker} -t ${topic} -m ${text}` },
  );
  return lines;
}

/** Safe words stay bare; everything else goes into single quotes. */
export function quote(text: string): string {
  return /^[A-Za-z0-9_.,:/@%+-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

function sampleOf(meta: PropertyMeta): Json {
  switch (meta.type) {
    case 'bool':
      return true;
    case 'int':
    case 'float':
      return meta.min ?? 1;
    case 'enum':
      return meta.options?.[0] ?? 'on';
    case 'color':
      return '#ff8800';
    case 'json':
      return { on: true };
    case 'string':
    case 'bytes':
      return 'hello';
  }
}
