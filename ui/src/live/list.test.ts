import { expect, test } from 'vitest';
import { Problem } from '../hub/api';
import { settle } from '../testing/fixtures';
import { pageOf } from './connections';
import { ConnectionsStore } from './list.svelte';

test('one question at a time', async () => {
  const answers: ((value: never[]) => void)[] = [];
  const store = new ConnectionsStore({ list: () => new Promise((resolve) => answers.push(resolve)) });
  void store.load();
  void store.load();
  expect(answers).toHaveLength(1);
  answers[0]?.([]);
  await settle();
  expect(store.all).toEqual([]);
  void store.load();
  expect(answers).toHaveLength(2);
});

test('what was there stays when the hub does not answer', async () => {
  let works = true;
  const store = new ConnectionsStore({
    list: () => (works ? Promise.resolve([]) : Promise.reject(new Problem('No.', 403, 'forbidden'))),
  });
  await store.load();
  works = false;
  await store.load();
  expect(store.all).toEqual([]);
  expect(store.problem?.status).toBe(403);
  works = true;
  await store.load();
  expect(store.problem).toBeNull();
});

test.each([
  ['c17', 'c16'],
  ['c1', 'c0'],
  ['nonsense', 'c0'],
  [null, 'c0'],
])('one connection is asked for alone: %s', (id, after) =>
  expect(pageOf(id)).toBe(`/api/connections?after=${after}&limit=1`),
);
