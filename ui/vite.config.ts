// Build settings of the page. The output has to live under a strict CSP (`default-src 'self'`), so
// nothing may be inlined: no data: URIs, no inline scripts.
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';

// Where `npm run dev` finds a running hub.
const hub = 'http://127.0.0.1:8080';

export default defineConfig({
  plugins: [svelte()],
  build: {
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: true,
    // Two pages: the house, and what there is to say of the API.
    rollupOptions: { input: ['index.html', 'docs.html'] },
  },
  server: {
    host: '127.0.0.1',
    proxy: { '/api': { target: hub, ws: true } },
    // The programs that "Connect a device" shows are at the top of the repository.
    fs: { allow: ['..'] },
  },
  test: {
    environment: 'node',
    include: ['src/**/*.test.ts'],
  },
});
