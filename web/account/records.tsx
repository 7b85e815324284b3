/** Records of the history, one line each: who did what, when, and what became of it. */

import type { JSX } from 'preact'
import { accountTexts } from '../../src/edge/account-texts.ts'
import { sizeText } from '../../src/edge/texts.ts'
import { timeWords } from './format.ts'
import { Badge } from './parts.tsx'
import type { HistoryRecord } from './shapes.ts'

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
