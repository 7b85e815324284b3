import { spawn } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync
} from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t from 'tap'
import type { Test } from 'tap'
import { PeerbinError } from '../../src/errors.ts'
import { SqliteMetadataStore } from '../../src/metadata/sqlite-metadata-store.ts'
import { silentLogger } from '../../src/runtime/logger.ts'
import type { Term } from '../../src/types.ts'
import { START, addFile, claim, node, rejectsWith, tokenOf } from '../conformance/metadata-fixture.ts'
import { testFolder } from '../kit/test-folder.ts'

const storeOf = (file: string): SqliteMetadataStore =>
  new SqliteMetadataStore({ file, operationsWaitingMax: 1000, logger: silentLogger })

/** A closed file with something in it. */
async function filledFile(t: Test): Promise<string> {
  const file = join(testFolder(t), 'metadata.db')
  const store = storeOf(file)
  await store.open()
  for (let i = 0; i < 5; i++) await addFile(store, `file ${i}`)
  await store.close()
  return file
}

async function refuses(t: Test, file: string, pattern: RegExp): Promise<void> {
  const error: unknown = await storeOf(file)
    .open()
    .then(
      () => undefined,
      (reason: unknown) => reason
    )
  if (!(error instanceof PeerbinError)) return void t.fail('opens, or throws something else', { error })
  t.equal(error.code, 'data-incompatible')
  t.match(error.message, pattern)
  t.ok(error.message.includes(file), 'the message names the file')
}

t.test('everything is there after closing and opening again', async (t) => {
  const file = join(testFolder(t), 'metadata.db')
  const store = storeOf(file)
  t.equal(store.durable, true)
  await Promise.all([store.open(), store.open()])
  t.equal(await store.advanceTerm(7 as Term), 8)
  t.equal(await store.advanceTime(START), START)
  await store.recordNodes([node(1)])
  const record = await addFile(store, 'a')
  await claim(store, 'a', 'me')
  const { generation } = (await store.listFileChunks(record.id, 0, 1))[0] ?? {}
  await Promise.all([store.close(), store.close()])
  await rejectsWith(t, store.getFile(record.id), 'shutting-down')

  await store.open()
  t.teardown(() => store.close())
  t.equal(await store.advanceTerm(0 as Term), 9)
  t.equal(await store.advanceTime(5), START)
  t.strictSame(await store.listNodes(), [node(1)])
  t.strictSame(await store.getFile(record.id), record)
  t.match(await claim(store, 'a', 'me'), { outcome: 'claimed' })
  t.strictSame(await claim(store, 'a', 'other'), { outcome: 'used' })
  const next = await addFile(store, 'b')
  const later = (await store.listFileChunks(next.id, 0, 1))[0]?.generation
  t.ok(generation !== undefined && later !== undefined && later > generation, 'generations go on')
})

t.test('a second opener is told that the data is in use', async (t) => {
  const file = join(testFolder(t), 'metadata.db')
  const store = storeOf(file)
  await store.open()
  t.teardown(() => store.close())
  await rejectsWith(t, storeOf(file).open(), 'data-in-use', 'in the same process')

  const program = `
    const { SqliteMetadataStore } = await import(${JSON.stringify(new URL('../../src/metadata/sqlite-metadata-store.ts', import.meta.url).href)})
    const { silentLogger } = await import(${JSON.stringify(new URL('../../src/runtime/logger.ts', import.meta.url).href)})
    const store = new SqliteMetadataStore({ file: process.argv[1], operationsWaitingMax: 1, logger: silentLogger })
    await store.open().then(() => console.log('opened'), (error) => console.log(error.code, error.message))`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program, file])
  let output = ''
  child.stdout.on('data', (data: Buffer) => (output += data.toString()))
  await new Promise((resolve) => child.on('close', resolve))
  t.equal(output.trim(), `data-in-use ${file} is in use by another process`)
  t.ok(await addFile(store, 'a'), 'the first one was not disturbed')
  await store.close()
  const second = storeOf(file)
  await second.open()
  t.match(await second.findLink(tokenOf('a')), { link: { state: 'live' } })
  await second.close()
})

t.test('a damaged file is refused and left as it is', async (t) => {
  const damage: Record<string, (file: string) => void> = {
    empty: (file) => truncateSync(file, 0),
    'cut in half': (file) => truncateSync(file, Math.floor(statSync(file).size / 2)),
    'cut within the header': (file) => truncateSync(file, 50),
    'another text': (file) =>
      writeFileSync(file, 'not a database at all, but a letter to my aunt '.repeat(500)),
    'a header overwritten': (file) => overwrite(file, 0, 100),
    'pages overwritten': (file) => overwrite(file, 8192, 20_000)
  }
  for (const [what, act] of Object.entries(damage)) {
    await t.test(what, async (t) => {
      const file = await filledFile(t)
      act(file)
      const before = readFileSync(file)
      await refuses(t, file, /damaged/)
      t.ok(before.equals(readFileSync(file)), 'not a byte was changed')
      await refuses(t, file, /damaged/)
    })
  }
})

function overwrite(file: string, start: number, length: number): void {
  const bytes = readFileSync(file)
  bytes.fill(0xa5, start, start + length)
  writeFileSync(file, bytes)
}

t.test('a database of another program is refused', async (t) => {
  const file = join(testFolder(t), 'other.db')
  const other = new DatabaseSync(file)
  other.exec('create table meta (key text, value integer)')
  other.close()
  await refuses(t, file, /not the metadata of peerbin/)
})

t.test('a file of a newer program is refused', async (t) => {
  const file = await filledFile(t)
  const newer = new DatabaseSync(file)
  newer.exec(`update meta set value = 99 where key = 'schema'`)
  newer.close()
  await refuses(t, file, /schema version 99/)
})

t.test('a log without its file is not taken for a new beginning', async (t) => {
  const folder = testFolder(t)
  const file = join(folder, 'metadata.db')
  const store = storeOf(file)
  await store.open()
  await addFile(store, 'a')
  copyFileSync(`${file}-wal`, `${file}-kept`)
  await store.close()
  rmSync(file)
  renameSync(`${file}-kept`, `${file}-wal`)
  await refuses(t, file, /write-ahead log/)
  t.notOk(existsSync(file))
})

t.test('a making that was cut off is begun again', async (t) => {
  const file = join(testFolder(t), 'metadata.db')
  writeFileSync(`${file}.new`, 'half a database')
  const store = storeOf(file)
  await store.open()
  t.teardown(() => store.close())
  t.ok(await addFile(store, 'a'))
  t.notOk(existsSync(`${file}.new`))
})

t.test('in memory it works the same, and says that it is not durable', async (t) => {
  const store = storeOf(':memory:')
  t.equal(store.durable, false)
  await store.open()
  t.ok(await addFile(store, 'a'))
  await store.close()
})

t.test('a folder that is not there is named', async (t) => {
  const file = join(testFolder(t), 'nowhere', 'metadata.db')
  await t.rejects(storeOf(file).open(), { message: new RegExp('nowhere') })
})
