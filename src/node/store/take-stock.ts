import { chunkIdFromDigest } from '../../protocol/ids.ts'
import type { ChunkId } from '../../types.ts'
import { UNREADABLE, type ChunkIndex } from './chunk-index.ts'
import type { SliceTable } from './slice-table.ts'
import { Stock, type Counted } from './stock.ts'

/** A sequence beyond this was never given out: it is a damaged key. */
const SEQUENCE_MAX = 2 ** 48

/** How a chunk is counted of which nothing but its id is known any more: its record is damaged. */
export const LOST: Counted = { sizeBytes: 0, quarantinedAt: 0 }

export interface Findings {
  stock: Stock
  /** Chunks whose record is damaged. */
  unreadable: ChunkId[]
  /** Greatest sequence that was ever given out, as far as anything on disk tells. */
  last: number
  /** Sequences that records have, some of them twice; every other one up to `last` is free, noted for removal, or an orphan. */
  sequences: Float64Array
}

/** Walks the records of a store that is being opened, and notes slices of puts that a crash cut short. @throws `store-failed` */
export async function takeStock(index: ChunkIndex, slices: SliceTable): Promise<Findings> {
  const stock = new Stock()
  const unreadable: ChunkId[] = []
  const sequences: number[] = []
  let last = await index.lastRemoval()
  for await (const { digest, record } of index.records()) {
    stock.change(undefined, record === UNREADABLE ? LOST : record)
    if (record === UNREADABLE) {
      unreadable.push(chunkIdFromDigest(digest))
      continue
    }
    sequences.push(record.sequence)
    last = Math.max(last, record.sequence)
  }
  // what was read wrong may have been a key, under which there is nothing to read again: the slices of a good record must not pass for orphans
  if (unreadable.length > 0) {
    for await (const { record } of index.records()) {
      if (record === UNREADABLE) continue
      sequences.push(record.sequence)
      last = Math.max(last, record.sequence)
    }
  }
  const lastOnDisk = await slices.lastSequence()
  if (lastOnDisk > last && lastOnDisk < SEQUENCE_MAX) {
    await index.noteRemoval({ first: last + 1, last: lastOnDisk })
    last = lastOnDisk
  }
  return { stock, unreadable, last, sequences: Float64Array.from(sequences) }
}
