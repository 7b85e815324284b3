/** What `peerbin pool join`, `leave`, `invite`, `keys`, `members`, `add`, `role` and `remove` do. */

import { hasCode, PeerbinError } from '../../errors.ts'
import { joinKeyList, member as memberAnswer, newJoinKey } from '../../pool-client/answers.ts'
import type { PoolMemberAnswer } from '../../pool-client/answers.ts'
import { PoolClient } from '../../pool-client/pool-client.ts'
import type { PoolRole } from '../../pools.ts'
import { readCredentials, serverKey } from '../account/credentials.ts'
import { namedServer, openAccount } from '../account/session.ts'
import type { AccountOptions } from '../account/session.ts'
import { localTime, shown, tell, writeLines, writeTable } from '../account/tables.ts'
import { say } from '../context.ts'
import type { CliContext } from '../context.ts'
import { below } from '../push/target.ts'
import { keepMembership } from './memberships.ts'
import { openPool, seams } from './open-pool.ts'

export interface JoinCommandOptions extends AccountOptions {
  name?: string
  program?: boolean
  printToken?: boolean
}

/** @param given a key, or the address that an owner gave away */
export async function joinPool(
  given: string,
  options: JoinCommandOptions,
  context: CliContext
): Promise<void> {
  const server = await serverOf(given, options, context)
  const token = options.program === true ? undefined : await tokenAt(server, context)
  const joined = await PoolClient.join({
    server,
    key: given,
    ...(token !== undefined && { token }),
    ...(options.name !== undefined && { name: options.name }),
    ...seams(context),
    signal: context.interrupted
  })
  const { pool, member, token: made } = joined
  if (options.printToken !== true)
    await keepMembership(
      pool.pool,
      {
        server: serverKey(server),
        name: pool.name,
        role: member.role,
        user: member.user,
        userName: member.name,
        token: made ?? null
      },
      context
    )
  if (options.printToken === true && typeof made === 'string')
    return tell(options, context, { ...joined, server: server.href }, made)
  const record = {
    pool: pool.pool,
    name: pool.name,
    role: member.role,
    member: member.name,
    server: server.href
  }
  tell(options, context, record, `joined ${shown(pool.name)} as ${member.role} (${shown(member.name)})`)
}

/** An address says which server; a key alone does not. */
async function serverOf(given: string, options: AccountOptions, context: CliContext): Promise<URL> {
  const named = namedServer(options, context)
  if (named !== undefined) return named
  const page = URL.canParse(given) ? new URL(given) : undefined
  if (page !== undefined && /^https?:$/.test(page.protocol)) {
    const below = page.pathname.replace(/pools\/join\/?$/, '')
    return new URL(below === '' ? '/' : below, page.origin)
  }
  const { default: key } = await readCredentials(context)
  if (key !== null) return new URL(key)
  throw new PeerbinError(
    'usage',
    'say at which server: --server URL, or give the whole address of the invitation'
  )
}

async function tokenAt(server: URL, context: CliContext): Promise<string | undefined> {
  try {
    const api = await openAccount({ server }, context)
    return api.authorization['authorization']?.replace(/^Bearer /, '')
  } catch (error) {
    // without an account it is a program that joins
    if (hasCode(error, 'credentials-missing')) return undefined
    throw error
  }
}

export async function leavePool(ref: string, options: AccountOptions, context: CliContext): Promise<void> {
  const { client, id, name } = await openPool(ref, options, context)
  await client.tell('DELETE', 'members/me', { signal: context.interrupted })
  await keepMembership(id, null, context)
  tell(options, context, { pool: id, left: true }, `${shown(name)}: left`)
}

export interface InviteOptions extends AccountOptions {
  role: PoolRole
  expires?: number
  uses?: number
}

