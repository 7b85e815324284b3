import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import fc from 'fast-check'
import t from 'tap'
import type { Test } from 'tap'
import { applySnapshot } from '../../src/metadata/sqlite/apply-snapshot.ts'
import { splitChangesets } from '../../src/metadata/sqlite/changesets.ts'
import { SqliteMetadataStore } from '../../src/metadata/sqlite-metadata-store.ts'
import { silentLogger } from '../../src/runtime/logger.ts'
import {
  START,
  addFile,
  chunk,
  claim,
  node,
  openUpload,
  rejectsWith,
  reserve,
  revoke,
  settleAll
} from '../conformance/metadata-fixture.ts'
import {
  POOL,
  addMember,
  addPool,
  batchFiles,
  batchId,
  bringBatch,
  commitBatch,
  declareFiles,
  openBatch,
  sendBatch
} from '../conformance/pool-fixture.ts'
import { auditFile } from './audit.ts'
import { dumpFile } from './dump.ts'
import { step } from './model-operations.ts'
import { wholeUpload } from './model-uploads.ts'
import { newWorld } from './model-world.ts'
import type { Step, World } from './model-world.ts'
import { testFolder } from '../kit/test-folder.ts'

const RUNS = Number(process.env['PEERBIN_MODEL_RUNS'] ?? 12)

const storeOf = (file: string): SqliteMetadataStore =>
  new SqliteMetadataStore({ file, operationsWaitingMax: 1000, logger: silentLogger })

async function openStore(t: Test, file = join(testFolder(t), 'metadata.db')): Promise<SqliteMetadataStore> {
  const store = storeOf(file)
  await store.open()
  t.teardown(() => store.close())
  return store
}

async function* streamOf(pieces: readonly Uint8Array[]): AsyncGenerator<Uint8Array, void, undefined> {
  yield* pieces
}

async function collect(stream: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
  const pieces: Uint8Array[] = []
  for await (const piece of stream) pieces.push(Uint8Array.from(piece))
  return pieces
}

async function changesOf(store: SqliteMetadataStore): Promise<Uint8Array[]> {
  const changes = await store.snapshots.changes()
  return changes === undefined ? [] : [Uint8Array.from(changes)]
}

/** Refused ones are part of it: what they did must not be in the changes. */
async function play(store: SqliteMetadataStore, world: World, steps: readonly Step[]): Promise<void> {
  world.now += 300
  for (let at = 0; at < steps.length; at += 4) {
    await Promise.allSettled(steps.slice(at, at + 4).map((each) => each(world)(store)))
  }
}

const life: fc.Arbitrary<Step[]> = fc
  .tuple(wholeUpload(), fc.array(step, { maxLength: 25, size: 'max' }), wholeUpload())
  .map(([first, steps, last]) => [...first, ...steps, ...last])

const game = fc.record({
  before: life,
  during: life,
  after: fc.array(life, { maxLength: 4 })
})

t.test('a base with the changes that followed is the same store, whatever was done and when', async (t) => {
  const folder = testFolder(t)
  let run = 0
  const cutInBase: boolean[] = []
  await fc.assert(
    fc.asyncProperty(game, async ({ before, during, after }) => {
      const file = join(folder, `${run}.db`)
      const restored = join(folder, `${run++}-restored.db`)
      const store = storeOf(file)
      const world = newWorld()
      await store.open()
      try {
        await play(store, world, before)
        const writing = play(store, world, during)
        const base = await collect(store.snapshots.base())
        cutInBase.push(base.length > 0)
        await writing
        const changes = await changesOf(store)
        for (const steps of after) {
          await play(store, world, steps)
          changes.push(...(await changesOf(store)))
        }
        await applySnapshot(restored, streamOf(base), streamOf(changes))
      } finally {
        await store.close()
      }
      t.strictSame(dumpFile(restored), dumpFile(file))
      t.strictSame(auditFile(restored), [])
    }),
    { numRuns: RUNS, interruptAfterTimeLimit: 20_000, markInterruptAsFailure: false }
  )
  t.ok(run > 0, `${run} runs`)
})

t.test('pools are in it, also where what is unique went from one row to another', async (t) => {
  const folder = testFolder(t)
  const file = join(folder, 'metadata.db')
  const store = await openStore(t, file)
  await addPool(store)
  await addMember(store, 'ann')
  await bringBatch(store, 'one', batchFiles('a', 'b'), { openMax: 1 })
  const base = await collect(store.snapshots.base())
  await commitBatch(store, 'one')
  await openBatch(store, 'two', batchFiles('c'), { openMax: 1 })
  await declareFiles(store, 'two', batchFiles('c'))
  await store.abandonBatch({ pool: POOL, batch: batchId('two'), now: START })
  await sendBatch(store, 'three', batchFiles('b', 'c'), { openMax: 1 })
  const restored = join(folder, 'restored.db')
  await applySnapshot(restored, streamOf(base), streamOf(await changesOf(store)))
  await store.close()
  t.strictSame(dumpFile(restored), dumpFile(file))
  const again = await openStore(t, restored)
  t.match(await sendBatch(again, 'four', batchFiles('a', 'b', 'c', 'd')), { duplicates: 3 })
})

