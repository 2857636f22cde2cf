import { afterEach, beforeEach, expect, test, vi } from 'vitest';

type Heard = () => void;
let heard: Map<string, Heard>;
let update: ReturnType<typeof vi.fn>;
let serviceWorker: { controller: object | null };

beforeEach(() => {
  vi.useFakeTimers();
  vi.resetModules();
  vi.stubEnv('PROD', true);
  heard = new Map();
  update = vi.fn(() => Promise.resolve());
  serviceWorker = {
    controller: null,
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
