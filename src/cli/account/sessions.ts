/** What `peerbin sessions` does. */

import { PeerbinError } from '../../errors.ts'
import type { CliContext } from '../context.ts'
import { endedSessions, said, sessionList } from './answers.ts'
import type { SessionAnswer } from './answers.ts'
import type { AccountApi } from './api.ts'
import { openAccount } from './session.ts'
import type { AccountOptions } from './session.ts'
import { localTime, shown, tell, writeLines, writeTable } from './tables.ts'

const PATH = 'api/me/sessions'
/** Fewer characters of an id would be a guess. */
const PREFIX_LENGTH_MIN = 4

const sessionsOf = async (api: AccountApi): Promise<readonly SessionAnswer[]> =>
  (await api.json({ method: 'GET', path: PATH }, sessionList)).sessions

export async function listSessions(options: AccountOptions, context: CliContext): Promise<void> {
  const sessions = await sessionsOf(await openAccount(options, context))
  if (options.json === true) return writeLines(context, sessions)
  const time = (at: string | number | null | undefined): string =>
    at === null || at === undefined ? '' : localTime(at)
  writeTable(
    context,
    ['SESSION', 'SINCE', 'LAST USED', 'EXPIRES', 'PROGRAM'],
    sessions.map((each) => [
      shown(each.session_id),
      time(each.created_at),
      time(each.last_used_at),
      time(each.expires_at),
      shown(each.name) + (each.current === true ? ' (this one)' : '')
    ])
  )
}

export interface EndSessionsOptions extends AccountOptions {
  others?: boolean
}

/** @param ids or beginnings of them that only one session has */
export async function endSessions(
  ids: readonly string[],
  options: EndSessionsOptions,
  context: CliContext
): Promise<void> {
  if (ids.length > 0 === (options.others === true))
    throw new PeerbinError('usage', 'name the sessions that are to end, or give --others')
  const api = await openAccount(options, context)
  if (options.others === true) {
    const { ended, message } = await api.json({ method: 'DELETE', path: PATH }, endedSessions)
    const text = ended === 1 ? '1 other session has ended' : `${ended} other sessions have ended`
    return tell(options, context, { ended, message }, text)
  }
  const all = await sessionsOf(api)
  for (const meant of ids.map((id) => sessionOf(all, id))) {
    const path = `${PATH}/${encodeURIComponent(meant.session_id)}`
    const { message } = await api.json({ method: 'DELETE', path }, said)
    const { session_id: id, name, current } = meant
    const own = current === true ? ', and with it what this command line is signed in by' : ''
    tell(options, context, { session_id: id, name, message }, `${shown(id)}: ended${own}`)
  }
}

/** @throws `session-unknown`, `usage` */
function sessionOf(all: readonly SessionAnswer[], id: string): SessionAnswer {
  const wanted = id.toLowerCase()
  const meant = all.filter(({ session_id: each }) =>
    wanted.length < PREFIX_LENGTH_MIN ? each === wanted : each.startsWith(wanted)
  )
  const [only] = meant
  if (only === undefined)
    throw new PeerbinError('session-unknown', `there is no session ${shown(id)}; see \`peerbin sessions\``)
  if (meant.length > 1)
    throw new PeerbinError('usage', `several sessions begin with ${shown(id)}; give more of the id`)
  return only
}
