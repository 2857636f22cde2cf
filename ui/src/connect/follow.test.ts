import { describe, expect, it } from 'vitest';
import { addresses, isLoopback } from './addresses';
import { concerns, gather, hostOf, type Refusal, type Waited } from './follow.svelte';

const refusal = (more: Partial<Refusal>): Refusal => ({
  seq: 1,
  time: '2026-11-22T09:00:00Z',
  transport: 'mqtt',
  peer: '192.168.1.30:50000',
  client_id: null,
  user: null,
  device: null,
  topic: null,
  kind: 'credentials',
  what: 'The password is wrong.',
  next: 'Use the token.',
  ...more,
});

const lamp: Waited = { device: 'lamp', protocol: 'mqtt' };

describe('concerns', () => {
  it.each<[string, Partial<Refusal>, 'own' | 'maybe' | null]>([
    ['nobody knows who showed a wrong token', {}, 'maybe'],
    ['a handshake that failed, before anything was said', { kind: 'tls', transport: 'tls' }, 'maybe'],
    ['a wrong token of who speaks something else', { transport: 'http' }, null],
    ['a wrong token of who calls itself so', { client_id: 'lamp' }, 'own'],
    ['a wrong token at its own address', { transport: 'http', topic: 'devices/lamp/power' }, 'own'],
    ['its own topic', { kind: 'permission', device: 'lamp', topic: 'devices/fan/power' }, 'own'],
    ['a topic below its name', { kind: 'type', user: 'anna', topic: 'devices/lamp/power' }, 'own'],
    [
      'another device’s token at its topic',
      { kind: 'permission', device: 'fan', topic: 'devices/lamp/x' },
      'maybe',
    ],
    ['another device', { kind: 'permission', device: 'fan' }, null],
    ['a person who may not', { kind: 'permission', user: 'anna', topic: 'home/x' }, null],
  ])('%s', (_, more, expected) => expect(concerns(refusal(more), lamp)).toBe(expected));

  it('knows each protocol by the hub’s name for it', () => {
    const of = (protocol: Waited['protocol'], transport: string) =>
      concerns(refusal({ transport }), { device: 'lamp', protocol });
    expect([of('websocket', 'ws'), of('http', 'http'), of('blynk', 'blynk')]).toEqual([
      'maybe',
      'maybe',
      'maybe',
    ]);
    expect(of('blynk', 'mqtt')).toBeNull();
  });
});

describe('gather', () => {
  it('shows what is alike once, the newest first, and no more than five', () => {
    const many = Array.from({ length: 9 }, (_, i) => refusal({ seq: i, what: `problem ${i}` }));
    const again = refusal({ seq: 20, what: 'problem 8', peer: '192.168.1.30:50001' });
    const told = gather([], [...many, again, refusal({ seq: 30, transport: 'http' })], lamp);
    expect(told.map((one) => one.seq)).toEqual([20, 7, 6, 5, 4]);
  });

  it('tells two addresses apart, where it does not know whose they are', () => {
    const two = [refusal({ seq: 1 }), refusal({ seq: 2, peer: '192.168.1.31:50000' })];
    expect(gather([], two, lamp).map(({ peer, whose }) => [hostOf(peer), whose])).toEqual([
      ['192.168.1.31', 'maybe'],
      ['192.168.1.30', 'maybe'],
    ]);
  });
});

describe('addresses', () => {
  const tls = (names: string[]) => ({ certificate: { names } }) as never;

  it('puts what a small board can use first, and leaves out what only this computer can', () => {
    const names = ['housewire.local', 'localhost', 'pi', '127.0.0.1', '::1', 'fd00::7', '192.168.1.20'];
    expect(addresses(tls(names), 'localhost')).toEqual(['192.168.1.20', 'housewire.local', 'pi', 'fd00::7']);
    expect(addresses(tls(names), 'pi')[0]).toBe('pi');
    expect(addresses(null, '127.0.0.1')).toEqual([]);
  });

  it('knows its own addresses in every form', () => {
    expect(['localhost', 'LOCALHOST', '127.0.0.2', '::1', '[::1]'].every(isLoopback)).toBe(true);
    expect(['10.0.0.1', '128.0.0.1', 'hub.local'].some(isLoopback)).toBe(false);
  });
});
