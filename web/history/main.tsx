/** Script of `/my/history`: what was done in one's account. */

import type { JSX } from 'preact'
import { accountTexts } from '../../src/edge/account-texts.ts'
import { ask, queryOf } from '../account/api.ts'
import { usePaged } from '../account/hooks.ts'
import { Loading, More, Problem } from '../account/parts.tsx'
import { Records, useRecordsLive } from '../account/records.tsx'
import type { HistoryPage, HistoryRecord } from '../account/shapes.ts'
import { startInside } from '../account/start.tsx'
import type { Inside } from '../account/start.tsx'

const words = accountTexts.history

function HistoryView({ inside }: { inside: Inside }): JSX.Element {
  const records = usePaged<HistoryRecord>('history', async ({ after, limit }, signal) => {
    const page = await ask<HistoryPage>(`/api/history${queryOf({ after, limit })}`, { signal })
    return { rows: page.records, next: page.next }
  })
  useRecordsLive(records, '/api/history')
  return (
    <>
      <h1>{accountTexts.titles.history}</h1>
      <p class="lead">{words.lead}</p>
      <section class="card list" aria-label={words.list} aria-busy={records.isLoading}>
        <Problem text={records.problem} onRetry={records.reload} />
        {!records.isReady && records.problem === '' && <Loading />}
        {records.isReady && records.rows.length === 0 && !records.hasMore && (
          <p class="hint">{words.empty}</p>
        )}
        <Records records={records.rows} reader={inside.me.user_id} />
        <More of={records} />
      </section>
      <p class="below">
        <a href="/api/history?format=jsonl" download="history.jsonl" id="export">
          {words.export}
        </a>
      </p>
    </>
  )
}

void startInside((inside) => <HistoryView inside={inside} />)
