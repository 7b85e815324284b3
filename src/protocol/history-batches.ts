import type { HistoryRecord } from '../history.ts'
import { HISTORY_RECORDS_MAX } from './limits.ts'

/** Keys, ids and numbers of a record, and what an encoding puts around them. */
const FIXED_BYTES = 512

const bytesOf = ({ path, detail, actorName }: HistoryRecord): number =>
  FIXED_BYTES + [path, detail, actorName].reduce((sum, text) => sum + Buffer.byteLength(text ?? ''), 0)

/** Records in order, in batches that fit into one message. */
export function* inBatches<R extends HistoryRecord>(
  records: readonly R[],
  bytesMax: number
): Generator<R[], void, undefined> {
  let batch: R[] = []
  let bytes = 0
  for (const record of records) {
    const size = bytesOf(record)
    if (batch.length > 0 && (batch.length >= HISTORY_RECORDS_MAX || bytes + size > bytesMax)) {
      yield batch
      batch = []
      bytes = 0
    }
    batch.push(record)
    bytes += size
  }
  if (batch.length > 0) yield batch
}
