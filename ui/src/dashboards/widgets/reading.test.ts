// What a control shows between a press and the device's answer.
import { expect, test } from 'vitest';
import { FakeSource } from '../../testing/source.svelte';
import { Reading } from './reading.svelte';

test('what another asks for is not what was asked for here before', () => {
  const source = new FakeSource({ type: 'int', value: 1, answers: 'never' });
  const reading = new Reading(() => source);
  reading.ask(2);
  expect([reading.waiting, reading.wanted, reading.shown]).toEqual([true, 2, 2]);
  Object.assign(source, { phase: 'confirmed', target: null, value: 2 });
  expect([reading.wanted, reading.shown]).toEqual([undefined, 2]);
  Object.assign(source, { phase: 'pending', target: 7 });
  expect([reading.wanted, reading.shown]).toEqual([7, 7]);
});

test('what was asked for and not confirmed by the person is waited for by nobody', () => {
  const source = new FakeSource({ type: 'int', value: 1, answers: 'never' });
  source.set = () => {};
  const reading = new Reading(() => source);
  reading.ask(2);
  Object.assign(source, { phase: 'pending', target: 3 });
  expect(reading.shown).toBe(3);
});
