/**
 * `npm run build:web`: makes web/dist of web/ when it is missing or was made of other sources. What runs the edge from a checkout (`npm start`, `npm test`) does it first; when nothing has changed that takes
 * some milliseconds, and the bundler is not even loaded.
 */

import { createHash } from 'node:crypto'
import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const output = join(root, 'web/dist')
/** What web/dist was made of; stands in it, last. */
const mark = join(output, 'sources.sha256')

/** What the page is made of, and what makes it. */
const SOURCES = [
  'web/*',
  'web/!(dist)/**/*',
  'src/{bundle,encryption,qr}/*.ts',
  'src/{errors,error-codes,error-spec,pool-errors}.ts',
  'src/edge/{texts,page-texts,account-texts,admin-texts,history-texts,webhook-texts,pool-texts}.ts',
  'vite.config.ts',
  'package-lock.json'
]

function sourcesHash(): string {
  const hash = createHash('sha256')
  const paths = globSync(SOURCES, { cwd: root, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
  for (const path of paths.sort())
    hash.update(path.slice(root.length)).update('\0').update(readFileSync(path))
  return hash.digest('hex')
}

const hash = sourcesHash()
const isFresh = existsSync(mark) && readFileSync(mark, 'utf8') === hash
if (!isFresh) {
  const { build } = await import('vite')
  await build({ configFile: join(root, 'vite.config.ts') })
  writeFileSync(mark, hash)
}
