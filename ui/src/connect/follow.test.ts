import { describe, expect, it } from 'vitest';
import { addresses, isLoopback } from './addresses';
import { concerns, gather, type Refusal } from './follow.svelte';

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

describe('concerns', () => {
  it.each<[string, Partial<Refusal>, boolean]>([
    ['nobody knows who showed a wrong token', {}, true],
    ['a handshake that failed', { kind: 'tls' }, true],
    ['its own topic', { kind: 'permission', device: 'lamp', topic: 'devices/fan/power' }, true],
    ['a topic below its name', { kind: 'type', user: 'anna', topic: 'devices/lamp/power' }, true],
    ['another device', { kind: 'permission', device: 'fan' }, false],
    ['a person who may not', { kind: 'permission', user: 'anna', topic: 'home/x' }, false],
  ])('%s', (_, more, expected) => expect(concerns(refusal(more), 'lamp')).toBe(expected));
});

describe('gather', () => {
  it('shows what is alike once, the newest first, and no more than five', () => {
    const many = Array.from({ length: 9 }, (_, i) => refusal({ seq: i, what: `problem ${i}` }));
    const again = refusal({ seq: 20, what: 'problem 8' });
    expect(gather([], [...many, again], 'lamp').map((one) => one.seq)).toEqual([20, 7, 6, 5, 4]);
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
