/** What `peerbin events` does. */

import type { CliContext } from '../context.ts'
import { say } from '../context.ts'
import { eventPage } from './answers.ts'
import type { EventAnswer } from './answers.ts'
import { isPassing } from '../http/retry.ts'
import type { PeerbinError } from '../../errors.ts'
import { asSentence } from './api.ts'
import type { AccountApi, AccountRequest } from './api.ts'
import { localTime, shown, writeLines } from './tables.ts'

/** One request waits so long for an event, well below what ends a request that stands still. */
const WAIT_S = 20

export interface EventsOptions {
  json?: boolean
  follow?: boolean
  since?: string
  types?: string
  owner?: string
}

/**
 * Everything since the cursor (of what is kept, or with `follow` from now on, where there is none); with `follow` what comes, until it is interrupted.
 * @throws `cursor-expired`
 */
export async function showEvents(
  api: AccountApi,
  options: EventsOptions,
  context: CliContext
): Promise<void> {
  const { follow = false, since, types, owner } = options
  let after = since ?? (follow ? undefined : 'start')
  // where it begins is asked at once: what happens until the first long answer would be missed
  let wait = 0
  for (;;) {
    const query = { format: 'json', after, types, owner, wait }
    const ask = (onWait?: AccountRequest['onWait']) =>
      api.json({ method: 'GET', path: 'api/events', query, onWait }, eventPage)
    const page = wait === 0 ? await ask() : await patiently(ask, context)
    if (options.json === true) writeLines(context, page.events)
    else context.stdout.write(page.events.map((each) => `${lineOf(each)}\n`).join(''))
    after = page.cursor
    if (page.more) continue
    if (!follow) break
    wait = WAIT_S
  }
  if (options.json !== true) say(context, `What comes later: peerbin events --since ${after}`)
}

/** Whoever follows is not sent away by a server that is away for long: nothing is missed by coming back later. */
async function patiently<T>(
  ask: (onWait: AccountRequest['onWait']) => Promise<T>,
  context: CliContext
): Promise<T> {
  let isSaid = false
  // once, and not every few seconds of a night
  const onWait = (why: PeerbinError): void => {
    if (!isSaid) say(context, `${asSentence(why.message)} Trying again until it answers; nothing is missed.`)
    isSaid = true
  }
  for (;;) {
    try {
      const answer = await ask(onWait)
      if (isSaid) say(context, 'it answers again')
      return answer
    } catch (error) {
      if (context.interrupted.aborted || !isPassing(error)) throw error
    }
  }
}

/** `2026-11-22 09:30:12  file.moved  reports/b.pdf  (from reports/a.pdf)  by ada` */
function lineOf({ time, type, subject, data }: EventAnswer): string {
  const text = (field: string): string | undefined => {
    const value = data[field]
    return value === null || value === undefined || value === '' ? undefined : String(value)
  }
  const version = text('version')
  const path = text('path')
  const what =
    path === undefined
      ? (text('name') ?? text('username') ?? subject)
      : path + (version === undefined ? '' : ` (version ${version})`)
  const from = text('old_path')
  const by = text('actor_name')
  return [
    localTime(time, true),
    type,
    what,
    from && `(from ${from})`,
    text('status') ?? text('reason'),
    text('error'),
    by && `by ${by}`
  ]
    .flatMap((cell) => (cell === undefined ? [] : [shown(cell)]))
    .join('  ')
}
