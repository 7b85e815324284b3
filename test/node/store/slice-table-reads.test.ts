/** Reads hold snapshots and files of LevelDB open: what is removed beside them is gone all the same. The reads here are as slow as the test wants. */

import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { Level } from 'level'
import t from 'tap'
import type { Test } from 'tap'
import { SliceTable } from '../../../src/node/store/slice-table.ts'
import { someBytes } from '../../conformance/chunk-store-kit.ts'
import { settle } from '../../kit/manual-clock.ts'
import { until } from '../../kit/until.ts'
import { testFolder } from '../../kit/test-folder.ts'

const MIB = 1024 * 1024
const CHUNKS = 8

async function bytesIn(folder: string): Promise<number> {
  const sizes = await Promise.all(
    (await readdir(folder)).map((name) =>
      stat(join(folder, name)).then(
        ({ size }) => size,
        () => 0 // LevelDB removed it meanwhile
      )
    )
  )
  return sizes.reduce((sum, size) => sum + size, 0)
}

/** From now on a read sees the database as it was when it began, and goes on when `gate` says so. */
function slowReads(t: Test, gate: Promise<void>): void {
  const patched = Level.prototype as unknown as Record<string, unknown>
  t.teardown(() => delete patched['getMany'])
  patched['getMany'] = async function (this: Level<Uint8Array, Uint8Array>, keys: Uint8Array[]) {
    const iterator = this.iterator() // holds a snapshot, and every table there is
    await iterator.next()
    await gate
    await iterator.close()
    return keys.map(() => undefined)
  }
}

async function filled(t: Test) {
  const folder = testFolder(t)
  const slices = await SliceTable.open(folder)
  t.teardown(() => slices.close())
  for (let sequence = 1; sequence <= CHUNKS; sequence++) await slices.append(sequence, someBytes(MIB))
  t.ok((await bytesIn(folder)) > CHUNKS * MIB)
  return { folder, slices }
}

t.test('a removal waits for reads that began before it, for LevelDB keeps what they can see', async (t) => {
  const { folder, slices } = await filled(t)
  const gate = Promise.withResolvers<void>()
  slowReads(t, gate.promise)
  const read = slices.read(3, MIB)
  await settle()
  const removal = slices.remove([{ first: 1, last: CHUNKS }])
  // long enough for one that does not wait
  const first = await Promise.race([removal.then(() => 'removed'), pause(500, 'waits')])
  t.equal(first, 'waits')
  gate.resolve()
  await read
  t.equal(await removal, true)
  await until('nothing is left', async () => (await bytesIn(folder)) < MIB / 2, 5000)
})

t.test('a table that a later read has open is gone once the read has ended', async (t) => {
  const { folder, slices } = await filled(t)
  const gate = Promise.withResolvers<void>()
  slowReads(t, gate.promise)
  const reads: Array<Promise<unknown>> = []
  const patched = Level.prototype as unknown as {
    compactRange: (start: Uint8Array, end: Uint8Array) => Promise<void>
  }
  const { compactRange } = patched
  t.teardown(() => (patched.compactRange = compactRange))
  patched.compactRange = async function (start, end) {
    const isFlush = start[0] === 0xff
    if (!isFlush) reads.push(slices.read(3, MIB)) // begins after the marks, before the compaction
    await settle()
    await compactRange.call(this, start, end)
    if (!isFlush) setImmediate(gate.resolve)
  }
  t.equal(await slices.remove([{ first: 1, last: CHUNKS }]), true)
  await Promise.all(reads)
  t.equal(reads.length, 1)
  await until('nothing is left', async () => (await bytesIn(folder)) < MIB / 2, 5000)
})
