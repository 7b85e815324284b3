/** Who may do what in a pool. */

import { ERRORS, PeerbinError } from '../../errors.ts'
import type { PoolMember, PoolRecord, PoolRole } from '../../pools.ts'
import type { PoolId } from '../../pools.ts'
import type { MetadataStore } from '../../metadata-store.ts'
import { mustHave } from '../accounts/actors.ts'
import type { Actor } from '../accounts/actors.ts'
import type { PoolOp } from './deps.ts'

const EVERYBODY = ['owner', 'producer', 'listener', 'server'] as const
const OWNERS = ['owner'] as const
const PRODUCERS = ['producer'] as const
const SERVERS = ['server'] as const
const WORKING = ['owner', 'server'] as const

/**
 * For every message about one pool the roles that may send it. Where only some of what there is may be seen or done, the services say so: listMembers (others than owners and servers see
 * owners and themselves), removeMember (others than owners only themselves), getBatch, getBatchFile, commitBatch and abandonBatch (producers only their own), openPoolFile (producers and
 * listeners results, and what they sent).
 */
export const POOL_RIGHTS = {
  getPool: EVERYBODY,
  changePool: OWNERS,
  deletePool: OWNERS,
  listMembers: EVERYBODY,
  addMember: OWNERS,
  changeMember: OWNERS,
  removeMember: EVERYBODY,
  createJoinKey: OWNERS,
  listJoinKeys: OWNERS,
  deleteJoinKey: OWNERS,
  openBatch: PRODUCERS,
  declareFiles: PRODUCERS,
  getBatch: ['owner', 'producer', 'server'],
  getBatchFile: PRODUCERS,
  commitBatch: PRODUCERS,
  abandonBatch: ['owner', 'producer'],
  listGroups: EVERYBODY,
  getGroup: EVERYBODY,
  listGroupFiles: WORKING,
  listGroupProducers: WORKING,
  openPoolFile: EVERYBODY,
  closeGroup: WORKING,
  leaseGroup: SERVERS,
  renewLease: SERVERS,
  finishGroup: SERVERS,
  failGroup: SERVERS,
  retryGroup: WORKING
} as const satisfies Partial<Record<PoolOp, readonly PoolRole[]>>

/** Messages about one pool. The others (createPool, listPools, findJoinKey, joinPool) need no membership. */
export type PoolRightsOp = keyof typeof POOL_RIGHTS

/** Somebody who may do what they ask for. */
export interface Admitted {
  readonly actor: Actor
  readonly pool: PoolRecord
  /** Undefined: an administrator who is no member. */
  readonly member: PoolMember | undefined
  /** Whether they count as one of these: an administrator is an owner beside what they are. */
  readonly is: (...roles: readonly PoolRole[]) => boolean
}

/** A key without the scope has no pools at all. @throws `permission-denied` */
export const mustHavePools = (actor: Actor): void => mustHave(actor, ['pools'])

/** Any member of the pool, or an administrator. @throws `pool-unknown` for everybody else; `permission-denied` for a key without the scope */
export async function admitted(
  store: Pick<MetadataStore, 'getMembership' | 'getPool'>,
  actor: Actor,
  id: PoolId
): Promise<Admitted> {
  mustHavePools(actor)
  const membership = actor.user === null ? undefined : await store.getMembership(id, actor.user)
  const isAdmin = actor.role === 'admin'
  const pool = membership?.pool ?? (isAdmin ? await store.getPool(id) : undefined)
  if (pool === undefined) throw new PeerbinError('pool-unknown')
  const member = membership?.member
  const is = (...roles: readonly PoolRole[]): boolean =>
    (isAdmin && roles.includes('owner')) || (member !== undefined && roles.includes(member.role))
  return { actor, pool, member, is }
}

const deniedTo = ({ member }: Admitted, roles: readonly PoolRole[]): string =>
  `${ERRORS['permission-denied'].text} This is for ${roles.map((role) => `${role}s`).join(' and ')} of the pool, and you are ${
    member === undefined ? 'no member' : `${member.role === 'owner' ? 'an' : 'a'} ${member.role}`
  }.`

/** @throws as `admitted`, and `permission-denied` where the role does not allow it */
export async function admit(
  store: Pick<MetadataStore, 'getMembership' | 'getPool'>,
  op: PoolRightsOp,
  { actor, pool }: { readonly actor: Actor; readonly pool: PoolId }
): Promise<Admitted> {
  const who = await admitted(store, actor, pool)
  const roles: readonly PoolRole[] = POOL_RIGHTS[op]
  if (!who.is(...roles)) throw new PeerbinError('permission-denied', deniedTo(who, roles))
  return who
}
