import t from 'tap'
import { MemoryHub } from '../../src/network/memory-network.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import { rpcConformance } from '../conformance/rpc.ts'
import { seededRandom } from '../kit/seeded-random.ts'

const hub = new MemoryHub({ clock: systemClock, random: seededRandom(2) })

rpcConformance(t, { name: 'memory', create: async () => hub.network() })
