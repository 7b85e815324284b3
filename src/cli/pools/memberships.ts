/** Pools that this user of this machine has joined, so that files can be queued for them while no server can be asked; programs' tokens among them. */

import { join } from 'node:path'
import { z } from 'zod'
import { POOL_ROLES } from '../../pools.ts'
import { configFolder, readPrivate, writePrivate } from '../account/private-file.ts'
import type { CliContext } from '../context.ts'

const membership = z.object({
  server: z.url(),
  name: z.string(),
  role: z.enum(POOL_ROLES).nullable(),
  user: z.string(),
  userName: z.string(),
  /** Of a program; null: the account's, as `peerbin login` keeps it. */
  token: z.string().min(1).nullable()
})
export type Membership = z.output<typeof membership>

const schema = z.object({ version: z.literal(1), pools: z.record(z.uuid(), membership) })

const pathOf = (context: Pick<CliContext, 'env'>): string => join(configFolder(context), 'pools.json')

/** By pool. @throws `local-file` as readCredentials */
export async function readMemberships(
  context: Pick<CliContext, 'env'>
): Promise<Readonly<Record<string, Membership>>> {
  const stored = await readPrivate(pathOf(context), schema, 'delete it, and join the pools again')
  return stored?.pools ?? {}
}

/** @param changed null: it is forgotten */
export async function keepMembership(
  pool: string,
  changed: Membership | null,
  context: Pick<CliContext, 'env' | 'random'>
): Promise<void> {
  const { [pool]: before, ...others } = await readMemberships(context)
  if (changed === null && before === undefined) return
  const pools = changed === null ? others : { ...others, [pool]: changed }
  await writePrivate(pathOf(context), { version: 1, pools }, context.random)
}
