// The service worker: what makes the page open without the hub. The build puts in what the shell is; see worker.mjs.
//
// It keeps the page's own files and nothing else: no value, nothing below /api. The page itself is always asked of the hub first, so that
// a hub that was updated shows its new page at once; the files it names have a hash in their names, so that one that is kept is the right
// one. Those of the build before stay as long as the next one does not come, for pages that are still open.
const BUILD = '__BUILD__';
const SHELL = __SHELL__;
/** What is fetched when it is needed; kept once a page is idle, so that each page opens without the hub. */
const PARTS = __PARTS__;
const PREFIX = 'housewire-';
const OWN = PREFIX + BUILD;
/** Files that are kept, beside what the build names; beyond it they are not. */
const FILES_MAX = SHELL.length + PARTS.length + 100;
/** Parts that are fetched at a time: whoever uses the page meanwhile comes first. */
const AT_ONCE = 3;
/** A hub that takes longer for the page is as good as none. */
const PAGE_MS = 6_000;

self.addEventListener('install', (event) => {
  const fresh = SHELL.map(
    (path) => new Request(path, { cache: path.startsWith('/assets/') ? 'default' : 'reload' }),
  );
  event.waitUntil(
    caches
      .open(OWN)
      .then((cache) => cache.addAll(fresh))
      .then(() => self.skipWaiting()),
  );
});

self.addEventListener('activate', (event) => {
  event.waitUntil(forgetOld().then(() => self.clients.claim()));
});

/** In the order in which they were made: this build's, and that of the one before. */
async function forgetOld() {
  const names = (await caches.keys()).filter((name) => name.startsWith(PREFIX) && name !== OWN);
  await Promise.all(names.slice(0, -1).map((name) => caches.delete(name)));
}

// A page that has nothing else to do says so.
let keeping = null;
self.addEventListener('message', (event) => {
  if (event.data !== 'keep-parts') return;
  keeping ??= keepParts().finally(() => (keeping = null));
  event.waitUntil(keeping);
});

/** What cannot be fetched now is left for the next page that is idle. */
async function keepParts() {
  const cache = await caches.open(OWN);
  const have = new Set((await cache.keys()).map(({ url }) => new URL(url).pathname));
  const wanted = PARTS.filter((path) => !have.has(path));
  const next = async () => {
    for (let path = wanted.shift(); path !== undefined; path = wanted.shift()) {
      // The build before may have had the same file.
      const response = (await caches.match(path, { ignoreVary: true })) ?? (await fetch(path));
      if (response.status !== 200) return;
      await cache.put(path, response);
    }
  };
  await Promise.allSettled(Array.from({ length: AT_ONCE }, next));
}

self.addEventListener('fetch', (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== 'GET' || url.origin !== self.location.origin || request.headers.has('range')) return;
  if (request.mode === 'navigate') {
    if (isPage(url.pathname)) event.respondWith(page(request));
  } else if (url.pathname.startsWith('/assets/')) event.respondWith(asset(request));
  else if (SHELL.includes(url.pathname)) event.respondWith(loose(request));
});

/** The house; not the page about the API, and not what programs ask for. */
function isPage(path) {
  return !/^\/(?:api|docs|mqtt)(?:\/|$)/.test(path) && !/\.[^/]*$/.test(path);
}

async function page(request) {
  try {
    const signal = AbortSignal.timeout(PAGE_MS);
    const response = await fetch(request.url, { signal, credentials: 'same-origin', redirect: 'manual' });
    if (response.status < 500) return response;
    return (await caches.match('/', { cacheName: OWN })) ?? response;
  } catch (error) {
    const kept = await caches.match('/', { cacheName: OWN });
    if (kept === undefined) throw error;
    return kept;
  }
}

async function asset(request) {
  const kept = await caches.match(request, { ignoreVary: true });
  if (kept !== undefined) return kept;
  const response = await fetch(request);
  if (response.ok && response.status === 200) {
    const cache = await caches.open(OWN);
    if ((await cache.keys()).length < FILES_MAX) await cache.put(request, response.clone());
  }
  return response;
}

async function loose(request) {
  try {
    return await fetch(request);
  } catch (error) {
    const kept = await caches.match(request, { cacheName: OWN, ignoreVary: true });
    if (kept === undefined) throw error;
    return kept;
  }
}
