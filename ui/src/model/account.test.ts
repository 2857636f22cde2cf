import { describe, expect, test } from 'vitest';
import { emptyRights, rightsOf, textOf, wrongRights } from '../admin/rights';
import { property, session } from '../testing/fixtures';
import {
  agentOf,
  bySight,
  mayEquip,
  mayManage,
  mayRead,
  mayWrite,
  needsToken,
  sameSight,
  strengthOf,
  subscriptions,
  type AuditEntry,
  type WebSession,
} from './account';
import { append, AUDIT_PAGE, nameIn, refresh } from './audit';
import { backupLine, hubAddress } from './reach';
import { clientsFor, reportOf, snippet } from './snippets';
import { daysLeft, pairs, systemOf } from './tls';
import { trustSteps } from './trust';

describe('rights', () => {
  const limited = session({
    read: ['devices/#'],
    write: ['devices/lamp/#'],
    deny: ['devices/lamp/lock/#'],
  });

  test('what is denied stays denied, whatever is granted', () => {
    expect(mayWrite(limited, 'devices/lamp/power/set')).toBe(true);
    expect(mayWrite(limited, 'devices/lamp/lock/set')).toBe(false);
    expect(mayRead(limited, 'devices/lamp/lock')).toBe(false);
    expect(mayWrite(limited, 'devices/fan/power/set')).toBe(false);
    expect(mayRead(limited, 'devices/fan/power')).toBe(true);
  });

  test('a device is managed by who writes its own topic', () => {
    expect(mayManage(limited, 'lamp')).toBe(true);
    expect(mayManage(limited, 'fan')).toBe(false);
    expect(mayManage(session({ write: ['devices/+/power/set'] }), 'lamp')).toBe(false);
  });

  test('tokens are given by members and admins, never by the device itself', () => {
    expect(mayEquip(session({ read: ['#'], write: ['#'] }), 'lamp')).toBe(true);
    expect(mayEquip(limited, 'lamp')).toBe(false);
    expect(mayEquip(session({ kind: 'guest' }), 'lamp')).toBe(false);
    expect(mayEquip(session({ deny: ['devices/+/lock'] }), 'lamp')).toBe(false);
    expect(mayEquip(session({ administers: true, read: [], write: [] }), 'lamp')).toBe(true);
    expect(mayEquip(session({ kind: 'device', read: ['#'], write: ['#'] }), 'lamp')).toBe(false);
  });

  test('a terminal needs a token unless guests get in', () => {
    expect(needsToken(session({ kind: 'guest' }))).toBe(false);
    expect(needsToken(session({}))).toBe(true);
    expect(needsToken(session({ guest: { policy: 'lan', kept: true } }))).toBe(false);
    expect(needsToken(session({ guest: { policy: 'off', kept: true } }))).toBe(true);
    expect(needsToken(session({ guest: { policy: 'loopback', kept: false } }))).toBe(true);
  });
});

test.each([
  [['#'], ['devices/#']],
  [['#', '$SYS/#'], ['devices/#']],
  [['devices/#', 'devices/lamp/#'], ['devices/#']],
  [['devices/lamp/#', 'house/#'], ['devices/lamp/#']],
  [
    ['devices/lamp/#', 'devices/lamp/power', 'devices/+/temperature'],
    ['devices/lamp/#', 'devices/+/temperature'],
  ],
  [['devices/lamp/#', 'devices/lamp/#'], ['devices/lamp/#']],
  [['house/#'], []],
  [[], []],
])('who reads %j subscribes to %j', (read, expected) => expect(subscriptions(read)).toEqual(expected));

test('the sight is another one when the person or what it reads is, not when it may write more', () => {
  const anna = session({});
  expect(sameSight(anna, session({ write: [] }))).toBe(true);
  expect(sameSight(anna, session({ name: 'ben' }))).toBe(false);
  expect(sameSight(anna, session({ deny: ['devices/lock/#'] }))).toBe(false);
  expect(sameSight(anna, session({ kind: 'guest' }))).toBe(false);
  const link = session({ kind: 'share', name: null, dashboard: 'hall' });
  expect(sameSight(link, { ...link })).toBe(true);
  expect(sameSight(link, { ...link, dashboard: 'attic' })).toBe(false);
});

describe('the strength of a password', () => {
  test.each([
    ['short', '1234567', 'short'],
    ['common', 'password', 'weak'],
    ['one character', 'aaaaaaaaaaaaaaaa', 'weak'],
    ['the name in it', 'annaanna77', 'weak'],
    ['a few words', 'copper kettle', 'fair'],
    ['many words', 'copper kettle sings at noon', 'strong'],
    ['mixed', 'qU7#zLp2-wX', 'strong'],
    ['too long', 'x'.repeat(257), 'long'],
    ['eight emoji are eight characters', '😀😃😄😁😆😅😂🤣', 'weak'],
  ])('%s', (_, password, expected) => expect(strengthOf(password, 'anna')).toBe(expected));
});