/** Prints the address to give away, and nothing else, on standard output: the key in it is told this once. */
export async function invite(ref: string, options: InviteOptions, context: CliContext): Promise<void> {
  const { client } = await openPool(ref, options, context)
  const { role, expires, uses } = options
  const json = {
    role,
    ...(expires !== undefined && { expires_s: Math.round(expires / 1000) }),
    ...(uses !== undefined && { uses })
  }
  const made = await client.order('POST', 'join-keys', json, newJoinKey, { signal: context.interrupted })
  const url = URL.canParse(made.url)
    ? made.url
    : below(client.http.server, made.url.replace(/^\//, '').split('#')[0] ?? '').href + `#${made.key}`
  tell(options, context, { ...made, url }, url)
  if (options.json !== true)
    say(
      context,
      `whoever has it joins as ${made.role} until ${localTime(made.expires_at)}: peerbin pool join '${made.key}' --server ${client.http.server.href}`
    )
}

export async function listJoinKeys(ref: string, options: AccountOptions, context: CliContext): Promise<void> {
  const { client } = await openPool(ref, options, context)
  const { keys } = await client.ask('join-keys', joinKeyList, { signal: context.interrupted })
  if (options.json === true) return writeLines(context, keys)
  writeTable(
    context,
    ['KEY', 'ROLE', 'USED', 'CREATED', 'EXPIRES'],
    keys.map((key) => [
      shown(key.id),
      key.role,
      `${key.uses}${key.uses_max === null ? '' : ` of ${key.uses_max}`}`,
      localTime(key.created_at),
      localTime(key.expires_at)
    ])
  )
}

export async function removeJoinKey(
  ref: string,
  key: string,
  options: AccountOptions,
  context: CliContext
): Promise<void> {
  const { client } = await openPool(ref, options, context)
  await client.tell('DELETE', `join-keys/${encodeURIComponent(key)}`, { signal: context.interrupted })
  tell(options, context, { id: key, deleted: true }, `${shown(key)}: ended`)
}

export interface MembersOptions extends AccountOptions {
  role?: PoolRole
  silent?: boolean
}

export async function listMembers(ref: string, options: MembersOptions, context: CliContext): Promise<void> {
  const { client } = await openPool(ref, options, context)
  const { role, silent } = options
  const found: PoolMemberAnswer[] = []
  const query = { ...(role !== undefined && { role }), ...(silent !== undefined && { silent }) }
  for await (const each of client.members({ ...query, signal: context.interrupted })) {
    if (options.json === true) writeLines(context, [each])
    else found.push(each)
  }
  writeTable(
    context,
    ['NAME', 'ROLE', 'JOINED', 'LAST SENT', 'SILENT SINCE', 'USER'],
    found.map((each) => [
      shown(each.name),
      each.role,
      localTime(each.joined_at),
      each.last_sent_at === null ? '' : localTime(each.last_sent_at),
      each.silent_since === null ? '' : localTime(each.silent_since),
      each.user
    ])
  )
}

export async function addMember(
  ref: string,
  name: string,
  options: AccountOptions & { role: PoolRole },
  context: CliContext
): Promise<void> {
  const { client } = await openPool(ref, options, context)
  const json = { name, role: options.role }
  const added = await client.order('POST', 'members', json, memberAnswer, { signal: context.interrupted })
  tell(options, context, added, `${shown(added.name)}: ${added.role}`)
}

export async function changeRole(
  ref: string,
  name: string,
  role: PoolRole,
  options: AccountOptions,
  context: CliContext
): Promise<void> {
  const { client } = await openPool(ref, options, context)
  const { user } = await memberNamed(client, name, context)
  const changed = await client.order('PATCH', `members/${user}`, { role }, memberAnswer, {
    signal: context.interrupted
  })
  tell(options, context, changed, `${shown(changed.name)}: ${changed.role}`)
}

export async function removeMembers(
  ref: string,
  names: readonly string[],
  options: AccountOptions,
  context: CliContext
): Promise<void> {
  const { client } = await openPool(ref, options, context)
  for (const name of names) {
    const member = await memberNamed(client, name, context)
    await client.tell('DELETE', `members/${member.user}`, { signal: context.interrupted })
    tell(
      options,
      context,
      { user: member.user, name: member.name, removed: true },
      `${shown(member.name)}: removed`
    )
  }
}

async function memberNamed(client: PoolClient, name: string, context: CliContext): Promise<PoolMemberAnswer> {
  for await (const each of client.members({ signal: context.interrupted }))
    if (each.user === name || each.name === name) return each
  throw new PeerbinError('member-unknown', `there is no member ${shown(name)} in this pool`)
}