t.test('a restored store goes on', async (t) => {
  const store = await openStore(t)
  await addFile(store, 'a', { downloads: 2 })
  const base = await collect(store.snapshots.base())
  await claim(store, 'a', 'me')
  await addFile(store, 'b')
  const changes = await changesOf(store)
  const file = join(testFolder(t, {}), 'restored.db')
  await applySnapshot(file, streamOf(base), streamOf(changes))
  const restored = await openStore(t, file)
  t.match(await claim(restored, 'a', 'me'), { outcome: 'claimed' })
  t.match(await claim(restored, 'a', 'you'), { outcome: 'claimed' })
  t.strictSame(await claim(restored, 'a', 'other'), { outcome: 'used' })
  t.match(await claim(restored, 'b', 'me'), { outcome: 'claimed' })
  t.ok(await addFile(restored, 'c'))
})

t.test('one without any changes is the base', async (t) => {
  const store = await openStore(t)
  await addFile(store, 'a')
  const base = await collect(store.snapshots.base())
  t.equal(await store.snapshots.changes(), undefined)
  await claim(store, 'a', 'me')
  const file = join(testFolder(t, {}), 'restored.db')
  await applySnapshot(file, streamOf(base), streamOf([]))
  const restored = await openStore(t, file)
  t.match(await claim(restored, 'a', 'other'), { outcome: 'claimed' }, 'as it was at the base')
})

t.test('in memory too', async (t) => {
  const store = await openStore(t, ':memory:')
  await addFile(store, 'a')
  const base = await collect(store.snapshots.base())
  await addFile(store, 'b')
  const changes = await changesOf(store)
  const file = join(testFolder(t), 'restored.db')
  await applySnapshot(file, streamOf(base), streamOf(changes))
  const restored = await openStore(t, file)
  t.match(await claim(restored, 'a', 'me'), { outcome: 'claimed' })
  t.match(await claim(restored, 'b', 'me'), { outcome: 'claimed' })
})

t.test('nobody else gets at the file during and after a base', async (t) => {
  const file = join(testFolder(t), 'metadata.db')
  const store = await openStore(t, file)
  await addFile(store, 'a')
  const stranger = (): string => {
    const program = `
      const { DatabaseSync } = require('node:sqlite')
      try { new DatabaseSync(process.argv[1]).exec('begin immediate; commit'); console.log('opened') }
      catch (error) { console.log(error.message) }`
    return spawnSync(process.execPath, ['-e', program, file]).stdout.toString().trim()
  }
  for await (const _piece of store.snapshots.base()) t.equal(stranger(), 'database is locked')
  t.equal(stranger(), 'database is locked')
  await collect(store.snapshots.base())
  t.equal(stranger(), 'database is locked')
  await store.close()
  t.equal(stranger(), 'opened')
})

t.test('the log goes back into the file after a base, and its copy is gone', async (t) => {
  const file = join(testFolder(t), 'metadata.db')
  const store = await openStore(t, file)
  for (let n = 0; n < 3; n++) await addFile(store, `${n}`)
  for await (const _piece of store.snapshots.base()) t.ok(existsSync(`${file}.base`))
  t.notOk(existsSync(`${file}.base`))
  const stream = store.snapshots.base()[Symbol.asyncIterator]()
  await stream.next()
  await stream.return?.()
  t.notOk(existsSync(`${file}.base`), 'nor does one that was ended early stay')
  await store.recordNodes([node(1)])
  await rejectsWith(t, store.snapshots.changes(), 'not-found', 'and it has no changes')
})

t.test('one base at a time; a store that was closed gives none', async (t) => {
  const store = await openStore(t)
  await rejectsWith(t, store.snapshots.changes(), 'not-found', 'no changes without a base')
  const first = store.snapshots.base()[Symbol.asyncIterator]()
  await first.next()
  await rejectsWith(t, collect(store.snapshots.base()), 'busy')
  while ((await first.next()).done !== true);
  t.equal(await store.snapshots.changes(), undefined, 'the second did not disturb the first')
  const open = store.snapshots.base()[Symbol.asyncIterator]()
  const beginning = open.next()
  await store.close()
  await Promise.allSettled([beginning, open.return?.()])
  await rejectsWith(t, store.snapshots.changes(), 'shutting-down')
  await store.open()
  t.ok((await collect(store.snapshots.base())).length > 0)
})

