#!/usr/bin/env node
// Starts the command line. Nothing is imported before the version check: an older Node must be able to read this file and say what is
// missing instead of failing on syntax it does not know.

const NODE_MAJOR_MIN = 24
const found = process.versions.node

if (Number(found.split('.')[0]) < NODE_MAJOR_MIN) {
  process.stderr.write(
    `peerbin: needs Node.js ${NODE_MAJOR_MIN} or newer, this is ${found} (${process.execPath}). ` +
      'In a checkout, `npm ci` installs one and `npm start` uses it.\n'
  )
  process.exit(2)
}

const { existsSync } = await import('node:fs')
const { enableCompileCache } = await import('node:module')
const { fileURLToPath } = await import('node:url')

// a checkout runs its TypeScript as it is: what it was stripped and compiled to is kept beside its dependencies
const dependencies = fileURLToPath(new URL('../node_modules', import.meta.url))
if (existsSync(dependencies)) enableCompileCache(`${dependencies}/.cache/peerbin`)

const { main } = await import('../src/cli/main.ts')
await main({
  program: fileURLToPath(import.meta.url),
  roles: () => import('../src/compose/roles.ts')
})
