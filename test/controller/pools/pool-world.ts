/** Pools over metadata in memory, on a clock that a test moves, with somebody of each kind. */

import type { Test } from 'tap'
import { parseConfig } from '../../../src/config.ts'
import type { ConfigInput } from '../../../src/config.ts'
import { createPools } from '../../../src/controller/pools/pools.ts'
import type { PoolOp, Pools } from '../../../src/controller/pools/pools.ts'
import { StoreTime } from '../../../src/controller/store-time.ts'
import { MemoryMetadataStore } from '../../../src/metadata/memory-metadata-store.ts'
import type { PoolId, PoolSettings } from '../../../src/pools.ts'
import type { PoolMessages, RequestOf, ResponseOf } from '../../../src/protocol/messages.ts'
import type { Scope, UserId } from '../../../src/types.ts'
import { addUser, userId } from '../../conformance/account-fixture.ts'
import { POOL, SETTINGS, addMember } from '../../conformance/pool-fixture.ts'
import { START } from '../../conformance/metadata-fixture.ts'
import { ManualClock } from '../../kit/manual-clock.ts'
import { seededRandom } from '../../kit/seeded-random.ts'

export const PEOPLE = ['olga', 'paul', 'lisa', 'sam', 'ada', 'nora'] as const
/** An owner, a producer, a listener, a server; an administrator and somebody else who are no members. */
export type Person = (typeof PEOPLE)[number]

export const MINUTE_MS = 60_000
export const HOUR_MS = 60 * MINUTE_MS
/** As the wire would let them through; windows are of a minute. */
export const POOL_SETTINGS: PoolSettings = {
  ...SETTINGS,
  frequencyMs: MINUTE_MS,
  windowMs: MINUTE_MS,
  graceMs: 1000,
  toleranceMs: 5000,
  maxAgeMs: HOUR_MS,
  leaseMs: 10_000,
  filesTtlMs: HOUR_MS,
  resultTtlMs: HOUR_MS
}

type Request<K extends PoolOp> = RequestOf<PoolMessages, K>
type Response<K extends PoolOp> = ResponseOf<PoolMessages, K>

export class PoolWorld {
  readonly clock = new ManualClock(START)
  readonly store = new MemoryMetadataStore()
  readonly time = new StoreTime(this.clock)
  readonly config
  readonly pools: Pools
  /** How often something had to be safe, and of what time. */
  readonly covered: Array<number | undefined> = []
  /** In place of the nodes: resolves when they have it. */
  cover = async (_signal: AbortSignal): Promise<void> => {}
  ended = 0

  constructor(config: ConfigInput = {}) {
    this.config = parseConfig(config)
    this.time.resume(0, 0)
    this.pools = createPools({
      store: this.store,
      time: this.time,
      clock: this.clock,
      random: seededRandom(9),
      config: this.config,
      snapshots: {
        covered: async (signal, at) => {
          this.covered.push(at)
          await this.cover(signal)
        }
      },
      onEnded: () => void this.ended++
    })
  }

  static async start(t: Test, config: ConfigInput = {}): Promise<PoolWorld> {
    const world = new PoolWorld(config)
    await world.store.open()
    t.teardown(() => world.store.close())
    await world.store.renewEventsEpoch('k3v9x2m1')
    for (const name of PEOPLE) await addUser(world.store, name, { role: name === 'ada' ? 'admin' : 'user' })
    await world.call('olga', 'createPool', { id: POOL, name: 'bees', settings: POOL_SETTINGS })
    world.covered.length = 0
    await addMember(world.store, 'paul', 'producer')
    await addMember(world.store, 'lisa', 'listener')
    await addMember(world.store, 'sam', 'server')
    return world
  }

  /** What an edge would ask for somebody; `pool` is the world's where it is not said. */
  async call<K extends PoolOp>(
    who: Person | UserId,
    op: K,
    message: Omit<Request<K>, 'actor' | 'pool'> & { pool?: PoolId; actor?: undefined },
    { scopes, signal = new AbortController().signal }: { scopes?: Scope[]; signal?: AbortSignal } = {}
  ): Promise<Response<K>> {
    const user = PEOPLE.find((name) => name === who) === undefined ? (who as UserId) : userId(who)
    const actor = { user, role: who === 'ada' ? 'admin' : 'user', scopes }
    const handler = this.pools.handlers[op] as (message: unknown, signal: AbortSignal) => Promise<Response<K>>
    return await handler({ pool: POOL, ...message, actor }, signal)
  }
}
