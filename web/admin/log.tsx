/** The access log: what everybody did, with filters. */

import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { accountTexts } from '../../src/edge/account-texts.ts'
import { adminTexts } from '../../src/edge/admin-texts.ts'
import { ask, queryOf } from '../account/api.ts'
import { usePaged } from '../account/hooks.ts'
import { Field, Loading, More, Problem, Select } from '../account/parts.tsx'
import { Records, actionWords, useRecordsLive } from '../account/records.tsx'
import type { HistoryPage, HistoryRecord } from '../account/shapes.ts'

const words = adminTexts

interface Filters {
  readonly user: string
  readonly file: string
  readonly action: string
  /** As the field of the browser has it, in local time: `2026-11-21T14:02`. */
  readonly from: string
  readonly to: string
}

const NONE: Filters = { user: '', file: '', action: '', from: '', to: '' }

const ACTIONS = [
  { value: '', label: words.logAny },
  ...Object.keys(accountTexts.history.actions).map((action) => ({
    value: action,
    label: actionWords(action)
  }))
]

function isoOf(local: string): string | undefined {
  const date = new Date(local)
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString()
}

const queryOfFilters = ({ user, file, action, from, to }: Filters) => ({
  user: user.trim(),
  file: file.trim(),
  action,
  from: isoOf(from),
  to: isoOf(to)
})

/** @param user whose records are shown first; empty: everybody's */
export function Log({ user }: { user: string }): JSX.Element {
  const [filters, setFilters] = useState<Filters>({ ...NONE, user })
  const records = usePaged<HistoryRecord>(JSON.stringify(filters), async ({ after, limit }, signal) => {
    const query = queryOf({ ...queryOfFilters(filters), after, limit })
    const page = await ask<HistoryPage>(`/api/access-log${query}`, { signal })
    return { rows: page.records, next: page.next }
  })
  useRecordsLive(records, `/api/access-log${queryOf(queryOfFilters(filters))}`)
  const isFiltered = Object.values(filters).some((value) => value !== '')
  return (
    <>
      <FilterForm filters={filters} onShow={setFilters} />
      <Problem text={records.problem} onRetry={records.reload} />
      {!records.isReady && records.problem === '' && <Loading />}
      {records.isReady && records.rows.length === 0 && !records.hasMore && (
        <p class="card empty">{isFiltered ? accountTexts.history.noMatch : accountTexts.history.empty}</p>
      )}
      {(records.rows.length > 0 || records.hasMore) && (
        <section class="card list" aria-label={words.log} aria-busy={records.isLoading}>
          <Records records={records.rows} />
          <More of={records} />
        </section>
      )}
      <p class="below">
        <a
          href={`/api/access-log${queryOf({ ...queryOfFilters(filters), format: 'jsonl' })}`}
          download="access-log.jsonl"
          id="export"
        >
          {accountTexts.history.export}
        </a>
      </p>
    </>
  )
}

function FilterForm(props: { filters: Filters; onShow: (filters: Filters) => void }): JSX.Element {
  const { filters, onShow } = props
  const [next, setNext] = useState(filters)
  const set = (change: Partial<Filters>): void => setNext({ ...next, ...change })
  return (
    <form
      class="card filters"
      id="filters"
      aria-label={words.logFilters}
      onSubmit={(event) => {
        event.preventDefault()
        onShow(next)
      }}
    >
      <Field id="log-user" label={words.logUser} value={next.user} onInput={(user) => set({ user })} />
      <Field id="log-file" label={words.logFile} value={next.file} onInput={(file) => set({ file })} />
      <Select
        id="log-action"
        label={words.logAction}
        value={next.action}
        choices={ACTIONS}
        onChoose={(action) => set({ action })}
      />
      <Field
        id="log-from"
        label={words.logFrom}
        type="datetime-local"
        value={next.from}
        onInput={(from) => set({ from })}
      />
      <Field
        id="log-to"
        label={words.logTo}
        type="datetime-local"
        value={next.to}
        onInput={(to) => set({ to })}
      />
      <div class="filter-buttons">
        <button class="button primary" type="submit">
          {words.logSubmit}
        </button>
        <button
          class="button secondary"
          type="button"
          onClick={() => {
            setNext(NONE)
            onShow(NONE)
          }}
        >
          {words.logReset}
        </button>
      </div>
    </form>
  )
}
