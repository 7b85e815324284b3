/** What `peerbin webhooks` does. */

import { z } from 'zod'
import { PeerbinError } from '../../errors.ts'
import { FailedQuietly } from '../failed-quietly.ts'
import { say } from '../context.ts'
import type { CliContext } from '../context.ts'
import { said } from './answers.ts'
import type { AccountApi } from './api.ts'
import { openAccount } from './session.ts'
import type { AccountOptions } from './session.ts'
import { localTime, shown, tell, writeLines, writeTable } from './tables.ts'

const webhook = z.looseObject({
  webhook_id: z.string(),
  url: z.string(),
  types: z.array(z.string()).default([]),
  description: z.string().default(''),
  state: z.string(),
  reason: z.string().nullish(),
  failed_attempts: z.number().default(0),
  next_attempt_at: z.string().nullish()
})
type Webhook = z.output<typeof webhook>
const webhookList = z.looseObject({ webhooks: z.array(webhook) })
/** Printed as it comes, so that it must be nothing else. */
const secret = z.string().regex(/^whsec_[A-Za-z0-9+/=]+$/)
const made = webhook.extend({ secret })
const rotated = z.looseObject({ webhook_id: z.string(), secret })
const tested = z.looseObject({
  delivered: z.boolean(),
  outcome: z.string(),
  status: z.number().nullish(),
  duration_ms: z.number()
})
const deliveries = z.looseObject({
  deliveries: z.array(
    z.looseObject({
      event_id: z.string().nullish(),
      type: z.string().nullish(),
      at: z.string(),
      outcome: z.string(),
      status: z.number().nullish(),
      duration_ms: z.number(),
      next_attempt_at: z.string().nullish(),
      missed_events: z.number().default(0)
    })
  ),
  dead_letters: z.array(
    z.looseObject({
      event_id: z.string(),
      type: z.string(),
      at: z.string(),
      outcome: z.string(),
      status: z.number().nullish()
    })
  )
})

const pathOf = ({ webhook_id: id }: Webhook, end = ''): string =>
  `api/webhooks/${encodeURIComponent(id)}${end}`

const all = async (api: AccountApi): Promise<Webhook[]> =>
  (await api.json({ method: 'GET', path: 'api/webhooks' }, webhookList)).webhooks

/** @param name the id, its first characters, or the address of only one @throws `webhook-unknown`, `usage` */
async function find(api: AccountApi, name: string): Promise<Webhook> {
  const known = await all(api)
  const exact = known.filter((each) => each.webhook_id === name || each.url === name)
  const meant =
    exact.length > 0 ? exact : known.filter((each) => name.length >= 4 && each.webhook_id.startsWith(name))
  const [only] = meant
  if (only === undefined)
    throw new PeerbinError(
      'webhook-unknown',
      `there is no webhook ${shown(name)}; see \`peerbin webhooks ls\``
    )
  if (meant.length > 1)
    throw new PeerbinError('usage', `${shown(name)} means several webhooks; give the id of one`)
  return only
}

export interface AddWebhookOptions extends AccountOptions {
  type: readonly string[]
  description?: string
}

/** Prints the secret, and nothing else, on standard output: it is told this once. */
export async function addWebhook(
  url: string,
  { type: types, description, ...options }: AddWebhookOptions,
  context: CliContext
): Promise<void> {
  const api = await openAccount(options, context)
  const body = { url, types, ...(description !== undefined && { description }) }
  const answer = await api.json({ method: 'POST', path: 'api/webhooks', body }, made)
  tell(options, context, answer, answer.secret)
  say(
    context,
    `webhook ${shown(answer.webhook_id)}: give the secret to the receiver, nobody can show it again`
  )
}

export async function listWebhooks(options: AccountOptions, context: CliContext): Promise<void> {
  const webhooks = await all(await openAccount(options, context))
  if (options.json === true) return writeLines(context, webhooks)
  writeTable(
    context,
    ['WEBHOOK', 'STATE', 'TYPES', 'URL', 'DESCRIPTION'],
    webhooks.map((each) => [
      shown(each.webhook_id),
      shown(stateOf(each)),
      shown(each.types.join(',') || 'all'),
      shown(each.url),
      shown(each.description)
    ])
  )
}

function stateOf({ state, reason, failed_attempts: failed, next_attempt_at: next }: Webhook): string {
  if (state !== 'enabled') return `${state} (${reason ?? 'unknown'})`
  return failed === 0 ? state : `failing, again ${typeof next === 'string' ? localTime(next) : 'now'}`
}

/** Does the same to each of them. */
async function each(
  names: readonly string[],
  options: AccountOptions,
  context: CliContext,
  work: (api: AccountApi, webhook: Webhook) => Promise<[record: Record<string, unknown>, text: string]>
): Promise<void> {
  const api = await openAccount(options, context)
  for (const name of names) {
    const meant = await find(api, name)
    const [record, text] = await work(api, meant)
    tell(options, context, record, `${shown(meant.webhook_id)}: ${text}`)
  }
}

