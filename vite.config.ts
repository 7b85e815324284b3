/** How web/ becomes what browsers load: `npm run build:web`. Every name holds a hash of its content; manifest.json says which is which, and src/edge/assets.ts reads it. */

import { join } from 'node:path'
import { defineConfig } from 'vite'

const web = join(import.meta.dirname, 'web')

export default defineConfig({
  root: web,
  base: '/assets/',
  publicDir: join(web, 'public'),
  logLevel: 'warn',
  // nothing is read from a .env file
  envDir: false,
  build: {
    outDir: join(web, 'dist'),
    emptyOutDir: true,
    // one folder, since the edge serves names and no paths
    assetsDir: '',
    manifest: 'manifest.json',
    // the pages' policy allows no data: addresses
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // Promise.withResolvers and AbortSignal.any; what is older has the forms that work without scripts
    target: ['chrome119', 'firefox124', 'safari17.4'],
    rollupOptions: {
      input: {
        style: join(web, 'style.css'),
        upload: join(web, 'upload/main.tsx'),
        link: join(web, 'link/main.tsx'),
        sender: join(web, 'sender/main.ts'),
        actions: join(web, 'common/main.ts'),
        account: join(web, 'account.css'),
        'sign-in': join(web, 'sign-in/main.tsx'),
        'my-files': join(web, 'my/main.tsx'),
        'my-history': join(web, 'history/main.tsx'),
        'my-account': join(web, 'settings/main.tsx'),
        admin: join(web, 'admin/main.tsx'),
        'pools-sheet': join(web, 'pools.css'),
        pools: join(web, 'pools/main.tsx'),
        pool: join(web, 'pools/pool.tsx'),
        'pool-join': join(web, 'pools/join.tsx')
      },
      output: {
        entryFileNames: '[name]-[hash].js',
        chunkFileNames: '[name]-[hash].js',
        assetFileNames: '[name]-[hash][extname]'
      }
    }
  },
  worker: {
    // a service worker that is no module runs in every browser
    format: 'iife',
    rollupOptions: { output: { entryFileNames: '[name]-[hash].js' } }
  }
})
