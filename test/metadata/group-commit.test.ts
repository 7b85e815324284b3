import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t from 'tap'
import type { Test } from 'tap'
import { PeerbinError } from '../../src/errors.ts'
import { GroupCommit } from '../../src/metadata/sqlite/group-commit.ts'
import { silentLogger } from '../../src/runtime/logger.ts'
import { rejectsWith } from '../conformance/metadata-fixture.ts'
import { testFolder } from '../kit/test-folder.ts'

function setUp(t: Test, waitingMax = 1000) {
  const database = new DatabaseSync(join(testFolder(t), 'group.db'))
  database.exec(`
    pragma journal_mode = wal;
    create table notes (text text unique, size integer);
    create table parents (id integer primary key);
    create table children (parent integer references parents (id) deferrable initially deferred)`)
  t.teardown(() => database.isOpen && database.close())
  const failures: string[] = []
  const onFailure = ({ code }: PeerbinError) => void failures.push(code)
  const commits = new GroupCommit({ database, waitingMax, logger: silentLogger, onFailure })
  const insert = database.prepare('insert into notes (text) values (?)')
  const write = (text: string) =>
    commits.write(async () => {
      insert.run(text)
      return text
    })
  const notes = (): unknown[] =>
    database
      .prepare('select text from notes order by text')
      .all()
      .map((row) => row['text'])
  return { database, commits, write, notes, failures }
}

t.test('operations that wait share one transaction', async (t) => {
  const { database, write, commits } = setUp(t)
  database.exec('pragma wal_checkpoint(truncate)')
  const together: boolean[] = []
  const all = Array.from({ length: 20 }, (_, i) =>
    commits.write(async () => {
      database.prepare('insert into notes (text) values (?)').run(`${i}`)
      together.push(database.isTransaction)
    })
  )
  await Promise.all([...all, write('last')])
  t.strictSame(
    together,
    Array.from({ length: 20 }, () => true)
  )
  t.equal(commitsInLog(database), 1)
  await write('alone')
  t.equal(commitsInLog(database), 2)
})

/** Frames of the log that end a transaction: https://www.sqlite.org/fileformat2.html#the_write_ahead_log */
function commitsInLog(database: DatabaseSync): number {
  const log = readFileSync(`${database.location() ?? ''}-wal`)
  const frameBytes = 24 + log.readUInt32BE(8)
  const salt = log.subarray(16, 24)
  let commits = 0
  for (let at = 32; at + frameBytes <= log.byteLength; at += frameBytes) {
    const isValid = log.subarray(at + 8, at + 16).equals(salt)
    if (isValid && log.readUInt32BE(at + 4) > 0) commits++
  }
  return commits
}

t.test('one that is refused takes back only what it did itself', async (t) => {
  const { commits, write, notes, database } = setUp(t)
  const first = write('first')
  const refused = commits.write(async () => {
    database.exec(`insert into notes (text) values ('refused')`)
    await Promise.resolve()
    throw new PeerbinError('upload-conflict')
  })
  const broken = commits.write(async () => {
    database.exec(`insert into notes (text) values ('broken')`)
    database.exec(`insert into notes (text) values ('first')`)
  })
  const mistaken = commits.write(async () => {
    database.exec(`insert into notes (text) values ('mistaken')`)
    throw new TypeError('a bug')
  })
  await Promise.all([
    first,
    rejectsWith(t, refused, 'upload-conflict'),
    rejectsWith(t, broken, 'store-failed', 'a unique key'),
    rejectsWith(t, mistaken, 'internal'),
    write('last')
  ])
  t.strictSame(notes(), ['first', 'last'])
})

t.test('nothing is answered before the commit, and nothing stands when it fails', async (t) => {
  const { commits, write, notes, database, failures } = setUp(t)
  await write('before')
  const orphan = commits.write(async () => {
    database.exec('insert into children values (7)') // found out at commit only
  })
  const refused = commits.write(async () => {
    throw new PeerbinError('upload-closed')
  })
  const others = ['a', 'b'].map(write)
  await Promise.all([
    rejectsWith(t, orphan, 'store-failed'),
    rejectsWith(t, refused, 'store-failed', 'what it saw was never committed'),
    ...others.map((each) => rejectsWith(t, each, 'store-failed'))
  ])
  t.strictSame(notes(), ['before'])
  await rejectsWith(t, write('after'), 'store-failed', 'after a failed commit nothing is acknowledged')
  await rejectsWith(
    t,
    commits.read(async () => 1),
    'store-failed'
  )
  t.strictSame(failures, ['store-failed'], 'told once')
})

t.test('a full disk fails what waits, and what comes when there is space again succeeds', async (t) => {
  const { commits, write, notes, database, failures } = setUp(t)
  const { page_count: pages } = { page_count: 0, ...database.prepare('pragma page_count').get() }
  database.exec(`pragma max_page_count = ${Number(pages)}`)
  const large = commits.write(async () => {
    database.exec('insert into notes (text) values (hex(zeroblob(100000)))')
  })
  await Promise.all([rejectsWith(t, large, 'store-failed'), rejectsWith(t, write('beside'), 'store-failed')])
  database.exec('pragma max_page_count = 1000')
  t.equal(await write('later'), 'later')
  t.strictSame(notes(), ['later'])
  t.strictSame(failures, [])
})

t.test('reads see what is committed only', async (t) => {
  const { commits, write, notes } = setUp(t)
  const seen: unknown[][] = []
  const look = () =>
    commits.read(async () => {
      seen.push(notes())
    })
  await Promise.all([write('a'), look(), write('b'), look()])
  t.strictSame(seen, [[], []], 'before the batch they came with')
  await look()
  t.strictSame(seen[2], ['a', 'b'])
  await rejectsWith(
    t,
    commits.read(async () => {
      throw new PeerbinError('not-found')
    }),
    'not-found'
  )
})

t.test('more than may wait are turned away at once', async (t) => {
  const { write, notes, commits } = setUp(t, 3)
  const all = ['a', 'b', 'c', 'd', 'e'].map((text) => write(text))
  await Promise.all([
    ...all.slice(0, 3),
    ...all.slice(3).map((each) => rejectsWith(t, each, 'busy')),
    rejectsWith(
      t,
      commits.read(async () => 1),
      'busy'
    )
  ])
  t.strictSame(notes(), ['a', 'b', 'c'])
  t.equal(await write('later'), 'later')
})

t.test('more than one batch holds are done in several', async (t) => {
  const { write, notes } = setUp(t)
  await Promise.all(Array.from({ length: 300 }, (_, i) => write(`${i}`)))
  t.equal(notes().length, 300)
})

t.test('closing does what waits, and takes no more', async (t) => {
  const { commits, write, notes } = setUp(t)
  const waiting = ['a', 'b'].map(write)
  const closing = commits.close()
  await rejectsWith(t, write('late'), 'shutting-down')
  await closing
  t.strictSame(await Promise.all(waiting), ['a', 'b'])
  t.strictSame(notes(), ['a', 'b'])
})
