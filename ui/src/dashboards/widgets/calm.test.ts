// What sums the house up is not woken by what a device says.
import { expect, test } from 'vitest';
import { FakeTimers } from '../../testing/fixtures';
import { Calm, CALM_MS } from './calm.svelte';

test('a thousand messages are one look, the same words are nothing new, and out of view there is none', () => {
  const timers = new FakeTimers();
  let value = 0;
  let made = 0;
  const calm = new Calm(() => {
    made += 1;
    return { value };
  }, timers);
  expect([calm.now.value, made]).toEqual([0, 1]);
  const end = calm.run();
  made = 0;
  for (value = 1; value < 1_000; value += 1) timers.pass(1);
  timers.pass(CALM_MS);
  expect(calm.now.value).toBe(1_000);
  expect(made).toBeLessThan(3);
  const before = calm.now;
  timers.pass(10 * CALM_MS);
  expect(calm.now).toBe(before);
  end();
  made = 0;
  value = 7;
  timers.pass(10 * CALM_MS);
  expect([made, calm.now.value]).toEqual([0, 1_000]);
});
