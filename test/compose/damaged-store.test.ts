/** A node whose store is damaged in a way that keeps it from giving space back ends, and says what to do. */

import { open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { newClusterKey } from '../../src/compose/cluster-key.ts'
import { createNode } from '../../src/compose/node.ts'
import type { PeerbinError } from '../../src/errors.ts'
import { MemoryHub } from '../../src/network/memory-network.ts'
import { LevelChunkStore } from '../../src/node/store/level-chunk-store.ts'
import { systemClock as clock } from '../../src/runtime/clock.ts'
import { systemRandom as random } from '../../src/runtime/random.ts'
import { G1, someChunk } from '../conformance/chunk-store-kit.ts'
import { testFolder } from '../kit/test-folder.ts'
import { until } from '../kit/until.ts'

/** Leaves a chunk that is to be removed, in a table. */
async function leaveDeleted(folder: string): Promise<void> {
  const store = new LevelChunkStore({ folder, clock, capacityBytes: 0 })
  await store.open()
  const { id, bytes } = someChunk(4000)
  await store.put(id, bytes, G1)
  await store.close()
  await store.open() // what was in the log goes to a table
  await store.delete(id, G1)
  await store.close()
}

/** Makes the first value of each table longer than its block. */
async function damage(folder: string): Promise<void> {
  const tables = (await readdir(join(folder, 'slices'))).filter((name) => name.endsWith('.ldb'))
  for (const name of tables) {
    const table = await open(join(folder, 'slices', name), 'r+')
    await table.write(Buffer.of(0xff, 0xff, 0x7f), 0, 3, 2) // the length of the first value
    await table.close()
  }
}

t.test('a node that cannot remove what was deleted reports it as a failure', async (t) => {
  const data = testFolder(t)
  const chunks = join(data, 'chunks')
  await leaveDeleted(chunks)
  const hub = new MemoryHub({ clock, random })
  const failures: PeerbinError[] = []
  const node = await createNode({
    data,
    cluster: newClusterKey(random),
    network: (peer) => hub.network({ peer }),
    onFailure: (failure) => void failures.push(failure)
  })
  t.teardown(() => node.stop())
  await node.start()
  await damage(chunks) // before it gives the space back, some seconds after its start
  await until('it is told', () => failures.length > 0)
  t.match(failures[0], { code: 'store-failed', message: /Corruption.*Move the folder .*chunks away/ })
})