/** As many references as rows change: more than are left in one session. */
async function changeMuch(store: SqliteMetadataStore, name: string): Promise<void> {
  const upload = await openUpload(store, name)
  const indexes = Array.from({ length: 900 }, (_, i) => i)
  for (let round = 0; round < 4; round++)
    await Promise.all(indexes.map((i) => reserve(store, upload, round * 900 + i, chunk(`${name} ${i}`))))
}

t.test('many changes are one piece, taken out bit by bit', async (t) => {
  const file = join(testFolder(t), 'metadata.db')
  const store = await openStore(t, file)
  const base = await collect(store.snapshots.base())
  await changeMuch(store, 'much')
  const changes = await changesOf(store)
  t.equal(changes.length, 1)
  t.ok([...splitChangesets(changes[0] ?? new Uint8Array(0))].length > 1)
  const restored = join(testFolder(t, { other: {} }), 'restored.db')
  await applySnapshot(restored, streamOf(base), streamOf(changes))
  const database = new DatabaseSync(restored)
  t.match(database.prepare('select count(*) as n from pieces').get(), { n: 3600 })
  t.match(database.prepare('select count(*) as n from chunks where refs = 4').get(), { n: 900 })
  database.close()
})

t.test('changes that nobody takes are given up at a bound', async (t) => {
  const store = new SqliteMetadataStore({
    file: ':memory:',
    operationsWaitingMax: 1000,
    logger: silentLogger,
    changesWaitingBytesMax: 1000
  })
  await store.open()
  t.teardown(() => store.close())
  await collect(store.snapshots.base())
  await addFile(store, 'a')
  t.ok(await store.snapshots.changes())
  await changeMuch(store, 'much')
  await rejectsWith(t, store.snapshots.changes(), 'not-found')
  await collect(store.snapshots.base())
  t.equal(await store.snapshots.changes(), undefined)
})

t.test('pieces that do not belong together make nothing', async (t) => {
  const store = await openStore(t)
  await addFile(store, 'a')
  const base = await collect(store.snapshots.base())
  await claim(store, 'a', 'me')
  const first = await changesOf(store)
  await revoke(store, 'a')
  const second = await changesOf(store)
  await settleAll(store, 0)
  const whole = [...first, ...second]
  t.equal(whole.length, 2)
  const bent = whole.map((piece) => Uint8Array.from(piece))
  bent[0]?.fill(0xee, 10)
  const cases: Record<string, [Uint8Array[], Uint8Array[]]> = {
    'one is missing': [base, second],
    'one comes twice': [base, [...first, ...first]],
    'another order': [base, [...second, ...first]],
    'changes bent': [base, bent],
    'changes cut': [base, whole.map((piece) => piece.subarray(0, piece.byteLength - 5))],
    'base cut': [base.map((piece) => piece.subarray(0, 9000)), []],
    'base bent': [base.map((piece) => Uint8Array.from(piece).fill(0xa5, 8192, 20_000)), []],
    'no base': [[], whole],
    'another file': [[Buffer.from('not a database at all '.repeat(500))], []]
  }
  for (const [what, [pieces, changes]] of Object.entries(cases)) {
    const folder = testFolder(t, { restored: {} })
    const file = join(folder, 'restored', 'metadata.db')
    await rejectsWith(t, applySnapshot(file, streamOf(pieces), streamOf(changes)), 'data-incompatible', what)
    t.notOk(existsSync(file) || existsSync(`${file}.new`), what)
  }
})

t.test('what is there is not written over', async (t) => {
  const file = join(testFolder(t), 'metadata.db')
  const store = await openStore(t, file)
  await addFile(store, 'a')
  const base = await collect(store.snapshots.base())
  await rejectsWith(t, applySnapshot(file, streamOf(base), streamOf([])), 'restore-refused')
  t.match(await claim(store, 'a', 'me'), { outcome: 'claimed' })
})

t.test('a snapshot of a newer program is refused', async (t) => {
  const store = await openStore(t)
  const base = await collect(store.snapshots.base())
  const folder = testFolder(t, { other: {} })
  const newer = join(folder, 'newer.db')
  await applySnapshot(newer, streamOf(base), streamOf([]))
  const database = new DatabaseSync(newer)
  database.exec(`update meta set value = 99 where key = 'schema'`)
  const bytes = database.serialize()
  database.close()
  const file = join(folder, 'other', 'metadata.db')
  await rejectsWith(t, applySnapshot(file, streamOf([bytes]), streamOf([])), 'data-incompatible')
  t.notOk(existsSync(file))
})
