/** What a webhook was told lately, and what became of it. */

import type { JSX } from 'preact'
import { accountTexts } from '../../src/edge/account-texts.ts'
import { ask } from '../account/api.ts'
import { timeWords } from '../account/format.ts'
import { useLoaded } from '../account/hooks.ts'
import { Badge, Show } from '../account/parts.tsx'
import type { Deliveries as Answer, Delivery } from '../account/shapes.ts'
import { useLive } from '../live/use-live.ts'

const words = accountTexts.webhooks

/** The latest are what somebody looks for; the command line has all of them. */
const SHOWN = 10
/** So long after an event it was sent, and what became of it is known. */
export const SENT_MS = 1500

/** @param path of the webhook in the API */
export function Deliveries({ path }: { path: string }): JSX.Element {
  const answer = useLoaded(path, (signal) => ask<Answer>(`${path}/deliveries`, { signal }))
  useLive(answer, () => true, SENT_MS)
  return (
    <Show of={answer}>
      {({ deliveries, dead_letters: dead }) => (
        <>
          {deliveries.length === 0 && <p class="hint">{words.noDeliveries}</p>}
          {dead.length > 0 && <p class="hint">{words.givenUp(dead.length)}</p>}
          <ul class="plain-rows deliveries">
            {deliveries.slice(0, SHOWN).map((each, i) => (
              <Row key={`${each.at} ${i}`} delivery={each} />
            ))}
          </ul>
        </>
      )}
    </Show>
  )
}

function Row({ delivery }: { delivery: Delivery }): JSX.Element {
  const { type, at, outcome, status, next_attempt_at: next, missed_events: missed } = delivery
  const isTaken = outcome === 'ok'
  return (
    <li data-outcome={outcome}>
      <span class="row-facts">
        <span>{missed > 0 ? words.missed(missed) : type}</span>
        <Badge kind={isTaken ? 'live' : 'failed'}>
          {isTaken ? words.taken : words.notTaken(status === null ? outcome : `${outcome}, ${status}`)}
        </Badge>
        <time dateTime={at}>{timeWords(at, 'second')}</time>
        <span>{accountTexts.history.took(delivery.duration_ms)}</span>
        {next !== null && <span>{words.again(timeWords(next, 'second'))}</span>}
      </span>
    </li>
  )
}
