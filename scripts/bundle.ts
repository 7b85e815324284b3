/**
 * Makes one program of bin/peerbin.ts, src/ and the packages they need, into .cache/bundle: the same code, in a tenth of the files, so that a process starts with half the work. `npm test`
 * runs its clusters of processes with it (scripts/test.ts says which it does not).
 */

import { join } from 'node:path'
import { build } from 'vite'

const root = join(import.meta.dirname, '..')

/** Makes it anew. @returns the executable's file */
export async function bundle(): Promise<string> {
  // two folders below the root, as src/edge/assets.ts looks for web/dist
  const outDir = join(root, '.cache/bundle')
  await build({
    configFile: false,
    envDir: false,
    root,
    publicDir: false,
    logLevel: 'error',
    // what is no JavaScript stays where it is
    ssr: { noExternal: true, external: ['classic-level'] },
    build: {
      ssr: 'bin/peerbin.ts',
      outDir,
      emptyOutDir: true,
      minify: false,
      target: 'node24',
      rollupOptions: { output: { entryFileNames: 'peerbin.js', chunkFileNames: '[name]-[hash].js' } }
    }
  })
  return join(outDir, 'peerbin.js')
}