export const removeWebhooks = (
  names: readonly string[],
  options: AccountOptions,
  context: CliContext
): Promise<void> =>
  each(names, options, context, async (api, meant) => {
    const { message } = await api.json({ method: 'DELETE', path: pathOf(meant) }, said)
    return [{ webhook_id: meant.webhook_id, message }, 'removed']
  })

export const switchWebhooks = (
  state: 'enabled' | 'disabled',
  names: readonly string[],
  options: AccountOptions,
  context: CliContext
): Promise<void> =>
  each(names, options, context, async (api, meant) => {
    const answer = await api.json({ method: 'PATCH', path: pathOf(meant), body: { state } }, webhook)
    return [answer, answer.state]
  })

/** Exit code 3 when it was not taken. */
export async function testWebhook(name: string, options: AccountOptions, context: CliContext): Promise<void> {
  const api = await openAccount(options, context)
  const meant = await find(api, name)
  const answer = await api.json({ method: 'POST', path: pathOf(meant, '/test') }, tested)
  const how = `${outcomeText(answer)}, ${Math.round(answer.duration_ms)} ms`
  tell(options, context, answer, answer.delivered ? `taken: ${how}` : `not taken: ${how}`)
  if (!answer.delivered)
    throw new FailedQuietly(new PeerbinError('peer-unreachable', 'the webhook did not take the test'))
}

const outcomeText = ({ outcome, status }: { outcome: string; status?: number | null | undefined }): string =>
  typeof status === 'number' ? `${shown(outcome)} (${status})` : shown(outcome)

export async function logWebhook(name: string, options: AccountOptions, context: CliContext): Promise<void> {
  const api = await openAccount(options, context)
  const answer = await api.json(
    { method: 'GET', path: pathOf(await find(api, name), '/deliveries') },
    deliveries
  )
  if (options.json === true)
    return writeLines(context, [
      ...answer.dead_letters.map((letter) => ({ dead_letter: true, ...letter })),
      ...answer.deliveries.toReversed()
    ])
  // as in any log the newest is at the bottom
  writeTable(
    context,
    ['AT', 'EVENT', 'TYPE', 'OUTCOME', 'MS', 'AGAIN'],
    answer.deliveries
      .toReversed()
      .map((attempt) => [
        localTime(attempt.at),
        shown(attempt.event_id ?? `${attempt.missed_events} forgotten`),
        shown(attempt.type ?? ''),
        outcomeText(attempt),
        String(Math.round(attempt.duration_ms)),
        typeof attempt.next_attempt_at === 'string' ? localTime(attempt.next_attempt_at) : ''
      ])
  )
  if (answer.dead_letters.length === 0) return
  context.stdout.write('\nGiven up; `peerbin webhooks replay` sends them again:\n')
  writeTable(
    context,
    ['AT', 'EVENT', 'TYPE', 'OUTCOME'],
    answer.dead_letters
      .toReversed()
      .map((letter) => [
        localTime(letter.at),
        shown(letter.event_id),
        shown(letter.type),
        outcomeText(letter)
      ])
  )
}

export interface ReplayOptions extends AccountOptions {
  after?: string
  dead?: boolean
}

/** @param events ids; none: those that were given up, or what `after` says */
export async function replayWebhook(
  name: string,
  events: readonly string[],
  { after, dead, ...options }: ReplayOptions,
  context: CliContext
): Promise<void> {
  if ([events.length > 0, after !== undefined, dead === true].filter(Boolean).length !== 1)
    throw new PeerbinError('usage', 'give the ids of events, or --dead, or --after with a cursor')
  const api = await openAccount(options, context)
  const meant = await find(api, name)
  const ids = dead === true ? await deadOf(api, meant) : events
  if (after === undefined && ids.length === 0) return say(context, 'nothing was given up')
  const body = after === undefined ? { event_ids: ids } : { after }
  const answer = await api.json({ method: 'POST', path: pathOf(meant, '/replay'), body }, webhook)
  tell(
    options,
    context,
    answer,
    after === undefined ? `${ids.length} sent again` : `goes on after ${shown(after)}`
  )
}

const deadOf = async (api: AccountApi, meant: Webhook): Promise<string[]> =>
  (await api.json({ method: 'GET', path: pathOf(meant, '/deliveries') }, deliveries)).dead_letters.map(
    ({ event_id: id }) => id
  )

/** Prints the new secret. */
export async function rotateWebhook(
  name: string,
  options: AccountOptions,
  context: CliContext
): Promise<void> {
  const api = await openAccount(options, context)
  const meant = await find(api, name)
  const answer = await api.json({ method: 'POST', path: pathOf(meant, '/secret') }, rotated)
  tell(options, context, answer, answer.secret)
  say(context, 'the secret before signs as well for a day: give the new one to the receiver until then')
}