test('sessions are listed with the one that asks first', () => {
  const at = (id: number, last_seen: string | null, current = false): WebSession => ({
    id,
    created: '2026-11-01T00:00:00Z',
    last_seen,
    address: null,
    agent: null,
    current,
  });
  const list = [
    at(1, '2026-11-20T00:00:00Z'),
    at(2, null),
    at(3, '2026-11-02T00:00:00Z', true),
    at(4, '2026-11-21T00:00:00Z'),
  ];
  expect(bySight(list).map(({ id }) => id)).toEqual([3, 4, 1, 2]);
});

test.each([
  ['Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0', 'Firefox, Linux'],
  ['Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605 Safari/604', 'Safari, iOS'],
  ['Mozilla/5.0 (Linux; Android 15) AppleWebKit/537 Chrome/140 Mobile Safari/537', 'Chrome, Android'],
  ['Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537 Chrome/140 Safari/537 Edg/140', 'Edge, Windows'],
  ['curl/8.14.1', 'curl'],
  ['Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like…', 'Linux'],
  ['x'.repeat(50), `${'x'.repeat(39)}…`],
  ['', null],
  [null, null],
])('%s is %s', (agent, expected) => expect(agentOf(agent)).toBe(expected));

describe('rights of one’s own in a form', () => {
  test('off means the role’s', () => {
    expect(rightsOf({ ...emptyRights(), read: 'devices/#' })).toEqual({ read: null, write: null, deny: [] });
  });

  test('an empty field leaves that one to the role', () => {
    const text = { own: true, read: '', write: 'devices/lamp/#\ndevices/fan/#', deny: 'devices/lock/#' };
    expect(rightsOf(text)).toEqual({
      read: null,
      write: ['devices/lamp/#', 'devices/fan/#'],
      deny: ['devices/lock/#'],
    });
  });

  test('come back as they were', () => {
    const rights = { read: ['a/#'], write: null, deny: ['a/b'] };
    expect(rightsOf(textOf(rights))).toEqual(rights);
    expect(textOf({ read: null, write: null, deny: [] }).own).toBe(false);
  });

  test('a wrong filter counts only where it is used', () => {
    expect(wrongRights({ own: true, read: 'a/#/b', write: '', deny: '' })).toBe(true);
    expect(wrongRights({ own: false, read: 'a/#/b', write: '', deny: '' })).toBe(false);
  });
});

describe('the audit log', () => {
  const entry = (id: number, count = 1): AuditEntry => ({
    id,
    time: '2026-11-22T09:00:00Z',
    event: 'sign_in',
    who: null,
    address: null,
    via: null,
    subject: null,
    detail: null,
    count,
  });
  const ids = (entries: readonly AuditEntry[]): number[] => entries.map(({ id }) => id);
  const span = (from: number, to: number): AuditEntry[] =>
    Array.from({ length: from - to + 1 }, (_, i) => entry(from - i));

  test('new entries come in front, each once', () => {
    expect(ids(refresh([entry(3), entry(2), entry(1)], [entry(5), entry(4), entry(3)]))).toEqual([
      5, 4, 3, 2, 1,
    ]);
  });

  test('an entry that is counted further replaces its former self', () => {
    expect(refresh([entry(2, 1), entry(1)], [entry(2, 7)])[0]?.count).toBe(7);
  });

  test('with a hole in between only the newest stay', () => {
    const newest = span(AUDIT_PAGE + 50, 51);
    expect(ids(refresh(span(20, 1), newest))).toEqual(ids(newest));
    // A page that is not full has everything, so there is no hole.
    expect(ids(refresh([entry(2), entry(1)], [entry(9)]))).toEqual([9, 2, 1]);
  });

  test('names tell what they are of', () => {
    expect(nameIn('device:lamp')).toEqual({ kind: 'device', name: 'lamp' });
    expect(nameIn('app:Node-RED: old')).toEqual({ kind: 'app', name: 'Node-RED: old' });
    expect(nameIn('anna')).toEqual({ kind: null, name: 'anna' });
    expect(nameIn('device:')).toEqual({ kind: null, name: 'device:' });
  });

  test('an older page comes behind, without doubles', () => {
    expect(ids(append([entry(5), entry(4)], [entry(4), entry(3)]))).toEqual([5, 4, 3]);
    expect(ids(append([], [entry(1)]))).toEqual([1]);
  });
});

