import type { ChunkIndex } from './chunk-index.ts'
import type { SequenceRange, SliceTable } from './slice-table.ts'

/** Gaps looked at between two looks at the signal to stop. */
const GAPS_PER_PAUSE = 64

/**
 * Notes slices for removal that nothing refers to: those of a record that rotted away, and of a put whose record could not be written while
 * later ones could. They lie in gaps between the sequences that records have; most gaps are empty, and LevelDB knows that without reading.
 *
 * @param held sequences of every record that could be read, up to `last`, in any order, some perhaps twice; it is sorted in place
 * @param last no put after this call gets a sequence up to it
 * @returns how many ranges were noted
 */
export async function noteOrphans(
  deps: { readonly index: ChunkIndex; readonly slices: SliceTable },
  held: Float64Array,
  last: number,
  signal: AbortSignal
): Promise<number> {
  let noted = 0
  let looked = 0
  for (const gap of gapsOf(held, last)) {
    if (looked++ % GAPS_PER_PAUSE === 0 && signal.aborted) return noted
    if (!(await deps.slices.has(gap))) continue
    await deps.index.noteRemoval(gap)
    noted++
  }
  return noted
}

/** Ranges of numbers from 1 to `last` that are not among `held`, which gets sorted. */
export function* gapsOf(held: Float64Array, last: number): Generator<SequenceRange> {
  held.sort()
  let next = 1
  if (last < next) return
  for (const sequence of held) {
    if (sequence > next) yield { first: next, last: Math.min(sequence - 1, last) }
    next = Math.max(next, sequence + 1)
    if (next > last) return
  }
  yield { first: next, last }
}
