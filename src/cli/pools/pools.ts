/** What `peerbin pool create`, `ls`, `show`, `set`, `archive` and `delete` do. */

import { PeerbinError } from '../../errors.ts'
import { pool as poolAnswer } from '../../pool-client/answers.ts'
import type { PoolAnswer } from '../../pool-client/answers.ts'
import { validated } from '../account/answers.ts'
import { serverKey } from '../account/credentials.ts'
import type { AccountOptions } from '../account/session.ts'
import { localTime, shown, tell, writeLines, writeTable } from '../account/tables.ts'
import { say } from '../context.ts'
import type { CliContext } from '../context.ts'
import { formatBytes } from '../progress.ts'
import { keepMembership, readMemberships } from './memberships.ts'
import { allPools, openPool, openServer } from './open-pool.ts'
import { settingsOf, settingsText, span } from './settings.ts'
import type { SettingsOptions } from './settings.ts'

export type CreateOptions = AccountOptions & SettingsOptions

export async function createPool(name: string, options: CreateOptions, context: CliContext): Promise<void> {
  const { api, http } = await openServer(options, context)
  const settings = settingsOf(options)
  const json = { name, ...(settings !== undefined && { settings }) }
  const request = { method: 'POST', path: 'api/pools', json, signal: context.interrupted } as const
  const made = await http.json(request, poolAnswer)
  if (api.source === 'stored') {
    const { user_id: user, username: userName } = await api.json(
      { method: 'GET', path: 'api/validate' },
      validated
    )
    const server = serverKey(api.server)
    await keepMembership(
      made.pool,
      { server, name: made.name, role: 'owner', user, userName, token: null },
      context
    )
  }
  tell(options, context, made, made.pool)
  if (options.json !== true) {
    for (const line of settingsText(made.settings)) say(context, line)
    say(context, `members join by a key: peerbin pool invite ${made.pool} --role producer`)
  }
}

export interface ListOptions extends AccountOptions {
  all?: boolean
}

/** Those of the account; where nobody has signed in, those that this machine has joined. */
export async function listPools(options: ListOptions, context: CliContext): Promise<void> {
  const memberships = await readMemberships(context)
  const found: PoolAnswer[] = []
  const rows: string[][] = []
  const seen = new Set<string>()
  for (const [id, { name, role, server, token }] of Object.entries(memberships)) {
    if (token === null || options.all === true) continue
    seen.add(id)
    if (options.json === true) writeLines(context, [{ pool: id, name, role, server }])
    rows.push([id, shown(name), role ?? '', '', '', server])
  }
  const account = await openServer(options, context).catch((error: unknown) => {
    if (rows.length === 0) throw error
    return undefined
  })
  if (account !== undefined)
    for await (const each of allPools(account.http, context, { all: options.all === true }))
      if (!seen.has(each.pool)) found.push(each)
  if (options.json === true) return writeLines(context, found)
  writeTable(
    context,
    ['POOL', 'NAME', 'ROLE', 'MEMBERS', 'EVERY', 'STATE OR SERVER'],
    [
      ...found.map(({ pool, name, role, members, settings, state }) => [
        pool,
        shown(name),
        role ?? '-',
        String(members),
        span(settings.frequency_s),
        state
      ]),
      ...rows
    ]
  )
}

export async function showPool(ref: string, options: AccountOptions, context: CliContext): Promise<void> {
  const { client } = await openPool(ref, options, context)
  const about = await client.about({ signal: context.interrupted })
  if (options.json === true) return writeLines(context, [about])
  const { used_bytes: used, quota_bytes: quota } = about
  const lines = [
    `${shown(about.name)} (${about.state}), ${about.pool}`,
    `you: ${about.role ?? 'administrator, no member'}; ${about.members} members; changed ${localTime(about.changed_at)}`,
    ...settingsText(about.settings),
    `space: ${formatBytes(used ?? 0)}${quota === null || quota === undefined ? '' : ` of ${formatBytes(quota)}`}`
  ]
  context.stdout.write(`${lines.join('\n')}\n`)
}

export interface ChangeOptions extends CreateOptions {
  name?: string
  quota?: number | 'none'
}

export async function changePool(ref: string, options: ChangeOptions, context: CliContext): Promise<void> {
  const settings = settingsOf(options)
  const { name, quota } = options
  if (settings === undefined && name === undefined && quota === undefined)
    throw new PeerbinError('usage', 'nothing to change was given; see `peerbin pool set --help`')
  const { client } = await openPool(ref, options, context)
  const { interrupted: signal } = context
  // conditional on what is there now: of two owners at once one is told
  const { revision } = await client.about({ signal })
  const change = {
    revision,
    ...(settings !== undefined && { settings }),
    ...(name !== undefined && { name }),
    ...(quota !== undefined && { quota_bytes: quota === 'none' ? null : quota })
  }
  const changed = await client.order('PATCH', '', change, poolAnswer, { signal })
  await rename(changed, context)
  tell(options, context, changed, `${shown(changed.name)}: ${settingsText(changed.settings).join('\n  ')}`)
}

async function rename({ pool, name }: PoolAnswer, context: CliContext): Promise<void> {
  const known = (await readMemberships(context))[pool]
  if (known !== undefined && known.name !== name) await keepMembership(pool, { ...known, name }, context)
}

export async function archivePool(
  ref: string,
  options: AccountOptions & { undo?: boolean },
  context: CliContext
): Promise<void> {
  const { client } = await openPool(ref, options, context)
  const state = options.undo === true ? 'active' : 'archived'
  const changed = await client.order('PATCH', '', { state }, poolAnswer, { signal: context.interrupted })
  tell(options, context, changed, `${shown(changed.name)}: ${changed.state}`)
}

/** All that is in it goes: somebody has to mean it. */
export async function deletePool(
  ref: string,
  options: AccountOptions & { yes?: boolean },
  context: CliContext
): Promise<void> {
  const { client, name, id } = await openPool(ref, options, context)
  if (options.yes !== true) {
    if (context.stdin.isTTY !== true)
      throw new PeerbinError('usage', 'its files and results go with it: say --yes if that is meant')
    const typed = await context.stdin.ask(`All files and results of ${shown(name)} go. Type its name: `, true)
    if (typed.trim() !== name) throw new PeerbinError('usage', 'that is not its name: nothing was deleted')
  }
  await client.tell('DELETE', '', { signal: context.interrupted })
  await keepMembership(id, null, context)
  tell(options, context, { pool: id, deleted: true }, `${shown(name)}: deleted`)
}
