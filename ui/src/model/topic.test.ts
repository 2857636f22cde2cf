import { expect, test } from 'vitest';
import { parseTopic } from './topic';

function check(topic: string, expected: ReturnType<typeof parseTopic>): void {
  expect(parseTopic(topic), topic).toEqual(expected);
}

test('topics of devices', () => {
  check('devices/lamp/power', { kind: 'report', device: 'lamp', property: 'power' });
  check('devices/lamp/power/set', { kind: 'request', device: 'lamp', property: 'power' });
  check('devices/lamp/power/target', { kind: 'target', device: 'lamp', property: 'power' });
  check('devices/lamp/$online', { kind: 'online', device: 'lamp' });
  check('devices/lamp/$rejected', { kind: 'rejected', device: 'lamp' });
  check('devices/lamp/$changed', { kind: 'changed', device: 'lamp' });
  check(`devices/${'a'.repeat(64)}/x_-9`, { kind: 'report', device: 'a'.repeat(64), property: 'x_-9' });
});

test('everything else is a plain topic', () => {
  check('', null);
  check('devices', null);
  check('devices/lamp', null);
  check('devices//power', null);
  check('devices/lamp/', null);
  check('devices/lamp/set', null);
  check('devices/lamp/target', null);
  check('devices/lamp/power/other', null);
  check('devices/lamp/power/set/more', null);
  check('devices/lamp/$online/set', null);
  check('devices/lamp/$other', null);
  check('devices/the lamp/power', null);
  check(`devices/${'a'.repeat(65)}/power`, null);
  check('weather/lamp/power', null);
});
