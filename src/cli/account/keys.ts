/** What `peerbin keys` does. */

import { PeerbinError } from '../../errors.ts'
import { say } from '../context.ts'
import type { CliContext } from '../context.ts'
import { keyList, newKey, said } from './answers.ts'
import type { AccountApi } from './api.ts'
import { openAccount } from './session.ts'
import type { AccountOptions } from './session.ts'
import { localTime, shown, tell, writeLines, writeTable } from './tables.ts'

export async function listKeys(options: AccountOptions, context: CliContext): Promise<void> {
  const { keys } = await keysOf(await openAccount(options, context))
  if (options.json === true) return writeLines(context, keys)
  const time = (at: string | number | null | undefined, none: string): string =>
    at === null || at === undefined ? none : localTime(at)
  writeTable(
    context,
    ['KEY', 'NAME', 'SCOPES', 'CREATED', 'LAST USED', 'EXPIRES'],
    keys.map((each) => [
      shown(each.key_id),
      shown(each.name),
      shown(each.scopes.join(',')),
      time(each.created_at, ''),
      time(each.last_used_at, 'never'),
      time(each.expires_at, 'never')
    ])
  )
}

const keysOf = async (api: AccountApi) => await api.json({ method: 'GET', path: 'api/me/keys' }, keyList)

export interface CreateKeyOptions extends AccountOptions {
  scope: readonly string[]
  expires?: number
}

/** Prints the key, and nothing else, on standard output: it is told this once. */
export async function createKey(name: string, options: CreateKeyOptions, context: CliContext): Promise<void> {
  const api = await openAccount(options, context)
  const { expires, scope: scopes } = options
  const body = {
    name,
    scopes,
    ...(expires !== undefined && { expires_in: Math.round(expires / 1000) })
  }
  const answer = await api.json({ method: 'POST', path: 'api/me/keys', body }, newKey)
  tell(options, context, answer, answer.key)
  say(context, 'nobody can show this key again: keep it where only its program reads it')
}

/** @param names ids, or names that only one key has */
export async function revokeKeys(
  names: readonly string[],
  options: AccountOptions,
  context: CliContext
): Promise<void> {
  const api = await openAccount(options, context)
  const { keys } = await keysOf(api)
  for (const name of names) {
    const meant = keys.filter((each) => each.key_id === name || each.name === name)
    const [only] = meant
    if (only === undefined)
      throw new PeerbinError('session-unknown', `there is no key ${shown(name)}; see \`peerbin keys list\``)
    if (meant.length > 1)
      throw new PeerbinError('usage', `${shown(name)} is the name of several keys; give the id of one`)
    const { message } = await api.json(
      { method: 'DELETE', path: `api/me/keys/${encodeURIComponent(only.key_id)}` },
      said
    )
    tell(options, context, { key_id: only.key_id, name: only.name, message }, `${shown(only.name)}: revoked`)
  }
}
