/** A download that runs: how far, how fast, what it waits for. */

import type { JSX } from 'preact'
import { pageTexts } from '../../src/edge/page-texts.ts'
import type { Running } from './app.ts'

const words = pageTexts.link

/** Ears hear of progress in steps of so many percent. */
const SPOKEN_STEP = 25

export function ProgressView({ running, onCancel }: { running: Running; onCancel: () => void }): JSX.Element {
  const { got, total, perSecond, left, waiting } = running
  const percent = Math.floor((100 * got) / Math.max(1, total))
  const speed = perSecond === undefined || left === undefined ? '' : ` · ${words.speed(perSecond, left)}`
  return (
    <div class="sending" id="progress">
      <p class="percent" aria-hidden="true">
        {got === 0 ? words.starting : `${percent} %`}
      </p>
      <progress id="meter" aria-label={words.progress} max={100} {...(got > 0 && { value: percent })} />
      <p class="facts-line" id="speed">
        {words.of(got, total)}
        {speed}
      </p>
      {waiting !== undefined && (
        <p class="notice warning" id="waiting">
          <span>{words.waiting(waiting.seconds)}</span>
          <button class="text-button" type="button" onClick={() => waiting.goOn()}>
            {words.retryNow}
          </button>
        </p>
      )}
      <p class="visually-hidden" role="status">
        {waiting === undefined ? `${Math.floor(percent / SPOKEN_STEP) * SPOKEN_STEP} %` : words.lost}
      </p>
      <div class="actions">
        <button class="button secondary" id="cancel" type="button" onClick={onCancel}>
          {words.cancel}
        </button>
      </div>
    </div>
  )
}
