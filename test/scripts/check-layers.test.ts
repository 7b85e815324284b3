import { join } from 'node:path'
import t from 'tap'
import { checkFile, checkRepository } from '../../scripts/check-layers.ts'

t.test('the repository keeps its layers', async (t) => {
  t.same(checkRepository(join(import.meta.dirname, '../..')), [])
})

t.test('an import that points up is found', async (t) => {
  t.same(checkFile('src/protocol/x.ts', "import { a } from '../client/a.ts'"), [
    'src/protocol/x.ts must not import src/client/a.ts'
  ])
  t.same(checkFile('src/edge/routes/x.ts', "import { a } from '../../node/a.ts'").length, 1)
  t.same(checkFile('src/node/a.ts', "const b = await import('../controller/b.ts')").length, 1)
  t.same(
    checkFile('src/node/a.ts', "import { L } from './store/level-chunk-store.ts'").length,
    1,
    'a store is an implementation'
  )
})

t.test('an import that points down or stays is fine', async (t) => {
  t.same(
    checkFile(
      'src/edge/routes/x.ts',
      "import { a } from '../pages/a.ts'\nimport { b } from '../../client/b.ts'"
    ),
    []
  )
  t.same(checkFile('src/node/store/a.ts', "import type { T } from '../../types.ts'"), [])
  t.same(checkFile('bin/peerbin.ts', "await import('../src/cli/main.ts')"), [])
})

t.test('scripts of pages import formats and words, and nothing of Node', async (t) => {
  const problems = (line: string): number => checkFile('web/link/a.tsx', line).length
  t.equal(problems("import { ZipLayout } from '../../src/bundle/zip-layout.ts'"), 0)
  t.equal(problems("import { texts } from '../../src/edge/texts.ts'"), 0)
  t.equal(problems("import url from '../save/save-worker.ts?worker&url'"), 0)
  t.equal(problems("const { a } = await import('../../src/edge/html.ts')"), 1)
  t.equal(problems("import type { FileRecord } from '../../src/types.ts'"), 1)
  t.equal(problems("import { readFile } from 'node:fs/promises'"), 1)
  t.equal(checkFile('src/encryption/a.ts', "const a = Buffer.from('')").length, 1)
  t.equal(
    checkFile('src/edge/a.ts', "import { a } from '../../web/upload/plan.ts'").length,
    1,
    'nor the other way'
  )
})

t.test('libp2p, clocks, chance and databases have one home each', async (t) => {
  for (const line of [
    "import { createLibp2p } from 'libp2p'",
    'const now = Date.now()',
    'setTimeout(() => {}, 1)',
    'const x = Math.random()',
    'const d = new Date()',
    "import { Kysely } from 'kysely'",
    "import fastify from 'fastify'"
  ]) {
    t.equal(checkFile('src/node/a.ts', line).length, 1, line)
  }
  t.same(checkFile('src/network/a.ts', "import { createLibp2p } from 'libp2p'"), [])
  t.same(checkFile('src/runtime/clock.ts', 'Date.now()'), [])
  t.same(checkFile('src/node/a.ts', '// Date.now() is not used here'), [], 'a comment may speak of it')
})
