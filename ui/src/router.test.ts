import { afterEach, expect, test, vi } from 'vitest';
import { parsePath, SECTIONS, sectionPath, takeSetupKey, takeShareSecret } from './router.svelte';

test.each([
  ['/', { page: 'home' }],
  ['/devices', { page: 'devices' }],
  ['/devices/lamp', { page: 'device', id: 'lamp' }],
  ['/history', { page: 'history' }],
  ['/found/', { page: 'found' }],
  ['/found/x', { page: 'missing', path: '/found/x' }],
  ['/settings', { page: 'settings', section: 'general' }],
  ['/settings/people', { page: 'settings', section: 'people' }],
  ['/settings/tls/', { page: 'settings', section: 'tls' }],
  ['/settings/nothing', { page: 'missing', path: '/settings/nothing' }],
  ['/settings/people/anna', { page: 'missing', path: '/settings/people/anna' }],
  ['/sign-in', { page: 'sign-in' }],
  ['/setup', { page: 'setup' }],
  ['/trust', { page: 'trust' }],
  ['/setup/x', { page: 'missing', path: '/setup/x' }],
])('%s', (path, route) => expect(parsePath(path)).toEqual(route));

test('every section has an address that leads to it', () => {
  for (const section of SECTIONS)
    expect(parsePath(sectionPath(section))).toEqual({ page: 'settings', section });
});

afterEach(() => vi.unstubAllGlobals());

function openAt(pathname: string, hash: string): { replaced: string[] } {
  const replaced: string[] = [];
  vi.stubGlobal('location', { pathname, hash });
  vi.stubGlobal('history', {
    state: null,
    replaceState: (_: unknown, __: string, url: string) => replaced.push(url),
  });
  return { replaced };
}

test('the key of the set-up link leaves the address bar at once', () => {
  const { replaced } = openAt('/setup', '#abc-DEF_1');
  expect(takeSetupKey()).toBe('abc-DEF_1');
  expect(replaced).toEqual(['/setup']);
});

test('so does the secret of a link to a dashboard', () => {
  const { replaced } = openAt('/share', '#abc');
  expect(takeShareSecret()).toBe('abc');
  expect(replaced).toEqual(['/share']);
});

test.each([
  ['/setup', ''],
  ['/setup', '#'],
  ['/devices/lamp', '#x'],
])('%s%s has none', (path, hash) => {
  const { replaced } = openAt(path, hash);
  expect(takeSetupKey()).toBeNull();
  expect(replaced).toEqual([]);
});
