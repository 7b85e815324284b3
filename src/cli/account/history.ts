/** What `peerbin history` and `peerbin admin log` do. */

import { sleep } from '../../runtime/deadline.ts'
import type { CliContext } from '../context.ts'
import { formatBytes } from '../progress.ts'
import { recordList } from './answers.ts'
import type { HistoryRecord } from './answers.ts'
import type { AccountApi, Query } from './api.ts'
import { pages } from './pages.ts'
import { localTime, shown, writeLines } from './tables.ts'

/** Records in one answer. */
const PAGE_RECORDS = 200
/** Between two looks at what is new. */
const FOLLOW_MS = 2000

export interface HistoryOptions {
  json?: boolean
  number: number
  follow?: boolean
}

/** The last records, the newest at the bottom as in any log; with `follow` what comes, until it is interrupted. */
export async function showHistory(
  api: AccountApi,
  path: string,
  query: Query,
  options: HistoryOptions,
  context: CliContext
): Promise<void> {
  const newest = await lastRecords(api, path, query, options.number)
  write(newest.toReversed(), options, context)
  if (options.follow !== true) return
  let seq = newest[0]?.seq ?? (await newestSeq(api, path, query))
  for (;;) {
    await sleep(context.clock, FOLLOW_MS, context.interrupted)
    for await (const page of recordPages(api, path, { ...query, order: 'oldest' }, PAGE_RECORDS, seq)) {
      write(page, options, context)
      seq = page.at(-1)?.seq ?? seq
    }
  }
}

const newestSeq = async (api: AccountApi, path: string, query: Query): Promise<number> =>
  (await lastRecords(api, path, query, 1))[0]?.seq ?? 0

async function lastRecords(
  api: AccountApi,
  path: string,
  query: Query,
  count: number
): Promise<HistoryRecord[]> {
  const found: HistoryRecord[] = []
  if (count === 0) return found
  for await (const page of recordPages(api, path, query, Math.min(count, PAGE_RECORDS))) {
    found.push(...page)
    if (found.length >= count) break
  }
  return found.slice(0, count)
}

/** In the order of the query: newest first unless it says otherwise. */
const recordPages = (
  api: AccountApi,
  path: string,
  query: Query,
  limit: number,
  from?: number
): AsyncGenerator<HistoryRecord[], void, undefined> =>
  pages(async (after = from) => {
    const { records, next } = await api.json(
      { method: 'GET', path, query: { ...query, limit, after } },
      recordList
    )
    return { items: records, next }
  })

function write(records: readonly HistoryRecord[], options: HistoryOptions, context: CliContext): void {
  if (options.json === true) return writeLines(context, records)
  context.stdout.write(records.map((each) => `${lineOf(each)}\n`).join(''))
}

/** `2026-11-22 09:30  ada  download  reports/a.pdf (version 2)  1.2 MB in 0.4 s  ok` */
function lineOf(record: HistoryRecord): string {
  const { at, action, outcome, actor_name: name, path, version, bytes, duration_ms: ms, address } = record
  const what =
    typeof path === 'string' ? path + (typeof version === 'number' ? ` (version ${version})` : '') : ''
  const size = typeof bytes === 'number' && bytes > 0 ? formatBytes(bytes) : ''
  const took = size !== '' && typeof ms === 'number' ? ` in ${(ms / 1000).toFixed(1)} s` : ''
  const { status, detail } = record
  return [localTime(at), name ?? '-', action, what, status, detail, size + took, address, outcome]
    .map((cell) => shown(cell ?? ''))
    .filter((cell) => cell !== '')
    .join('  ')
}
