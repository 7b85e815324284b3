/** Records of the history, one line each: who did what, when, and what became of it. */

import type { JSX } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { accountTexts } from '../../src/edge/account-texts.ts'
import { sizeText } from '../../src/edge/texts.ts'
import { useLive } from '../live/use-live.ts'
import { ask } from './api.ts'
import { timeWords } from './format.ts'
import type { Paged } from './hooks.ts'
import { Badge } from './parts.tsx'
import type { HistoryPage, HistoryRecord } from './shapes.ts'

const words = accountTexts.history

const OK = 'ok'

/** Of a session, a key, a link: nothing that a person would know again. */
const ID = /^[0-9a-f]{16}$|^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/

/** What belongs to the action beside the path. */
function moreOf({ action, status, detail }: HistoryRecord): string | undefined {
  if (status !== null) return accountTexts.files.statuses[status]
  if (detail === null || ID.test(detail)) return undefined
  return action === 'rename' ? words.renamedTo(detail) : detail
}

/** Edges send what they noted every second (`history.sendMs`): a record comes that much later than the event. */
const RECORDED_MS = 1300
/** Downloads are recorded and are no events: a page that can be seen looks for itself. */
const LOOK_MS = 15_000

/** Shows new records as they come. @param path of the list, with its filters */
export function useRecordsLive(records: Paged<HistoryRecord>, path: string): void {
  useLive(records, () => true, RECORDED_MS)
  const latest = useRef({ records, path })
  latest.current = { records, path }
  useEffect(() => {
    const look = async (): Promise<void> => {
      if (document.hidden) return
      const { path: asked } = latest.current
      const page = await ask<HistoryPage>(`${asked}${asked.includes('?') ? '&' : '?'}limit=1`)
      const { records: shown, path: now } = latest.current
      if (asked === now && shown.isReady && page.records[0]?.id !== shown.rows[0]?.id) shown.refresh()
    }
    // without an answer the next one is soon enough
    const timer = setInterval(() => void look().catch(() => undefined), LOOK_MS)
    return () => clearInterval(timer)
  }, [])
}

export const actionWords = (action: string): string =>
  Object.hasOwn(words.actions, action) ? (words.actions[action] ?? action) : action

export function Records(props: {
  records: readonly HistoryRecord[]
  /** Whose page it is: what they did themselves needs no name. Undefined: everybody is named. */
  reader?: string
}): JSX.Element {
  const { records, reader } = props
  return (
    <ul class="plain-rows records" id="records">
      {records.map((record) => (
        <Row key={record.id} record={record} reader={reader} />
      ))}
    </ul>
  )
}

function Row({ record, reader }: { record: HistoryRecord; reader: string | undefined }): JSX.Element {
  const { action, actor_name: name, path, version, outcome, at, bytes, attempts, address } = record
  const isOwn = reader !== undefined && record.actor_id === reader
  const more = moreOf(record)
  const facts = [
    bytes !== null && sizeText(bytes),
    record.duration_ms !== null && words.took(record.duration_ms),
    attempts !== null && attempts > 1 && words.attempts(attempts),
    address !== null && words.from(address)
  ].filter((text) => text !== false)
  return (
    <li data-action={action} data-outcome={outcome === OK ? 'ok' : 'failed'}>
      <div class="row-text">
        <span class="row-name">
          <strong>{actionWords(action)}</strong>
          {path !== null && <span class="record-path"> {path}</span>}
          {more !== undefined && <span class="record-path"> {more}</span>}
          {version !== null && version > 1 && (
            <span class="soft"> {accountTexts.files.version(version)}</span>
          )}
          {!isOwn && action !== 'upload.status' && (
            <span class="soft"> {words.by(name ?? words.someone)}</span>
          )}
        </span>
        <span class="row-facts">
          {outcome !== OK && <Badge kind="failed">{words.failed(outcome)}</Badge>}
          <time dateTime={at}>{timeWords(at, 'second')}</time>
          {facts.map((text) => (
            <span key={text}>{text}</span>
          ))}
        </span>
      </div>
    </li>
  )
}
