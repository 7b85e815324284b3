/** A pool of Ada's, which changes when a test says so; over the controller, as its routes are tested elsewhere. */

import { randomUUID } from 'node:crypto'
import type { PoolId, PoolRole } from '../../src/pools.ts'
import type { UserId } from '../../src/types.ts'
import { SETTINGS } from '../conformance/pool-fixture.ts'
import { register } from './accounts/accounts-kit.ts'
import type { User } from './accounts/accounts-kit.ts'
import type { EdgeCluster } from './edge-cluster.ts'

const HOUR_MS = 3_600_000

export async function adasPool(edges: EdgeCluster) {
  const url = edges.url()
  const ada = await register(url, 'ada')
  const { controller } = (edges.edges[0] ?? (await edges.addEdge())).participant
  const actor = { user: ada.id as UserId, role: 'user' as const }
  const pool = randomUUID() as PoolId
  const times = { frequencyMs: HOUR_MS, windowMs: HOUR_MS, maxAgeMs: 2 * HOUR_MS, toleranceMs: 1000 }
  const kept = { leaseMs: HOUR_MS, filesTtlMs: HOUR_MS, resultTtlMs: HOUR_MS }
  const settings = { ...SETTINGS, ...times, ...kept }
  await controller.call('createPool', { actor, id: pool, name: 'rounds', settings })
  const inPool = { actor, pool }
  return {
    url,
    pool,
    ada,
    path: `/api/pools/${pool}/events`,
    join: async (name: string, role: PoolRole): Promise<User> => {
      const user = await register(url, name)
      await controller.call('addMember', { ...inPool, name, role })
      return user
    },
    rename: async (name: string) => await controller.call('changePool', { ...inPool, name }),
    remove: async ({ id }: User) => await controller.call('removeMember', { ...inPool, user: id as UserId }),
    change: async ({ id }: User, role: PoolRole) =>
      await controller.call('changeMember', { ...inPool, user: id as UserId, role }),
    drop: async () => await controller.call('deletePool', inPool)
  }
}
