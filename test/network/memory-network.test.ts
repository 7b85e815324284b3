import t from 'tap'
import { MemoryHub } from '../../src/network/memory-network.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import { networkConformance } from '../conformance/network.ts'
import { seededRandom } from '../kit/seeded-random.ts'

const hub = new MemoryHub({ clock: systemClock, random: seededRandom(1) })

networkConformance(t, {
  name: 'memory',
  create: async ({ secret } = {}) => hub.network(secret === undefined ? {} : { clusterSecret: secret })
})
