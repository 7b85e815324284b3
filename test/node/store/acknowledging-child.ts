/** A process that changes a store step by step and writes `ack <step>` after each. Watched by sync.test.ts. Argument: folder. */

import { writeSync } from 'node:fs'
import { LevelChunkStore } from '../../../src/node/store/level-chunk-store.ts'
import { systemClock } from '../../../src/runtime/clock.ts'
import { G1, G2, someChunk } from '../../conformance/chunk-store-kit.ts'

const store = new LevelChunkStore({ folder: process.argv[2] ?? '', clock: systemClock, capacityBytes: 0 })
await store.open()
for (let round = 0; round < 3; round++) {
  const { id, bytes } = someChunk(600 * 1024)
  await store.put(id, bytes, G1)
  writeSync(1, 'ack put\n')
  await store.put(id, bytes, G2)
  writeSync(1, 'ack raise\n')
  await store.delete(id, G2)
  writeSync(1, 'ack delete\n')
}
await store.close()
