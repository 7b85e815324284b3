/** Accounts that are made by a join key: nobody signs in as one, and it is for one pool only. */

import type { Config } from '../../config.ts'
import type { CreateUser, MetadataStore } from '../../metadata-store.ts'
import type { Random } from '../../interfaces.ts'
import type { PoolDeps } from './deps.ts'
import { USER_NAME_LENGTH_MAX } from '../../protocol/limits.ts'
import { userNameKey } from '../../protocol/user-names.ts'
import type { PasswordRecord, SecretHash, UserId } from '../../types.ts'

/** A program is a member of one pool for as long as it lives, so that the first says it. */
export async function isProgram(
  store: Pick<MetadataStore, 'listPools' | 'getMembership'>,
  user: UserId
): Promise<boolean> {
  const [first] = await store.listPools({ user, limit: 1 })
  if (first === undefined) return false
  const membership = await store.getMembership(first.pool.id, user)
  return membership?.member.isProgram === true
}

const SUFFIX_LENGTH = 8

/** The same for each repeat. */
export function suffixed(name: string, user: UserId): string {
  const suffix = `-${user.slice(0, SUFFIX_LENGTH)}`
  return `${name.slice(0, USER_NAME_LENGTH_MAX - suffix.length).trimEnd()}${suffix}`
}

/** An account that stores nothing of its own. */
export const programUser = (
  { id, name, createdAt }: { readonly id: UserId; readonly name: string; readonly createdAt: number },
  { random, config }: Pick<PoolDeps, 'random' | 'config'>
): CreateUser['user'] => ({
  id,
  name,
  nameKey: userNameKey(name),
  role: 'user',
  quotaBytes: 0,
  createdAt,
  password: unusablePassword(random, config.account)
})

/** A hash that was drawn, not computed: nobody knows a tag that has it. It costs what others cost, so that a challenge does not tell it from those. */
const unusablePassword = (random: Random, config: Config['account']): PasswordRecord => ({
  v: 1,
  memoryKiB: config.passwordMemoryKiB,
  passes: config.passwordPasses,
  parallelism: config.passwordLanes,
  salt: Buffer.from(random.bytes(16)).toString('hex'),
  hash: Buffer.from(random.bytes(32)).toString('hex') as SecretHash
})
