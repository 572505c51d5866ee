import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';

// KENTONGAN_SERVER names a running server for `npm run dev`; the built console is served by the server itself.
const server = process.env['KENTONGAN_SERVER'] ?? 'http://127.0.0.1:8080';

export default defineConfig({
  plugins: [svelte()],
  build: {
    outDir: '../server/static',
    emptyOutDir: true,
    target: 'es2022',
    // The content security policy allows no data: fonts and no inline script, so nothing is inlined.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  // The Host header stays the page's own: the server refuses changing requests whose Origin is another host.
  server: { proxy: { '/api': { target: server, changeOrigin: false } } },
  test: { include: ['src/**/*.test.ts'] },
});
