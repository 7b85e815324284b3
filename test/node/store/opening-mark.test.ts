/** A store in which LevelDB finds nonsense ends the process: the next start says what that was. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { open, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { LevelChunkStore } from '../../../src/node/store/level-chunk-store.ts'
import { chunkIdOf } from '../../../src/protocol/ids.ts'
import { systemClock } from '../../../src/runtime/clock.ts'
import type { Generation } from '../../../src/types.ts'
import { WITHOUT_LOADERS } from '../../kit/processes.ts'
import { testFolder } from '../../kit/test-folder.ts'

const STORE = new URL('../../../src/node/store/level-chunk-store.ts', import.meta.url)
const CLOCK = new URL('../../../src/runtime/clock.ts', import.meta.url)
const OPENER = `
  import { LevelChunkStore } from '${STORE.href}'
  import { systemClock } from '${CLOCK.href}'
  const onCutOpening = (text) => console.log(text)
  const store = new LevelChunkStore({ folder: process.argv[1], clock: systemClock, capacityBytes: 0, onCutOpening })
  await store.open()
  await store.close()
`

/** Opens the store in a process of its own. */
async function openElsewhere(folder: string) {
  const args = [...WITHOUT_LOADERS, process.execPath, '--input-type=module', '-e', OPENER, folder]
  const child = spawn('env', args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  let errors = ''
  child.stdout.on('data', (data: Buffer) => (output += data.toString()))
  child.stderr.on('data', (data: Buffer) => (errors += data.toString()))
  const [, signal] = (await once(child, 'close')) as [number | null, string | null]
  return { output, errors, signal }
}

async function filled(folder: string): Promise<void> {
  for (const text of ['one', 'two']) {
    const store = new LevelChunkStore({ folder, clock: systemClock, capacityBytes: 0 })
    await store.open() // what was in the log goes to tables
    const bytes = Buffer.from(text)
    await store.put(chunkIdOf(bytes), bytes, 1 as Generation)
    await store.close()
  }
}

t.test('a damaged block that ends the process is told at the next start', async (t) => {
  const folder = testFolder(t)
  await filled(folder)
  t.match(await openElsewhere(folder), { output: '', signal: null }, 'as long as nothing is wrong')
  const tables = (await readdir(join(folder, 'chunks'))).filter((name) => name.endsWith('.ldb'))
  t.ok(tables.length > 0)
  for (const name of tables) {
    const table = await open(join(folder, 'chunks', name), 'r+')
    await table.write(Buffer.of(1), 0, 1, 1) // the length of the first key: shorter than any can be
    await table.close()
  }
  const first = await openElsewhere(folder)
  t.match(first, { output: '', errors: /leveldb.*Assertion/, signal: 'SIGABRT' })
  const second = await openElsewhere(folder)
  t.match(second.output, /last start ended while .* was being opened.*Move the folder/)
})

t.test('an opening that ended for another reason is forgotten with the next', async (t) => {
  const folder = testFolder(t)
  await filled(folder)
  await writeFile(join(folder, 'opening'), '')
  const told: string[] = []
  const store = new LevelChunkStore({
    folder,
    clock: systemClock,
    capacityBytes: 0,
    onCutOpening: (text) => told.push(text)
  })
  await store.open()
  await store.close()
  t.equal(told.length, 1)
  await store.open()
  await store.close()
  t.equal(told.length, 1)
})
