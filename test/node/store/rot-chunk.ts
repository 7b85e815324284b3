import { join } from 'node:path'
import { ChunkIndex } from '../../../src/node/store/chunk-index.ts'
import { SliceTable } from '../../../src/node/store/slice-table.ts'
import { digestOf } from '../../../src/protocol/ids.ts'
import type { ChunkId } from '../../../src/types.ts'

/** Flips a bit in the middle of what a closed LevelDB store has of a chunk; nothing where it has none. */
export async function rotChunk(folder: string, id: ChunkId): Promise<void> {
  await using opened = new AsyncDisposableStack()
  const index = opened.adopt(await ChunkIndex.open(join(folder, 'chunks')), (part) => part.close())
  const slices = opened.adopt(await SliceTable.open(join(folder, 'slices')), (part) => part.close())
  const record = await index.get(digestOf(id))
  if (record === undefined || record === 'unreadable') return
  const bytes = await slices.read(record.sequence, record.sizeBytes)
  if (bytes === undefined) throw new Error(`${id} has no bytes`)
  const middle = bytes.byteLength >> 1
  bytes[middle] = (bytes[middle] ?? 0) ^ 1
  await slices.append(record.sequence, bytes)
}