describe('lines that use a token', () => {
  const at = (url: string): ReturnType<typeof hubAddress> => hubAddress(new URL(url));
  const lamp = { device: 'lamp', token: '-Abc_def' };

  test('carry this hub’s address and the token', () => {
    const hub = at('http://10.0.0.7:8080/');
    expect(snippet('curl', hub, lamp)).toBe(
      "curl -X PUT -d 21.5 -H 'Authorization: Bearer -Abc_def' http://10.0.0.7:8080/api/devices/lamp/value",
    );
    expect(snippet('mosquitto', hub, lamp)).toBe(
      'mosquitto_pub -h 10.0.0.7 -p 8080 -u lamp -P -Abc_def -t devices/lamp/value -m 21.5',
    );
    for (const client of clientsFor(lamp)) {
      const text = snippet(client, hub, lamp);
      expect(text, client).toContain('-Abc_def');
      expect(text, client).toContain('10.0.0.7');
      expect(text, client).not.toContain('.crt');
    }
  });

  test('report what the device has, with a value that fits', () => {
    const of = (id: string, more: Parameters<typeof property>[0]) => {
      const { value, target: _target, time: _time, via: _via, ...meta } = property(more);
      return { id, meta, value };
    };
    const power = of('power', { type: 'bool', value: true });
    const name = of('name', { type: 'string', value: 'x' });
    const level = of('level', { type: 'int', min: 30, max: 40, value: null });
    expect(reportOf([name, power, level])).toEqual({ property: 'level', value: 30 });
    expect(reportOf([name, power])).toEqual({ property: 'power', value: true });
    expect(reportOf([name])).toEqual({ property: 'value', value: 21.5 });
    const owner = { ...lamp, report: reportOf([power]) };
    const hub = at('http://10.0.0.7:8080/');
    expect(snippet('curl', hub, owner)).toContain('-d true ');
    expect(snippet('curl', hub, owner)).toContain('/api/devices/lamp/power');
    expect(snippet('python', hub, owner)).toContain('/power", json=True)');
    expect(snippet('arduino', hub, owner)).toContain('publish("devices/lamp/power", "true")');
  });

  test('a backup is made with the token on the hub’s machine, at the hub’s own port', () => {
    const line = 'housewire backup house.backup --token-file housewire-data/local/token';
    expect(backupLine(at('http://10.0.0.7:8080/'))).toBe(line);
    expect(backupLine(at('http://10.0.0.7:9001/'))).toBe(`${line} --hub http://127.0.0.1:9001`);
    expect(backupLine(at('https://hub.local:8443/'))).toBe(
      `${line} --hub https://hub.local:8443 --ca-file housewire-ca.crt`,
    );
    expect(backupLine(hubAddress(new URL('https://hub.example/'), false))).toBe(
      `${line} --hub https://hub.example`,
    );
  });

  test('name the certificate of the hub where it speaks TLS', () => {
    for (const client of clientsFor(lamp))
      expect(snippet(client, at('https://hub.local:8443/'), lamp), client).toContain('housewire-ca.crt');
  });

  test('trust the system where the hub was given a certificate', () => {
    const hub = hubAddress(new URL('https://hub.example/'), false);
    for (const client of clientsFor(lamp)) expect(snippet(client, hub, lamp), client).not.toContain('.crt');
    expect(snippet('mosquitto', hub, lamp)).toContain('-p 443 --tls-use-os-certs');
  });

  test('an app reads, and needs no sketch', () => {
    const app = { device: null, token: 'T' };
    expect(clientsFor(app)).not.toContain('arduino');
    expect(snippet('curl', at('http://h:1/'), app)).toContain('/api/devices');
    expect(snippet('mosquitto', at('http://h:1/'), app)).toContain("-t 'devices/#'");
  });
});

describe('certificates', () => {
  test('fingerprints are read in pairs', () => expect(pairs('a1:b2C3')).toEqual(['A1', 'B2', 'C3']));

  test('days are counted down to the end and beyond', () => {
    const now = Date.parse('2026-11-22T12:00:00Z');
    expect(daysLeft('2026-11-25T13:00:00Z', now)).toBe(3);
    expect(daysLeft('2026-11-22T13:00:00Z', now)).toBe(0);
    expect(daysLeft('2026-11-22T11:00:00Z', now)).toBe(-1);
  });

  test.each([
    ['Mozilla/5.0 (X11; Linux x86_64) Chrome/140', 'debian'],
    ['Mozilla/5.0 (X11; Fedora; Linux x86_64) Chrome/140', 'fedora'],
    ['Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Safari/605', 'macos'],
    ['Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X)', 'ios'],
    ['Mozilla/5.0 (Windows NT 10.0; rv:140.0) Firefox/140.0', 'firefox'],
  ] as const)('%s is shown %s first', (agent, expected) => expect(systemOf(agent)).toBe(expected));

  test('the first download is not verified where nothing vouches for it yet', () => {
    const code = (url: string): string => trustSteps('debian', hubAddress(new URL(url)))[0]?.code ?? '';
    expect(code('https://10.0.0.7:8080/')).toBe('curl -k -o housewire-ca.crt https://10.0.0.7:8080/ca.crt');
    expect(code('http://10.0.0.7:8080/')).toBe('curl -o housewire-ca.crt http://10.0.0.7:8080/ca.crt');
  });
});
