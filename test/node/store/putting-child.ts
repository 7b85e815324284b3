/**
 * A process that puts chunks as fast as it can, four at once, deletes every third of them again, and says on standard output what was
 * acknowledged, one line each: `put <seed>` or `deleted <seed>`. Killed by kill-store.test.ts. Arguments: folder, first seed.
 */

import { writeSync } from 'node:fs'
import { LevelChunkStore } from '../../../src/node/store/level-chunk-store.ts'
import { systemClock } from '../../../src/runtime/clock.ts'
import { G1 } from '../../conformance/chunk-store-kit.ts'
import { seededChunk } from './seeded-chunk.ts'

const [folder = '', first = '0'] = process.argv.slice(2)
const store = new LevelChunkStore({ folder, clock: systemClock, capacityBytes: 0 })
await store.open()
let next = Number(first)

async function putOnAndOn(): Promise<never> {
  for (;;) {
    const seed = next++
    const { id, bytes } = seededChunk(seed)
    await store.put(id, bytes, G1)
    writeSync(1, `put ${seed}\n`)
    if (seed % 3 !== 0) continue
    writeSync(1, `deleting ${seed}\n`)
    await store.delete(id, G1)
    writeSync(1, `deleted ${seed}\n`)
    if (seed % 5 === 0) await store.reclaim()
  }
}

await Promise.all([putOnAndOn(), putOnAndOn(), putOnAndOn(), putOnAndOn()])
