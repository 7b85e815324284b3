/** The history, as one part of the controller: takes in what edges note, answers who may see it, forgets what is old. */

import type { Config } from '../../config.ts'
import { PeerbinError } from '../../errors.ts'
import { HISTORY_LATE_MS_MAX } from '../../history.ts'
import type { HistoryPage, HistoryRecord, ToldHistory } from '../../history.ts'
import type { Worker } from '../../interfaces.ts'
import type { MetadataStore } from '../../metadata-store.ts'
import { HISTORY_BYTES_MAX } from '../../protocol/limits.ts'
import type { HistoryMessages, RequestOf } from '../../protocol/messages.ts'
import { typedNameKey } from '../../protocol/user-names.ts'
import { inBatches } from '../../protocol/history-batches.ts'
import type { ControllerPart } from '../part.ts'
import type { StoreTime } from '../store-time.ts'

export type History = ControllerPart<keyof HistoryMessages>

export interface HistoryDeps {
  readonly store: MetadataStore
  readonly time: StoreTime
  readonly config: Config
}

/** Records of one operation of the store, each 0.1 ms: what waits behind it waits for a part of a batch. */
const RECORDS_AT_ONCE = 50

export function createHistory(deps: HistoryDeps): History {
  const { store, time } = deps
  return {
    workers: [createForgetter(deps)],
    handlers: {
      async recordHistory({ records }) {
        const now = time.now()
        // a batch that is cut off here is sent again as a whole
        for (let at = 0; at < records.length; at += RECORDS_AT_ONCE)
          await store.recordHistory(
            await Promise.all(
              records.slice(at, at + RECORDS_AT_ONCE).map(async (each) => ({
                ...(await named(store, each)),
                at: timely(each.at, now)
              }))
            )
          )
        return {}
      },
      async listHistory({ actor, order = 'newest', ...query }) {
        checkSight(actor, query.of)
        return bounded(await store.listHistory({ ...query, order }))
      }
    }
  }
}

/** Clocks of edges may be wrong, and the order of the records promises that none is told very late (HISTORY_LATE_MS_MAX). */
const timely = (at: number, now: number): number => Math.min(now, Math.max(now - HISTORY_LATE_MS_MAX, at))

/** With what the edge does not know: whose file was behind a link, or has this id, and whose account a name is. */
async function named(store: MetadataStore, { link, ...record }: ToldHistory): Promise<HistoryRecord> {
  if (link !== undefined) {
    const linked = await store.findLinked(link)
    return linked === undefined
      ? record
      : { ...record, file: linked.file, path: linked.path, ...linked.share }
  }
  if (record.entry !== null && record.owner === null) {
    const found = await store.locateEntry(record.entry)
    return found === undefined ? record : { ...record, owner: found.owner, path: record.path ?? found.path }
  }
  if (record.action === 'login-failed' && record.actorName !== null) {
    // what was typed and is nobody's name may be a password, and is not kept
    const user = (await store.findUser(typedNameKey(record.actorName)))?.user
    return { ...record, owner: user?.id ?? null, actorName: user?.name ?? null }
  }
  return record
}

/** @throws `permission-denied` */
function checkSight(
  { user, role, scopes }: RequestOf<HistoryMessages, 'listHistory'>['actor'],
  of: string | undefined
): void {
  if (scopes !== undefined && !scopes.includes('history:read')) throw new PeerbinError('permission-denied')
  if (role !== 'admin' && (of === undefined || of !== user)) throw new PeerbinError('permission-denied')
}

/** As many as one message holds; the rest is for the next page. */
function bounded(page: HistoryPage): HistoryPage {
  const [records = []] = inBatches(page.records, HISTORY_BYTES_MAX)
  const last = records.at(-1)
  return records.length === page.records.length || last === undefined ? page : { records, next: last.seq }
}

/** Nobody waits for this; a minute spreads the work. */
const FORGET_INTERVAL_MAX_MS = 60_000

function createForgetter({ store, time, config }: HistoryDeps): Worker {
  const { retentionMs, recordsMax } = config.history
  return {
    name: 'history',
    idleMs: Math.min(FORGET_INTERVAL_MAX_MS, retentionMs),
    async step() {
      const { batchMax } = config.controller
      const old = await store.purgeHistory(time.now() - retentionMs, batchMax)
      const surplus = await store.trimHistory(recordsMax, batchMax)
      return old + surplus === 0 ? 'idle' : 'busy'
    }
  }
}
