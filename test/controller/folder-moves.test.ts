/** Folders that many want to move at once: each move is one long step of the store, and nobody else writes meanwhile. */

import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { Folders } from '../../src/controller/files/folders.ts'
import type { UserFilesDeps } from '../../src/controller/files/user-files.ts'
import { MemoryMetadataStore } from '../../src/metadata/memory-metadata-store.ts'
import type { MetadataStore } from '../../src/metadata-store.ts'
import type { UserId } from '../../src/types.ts'
import { ANN, BOB, addEntry, entryId } from '../conformance/entry-fixture.ts'
import { START, rejectsWith } from '../conformance/metadata-fixture.ts'

t.test('one of a user, and one of all, at a time', async (t) => {
  const store = new MemoryMetadataStore()
  await store.open()
  t.teardown(() => store.close())
  await addEntry(store, 'a', { path: 'x/a' })
  await addEntry(store, 'b', { path: 'y/b' })
  await addEntry(store, 'c', { path: 'x/c', user: BOB })
  let atOnce = 0
  let atOnceMax = 0
  const gates: Array<() => void> = []
  // the store itself would keep them in line as well, and everybody else behind them
  const moveFolder: MetadataStore['moveFolder'] = async (request) => {
    atOnceMax = Math.max(atOnceMax, ++atOnce)
    await new Promise<void>((resolve) => gates.push(resolve))
    atOnce--
    return await store.moveFolder(request)
  }
  const deps = { store: { moveFolder }, time: { now: () => START } } as unknown as UserFilesDeps
  const folders = new Folders(deps)
  const { signal } = new AbortController()
  const move = async (user: UserId, from: string, to: string, until = signal) =>
    await folders.move({ actor: { user, role: 'user' }, owner: user, from, to }, until)

  const first = move(ANN, 'x', 'moved')
  await rejectsWith(t, move(ANN, 'y', 'moved too'), 'busy')
  const other = move(BOB, 'x', 'moved')
  await setImmediate()
  t.equal(gates.length, 1)
  gates.shift()?.()
  t.match(await first, { moved: 1 })
  await setImmediate()
  gates.shift()?.()
  t.match(await other, { moved: 1 })
  t.equal(atOnceMax, 1)
  t.match(await store.getEntry(entryId('c')), { path: 'moved/c' })

  const again = move(ANN, 'y', 'moved too')
  const gone = new AbortController()
  const waiting = move(BOB, 'moved', 'x', gone.signal)
  gone.abort(new Error('it left'))
  await t.rejects(waiting, { code: 'aborted' }, 'who asks no more is not moved later')
  gates.shift()?.()
  t.match(await again, { moved: 1 })
  const last = move(BOB, 'none', 'x')
  await setImmediate()
  gates.shift()?.()
  await rejectsWith(t, last, 'file-unknown')
  t.equal(gates.length, 0)
})
