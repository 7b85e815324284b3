/** An upload that runs: how far, how fast, what it waits for. */

import type { JSX } from 'preact'
import { pageTexts } from '../../src/edge/page-texts.ts'
import type { Progress, UploadApp } from './app.ts'
import { focusOnMount } from './focus.ts'

const words = pageTexts.upload

/** Ears hear of progress in steps of so many percent. */
const SPOKEN_STEP = 25

export function SendingView({ app }: { app: UploadApp }): JSX.Element {
  const { progress } = app
  const { sent, total, stage, waiting } = progress
  const percent = Math.floor((100 * sent) / Math.max(1, total))
  const spoken = Math.floor(percent / SPOKEN_STEP) * SPOKEN_STEP
  const isKnown = stage === 'sending' || stage === 'checking'
  return (
    <section class="card sending" id="progress" aria-label={words.sending}>
      <p class="percent" aria-hidden="true">
        {isKnown ? `${percent} %` : titleOf(progress)}
      </p>
      <progress id="meter" aria-label={words.progress} max={100} {...(isKnown && { value: percent })} />
      <p class="facts-line" id="speed">
        {stage === 'checking' ? words.checking : factsOf(progress)}
      </p>
      {waiting !== undefined && (
        <p class="notice warning" id="waiting">
          <span>{waitingText(waiting)}</span>
          <button class="text-button" type="button" id="retry" onClick={() => waiting.retryNow()}>
            {words.retryNow}
          </button>
        </p>
      )}
      <p class="visually-hidden" role="status">
        {waiting === undefined ? spokenText(progress, spoken) : waitingTitle(waiting)}
      </p>
      {app.problem !== '' && <p class="notice">{app.problem}</p>}
      <div class="actions">
        <button
          class="button secondary"
          id="cancel"
          type="button"
          onClick={() => app.cancel()}
          ref={focusOnMount}
        >
          {words.cancel}
        </button>
      </div>
    </section>
  )
}

const titleOf = ({ stage }: Progress): string => (stage === 'finishing' ? words.finishing : words.preparing)

function factsOf({ sent, total, perSecond, left }: Progress): string {
  const amount = words.of(sent, total)
  return perSecond === undefined || left === undefined
    ? amount
    : `${amount} · ${words.speed(perSecond, left)}`
}

/** Not every second: screen readers would never be quiet. */
function spokenText(progress: Progress, percent: number): string {
  return progress.stage === 'sending' && percent > 0 ? `${percent} %` : titleOf(progress)
}

type Waiting = NonNullable<Progress['waiting']>

function waitingText({ why, seconds }: Waiting): string {
  if (why === 'offline') return words.offline
  return why === 'lost' ? words.lost(seconds) : words.serverBusy(seconds)
}

const waitingTitle = ({ why }: Waiting): string => (why === 'offline' ? words.offline : words.waiting)
