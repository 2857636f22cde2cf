import { afterEach, beforeEach, expect, test, vi } from 'vitest';

type Heard = () => void;
let heard: Map<string, Heard>;
let update: ReturnType<typeof vi.fn>;
let post: ReturnType<typeof vi.fn>;
let serviceWorker: { controller: object | null };

beforeEach(() => {
  vi.useFakeTimers();
  vi.resetModules();
  vi.stubEnv('PROD', true);
  heard = new Map();
  update = vi.fn(() => Promise.resolve());
  post = vi.fn();
  serviceWorker = {
    controller: null,
    ready: Promise.resolve({ active: { postMessage: post } }),
    addEventListener: (name: string, run: Heard) => heard.set(name, run),
    register: () => Promise.resolve({ update }),
  } as typeof serviceWorker;
  vi.stubGlobal('navigator', { serviceWorker });
  vi.stubGlobal('isSecureContext', true);
  vi.stubGlobal('matchMedia', () => ({ matches: false, addEventListener: () => {} }));
  vi.stubGlobal('addEventListener', () => {});
  vi.stubGlobal('document', {
    readyState: 'complete',
    visibilityState: 'visible',
    addEventListener: (name: string, run: Heard) => heard.set(name, run),
  });
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllEnvs();
  vi.unstubAllGlobals();
});

async function started(): Promise<(typeof import('./pwa.svelte'))['pwa']> {
  const { pwa } = await import('./pwa.svelte');
  pwa.start();
  await vi.advanceTimersByTimeAsync(0);
  return pwa;
}

function takeOver(): void {
  serviceWorker.controller = {};
  heard.get('controllerchange')?.();
}

test('the first worker of all is no update, the next one is', async () => {
  const pwa = await started();
  takeOver();
  expect(pwa.updated).toBe(false);
  takeOver();
  expect(pwa.updated).toBe(true);
});

test('a worker that replaces the one that was there is an update', async () => {
  serviceWorker.controller = {};
  const pwa = await started();
  takeOver();
  expect(pwa.updated).toBe(true);
});

test('it looks for a newer page each hour, on a hint, and when somebody looks again', async () => {
  const pwa = await started();
  expect(update).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(3_600_000);
  expect(update).toHaveBeenCalledTimes(1);
  pwa.look();
  heard.get('visibilitychange')?.();
  expect(update).toHaveBeenCalledTimes(3);
});

test('the worker is asked to keep the other parts, but not before the page had time for itself', async () => {
  await started();
  await vi.advanceTimersByTimeAsync(900);
  expect(post).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(200);
  expect(post).toHaveBeenCalledWith('keep-parts');
});

test('the one that takes over later is asked, too', async () => {
  await started();
  await vi.advanceTimersByTimeAsync(2_000);
  takeOver();
  await vi.advanceTimersByTimeAsync(2_000);
  expect(post).toHaveBeenCalledTimes(2);
});

test('a browser that saves data keeps only what was opened', async () => {
  vi.stubGlobal('navigator', { serviceWorker, connection: { saveData: true } });
  await started();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(post).not.toHaveBeenCalled();
});
