/** Which pool a command means, at which server, and as whom. */

import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { hasCode, PeerbinError } from '../../errors.ts'
import { poolList } from '../../pool-client/answers.ts'
import type { PoolAnswer } from '../../pool-client/answers.ts'
import { httpOf, PoolClient } from '../../pool-client/pool-client.ts'
import type { PoolHttp } from '../../pool-client/http.ts'
import { validated } from '../account/answers.ts'
import type { AccountApi } from '../account/api.ts'
import { serverKey } from '../account/credentials.ts'
import { stateFolder } from '../account/private-file.ts'
import { namedServer, openAccount } from '../account/session.ts'
import type { AccountOptions } from '../account/session.ts'
import { shown } from '../account/tables.ts'
import type { CliContext } from '../context.ts'
import { keepMembership, readMemberships } from './memberships.ts'
import type { Membership } from './memberships.ts'

const UUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i

export interface OpenedPool {
  readonly client: PoolClient
  readonly id: string
  /** As it was called when this machine last heard. */
  readonly name: string
  /** Where what waits for it stands. */
  readonly queueFolder: string
}

/** The account of `login`, or of the environment, for what is about no single pool. */
export async function openServer(
  options: AccountOptions,
  context: CliContext
): Promise<{ api: AccountApi; http: PoolHttp; token: string }> {
  const api = await openAccount(options, context)
  const token = tokenOf(api)
  return { api, token, http: httpOf({ server: api.server, ...seams(context) }, token) }
}

/**
 * A pool by its id or name: one that this machine has joined, or one of the account. Needs no server when this machine knows it.
 * @throws `pool-unknown`, `credentials-missing`, `usage` for a name of several
 */
export async function openPool(
  ref: string,
  options: AccountOptions,
  context: CliContext
): Promise<OpenedPool> {
  const known = await knownPool(ref, options, context)
  const isGiven = (context.env['PEERBIN_TOKEN'] ?? '').trim() !== ''
  if (known !== undefined && !isGiven) {
    const { id, membership } = known
    // its token goes elsewhere only if somebody says so here and now: the environment may mean another account
    const server = options.server ?? new URL(membership.server)
    const token = membership.token ?? tokenOf(await openAccount({ ...options, server }, context))
    return opened({ id, name: membership.name, server, token, who: membership.user }, context)
  }
  const { api, http, token } = await serverFor(ref, options, context)
  const { id, name, user } = await askedPool(ref, known?.id, { api, http }, isGiven, context)
  return opened({ id, name, server: api.server, token, who: user ?? hashed(token) }, context)
}

/** Where nobody is signed in, the pool is what is wrong. */
async function serverFor(
  ref: string,
  options: AccountOptions,
  context: CliContext
): ReturnType<typeof openServer> {
  try {
    return await openServer(options, context)
  } catch (error) {
    if (!hasCode(error, 'credentials-missing')) throw error
    throw new PeerbinError(
      'pool-unknown',
      `this machine has joined no pool ${shown(ref)} (\`peerbin pool join KEY\`), and nobody is signed in here who could have one (\`peerbin login\`)`,
      { cause: error }
    )
  }
}

interface Opening {
  id: string
  name: string
  server: URL
  token: string
  who: string
}

function opened({ id, name, server, token, who }: Opening, context: CliContext): OpenedPool {
  const client = new PoolClient({ server, token, pool: id, ...seams(context) })
  return { client, id, name, queueFolder: join(stateFolder(context), 'pools', `${id}-${who}`) }
}

export const seams = ({
  clock,
  random
}: CliContext): { clock: CliContext['clock']; random: CliContext['random'] } => ({
  clock,
  random
})

async function knownPool(
  ref: string,
  options: AccountOptions,
  context: CliContext
): Promise<{ id: string; membership: Membership } | undefined> {
  const named = namedServer(options, context)
  const all = Object.entries(await readMemberships(context))
  // an edge may be called by several names: what is meant by its id is meant wherever it is
  const byId = all.find(([id]) => id === ref.toLowerCase())
  const byName = all.filter(([, { name }]) => name === ref)
  const here = byName.filter(([, { server }]) => named !== undefined && server === serverKey(named))
  const found = byId !== undefined ? [byId] : byName.length > 1 && here.length > 0 ? here : byName
  if (found.length > 1)
    throw new PeerbinError(
      'usage',
      `${shown(ref)} is the name of several pools; give the id of one: \`peerbin pool ls\``
    )
  const [only] = found
  return only === undefined ? undefined : { id: only[0], membership: only[1] }
}

/** By asking the server; what it says is kept, for when it is away. */
async function askedPool(
  ref: string,
  known: string | undefined,
  { api, http }: { api: AccountApi; http: PoolHttp },
  isGiven: boolean,
  context: CliContext
): Promise<{ id: string; name: string; user?: string }> {
  if (isGiven) {
    // nothing of a token of the environment is written down
    if (UUID.test(ref)) return { id: ref.toLowerCase(), name: ref }
    if (known !== undefined) return { id: known, name: ref }
  }
  const found: PoolAnswer[] = []
  for await (const pool of allPools(http, context))
    if (pool.pool === ref.toLowerCase() || pool.name === ref) found.push(pool)
  const byId = found.filter(({ pool }) => pool === ref.toLowerCase())
  const [only, another] = byId.length > 0 ? byId : found
  if (only === undefined)
    throw new PeerbinError('pool-unknown', `you are in no pool ${shown(ref)}: \`peerbin pool ls\` lists them`)
  if (another !== undefined)
    throw new PeerbinError(
      'usage',
      `${shown(ref)} is the name of several pools; give the id of one: \`peerbin pool ls\``
    )
  if (isGiven) return { id: only.pool, name: only.name }
  const { user_id: user, username: userName } = await api.json(
    { method: 'GET', path: 'api/validate' },
    validated
  )
  const server = serverKey(api.server)
  await keepMembership(
    only.pool,
    { server, name: only.name, role: only.role ?? null, user, userName, token: null },
    context
  )
  return { id: only.pool, name: only.name, user }
}

/** Pools of the account; for administrators also all. */
export async function* allPools(
  http: PoolHttp,
  { interrupted: signal }: CliContext,
  query: { all?: boolean } = {}
): AsyncGenerator<PoolAnswer, void, undefined> {
  let after: string | undefined
  do {
    const request = {
      method: 'GET',
      path: 'api/pools',
      query: { after, limit: 100, all: query.all === true ? true : undefined },
      signal
    } as const
    const page = await http.jsonRetrying(request, poolList, { limitMs: ASK_MS })
    yield* page.pools
    if (page.next !== null && page.next === after)
      throw new PeerbinError('protocol-violation', 'the list does not go on')
    after = page.next ?? undefined
  } while (after !== undefined)
}
const ASK_MS = 20_000

const hashed = (token: string): string => createHash('sha256').update(token).digest('hex').slice(0, 32)

const tokenOf = (api: AccountApi): string => api.authorization['authorization']?.replace(/^Bearer /, '') ?? ''

/** What can be done about it, where the server cannot know. */
export function explained(error: unknown): unknown {
  if (hasCode(error, 'credentials-invalid', 'credentials-missing') && !error.message.includes('peerbin '))
    return new PeerbinError(
      error.code,
      `${error.message} (the account: \`peerbin login\`; a program: \`peerbin pool join KEY\` again; or PEERBIN_TOKEN)`,
      { cause: error }
    )
  return error
}
