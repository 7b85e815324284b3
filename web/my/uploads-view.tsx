/** Uploads that run, have ended, or were interrupted. */

import type { JSX } from 'preact'
import { accountTexts } from '../../src/edge/account-texts.ts'
import { sizeText } from '../../src/edge/texts.ts'
import { Icon } from '../common/icons.tsx'
import type { Item, UploadQueue } from './upload-queue.ts'

const words = accountTexts.uploads

/** Rows of the list; what is beyond is only counted. */
const ROWS_MAX = 50
const KEPT_ROWS_MAX = 5
/** What matters most is at the top. */
const ORDER: Record<Item['state'], number> = { sending: 0, failed: 1, waiting: 2, done: 3, cancelled: 4 }

export function UploadsView({ queue }: { queue: UploadQueue }): JSX.Element | null {
  const { items } = queue
  if (items.length === 0) return null
  const sorted = [...items].sort((a, b) => ORDER[a.state] - ORDER[b.state] || a.id - b.id)
  const more = sorted.length - ROWS_MAX
  return (
    <section class="card uploads" id="uploads" aria-labelledby="uploads-title">
      <div class="section-head">
        <h2 id="uploads-title">{words.title}</h2>
        {queue.isActive ? (
          <button class="text-button danger" type="button" onClick={() => queue.cancelAll()}>
            {words.cancelAll}
          </button>
        ) : (
          <button class="text-button" type="button" id="clear-uploads" onClick={() => queue.clear()}>
            {words.clear}
          </button>
        )}
      </div>
      <p class="hint" role="status" id="uploads-summary">
        {summaryOf(queue)}
      </p>
      <ul class="upload-rows">
        {sorted.slice(0, ROWS_MAX).map((item) => (
          <Row key={item.id} item={item} queue={queue} />
        ))}
      </ul>
      {more > 0 && <p class="hint">{words.more(more)}</p>}
    </section>
  )
}

function summaryOf({ items, isActive }: UploadQueue): string {
  const done = items.filter(({ state }) => state === 'done').length
  const failed = items.filter(({ state }) => state === 'failed').length
  if (isActive) return words.summary(done, items.length)
  return [done > 0 && words.allDone(done), failed > 0 && words.someFailed(failed)].filter(Boolean).join(' ')
}

function Row({ item, queue }: { item: Item; queue: UploadQueue }): JSX.Element {
  const { id, path, file, state, sent, pause } = item
  const name = path.slice(path.lastIndexOf('/') + 1)
  const isOpen = state === 'sending' || state === 'waiting'
  return (
    <li data-state={state}>
      <div class="row-text">
        <span class="row-name" title={path}>
          {name}
        </span>
        <span class="row-facts">{factsOf(item)}</span>
        {state === 'sending' && (
          <progress
            aria-label={words.progress(name)}
            max={file.size}
            {...(sent > 0 && { value: Math.min(sent, file.size) })}
          />
        )}
      </div>
      {pause !== undefined && (
        <button class="text-button" type="button" onClick={() => pause.retryNow()}>
          {accountTexts.common.retry}
        </button>
      )}
      {(state === 'failed' || state === 'cancelled') && file.size > 0 && (
        <button
          class="text-button"
          type="button"
          aria-label={words.retry(name)}
          onClick={() => queue.retry(id)}
        >
          {words.retryShort}
        </button>
      )}
      {isOpen && (
        <button
          class="icon-button"
          type="button"
          aria-label={words.cancel(name)}
          onClick={() => queue.cancel(id)}
        >
          <Icon name="remove" />
        </button>
      )}
    </li>
  )
}

function factsOf({ state, sent, file, version, note, pause }: Item): string {
  if (pause !== undefined) {
    if (pause.why === 'offline') return words.offline
    return pause.why === 'lost' ? words.lost(pause.seconds) : words.busy(pause.seconds)
  }
  if (note !== '') return note
  switch (state) {
    case 'sending':
      return `${Math.floor((100 * sent) / Math.max(1, file.size))} % · ${sizeText(file.size)}`
    case 'done':
      return words.done(version)
    case 'cancelled':
      return words.cancelled
    case 'waiting':
    case 'failed':
      return words.waiting
  }
}

/** What earlier pages left can go on. */
export function Interrupted({ queue }: { queue: UploadQueue }): JSX.Element | null {
  const { interrupted } = queue
  if (interrupted.length === 0) return null
  const more = interrupted.length - KEPT_ROWS_MAX
  return (
    <section class="card resume" id="interrupted" aria-labelledby="interrupted-title">
      <h2 id="interrupted-title">{words.interrupted(interrupted.length)}</h2>
      <p>{words.interruptedText}</p>
      <ul class="plain-rows">
        {interrupted.slice(0, KEPT_ROWS_MAX).map(({ url, path, bytes }) => (
          <li key={url}>
            <span class="row-name">{path}</span> <span class="soft">{sizeText(bytes)}</span>
          </li>
        ))}
        {more > 0 && <li class="soft">{words.more(more)}</li>}
      </ul>
      <button class="button secondary" type="button" id="discard-uploads" onClick={() => queue.discard()}>
        {words.forget}
      </button>
    </section>
  )
}
