/** Cuts a stream of bytes into chunks, in memory that was leased before it is filled. */

import { PeerbinError } from '../errors.ts'
import { CHUNK_BYTES_MAX } from '../protocol/limits.ts'
import { MANIFEST_CHUNKS_MAX } from '../protocol/manifest.ts'
import type { ChunkBuffer, ChunkMemory } from './chunk-memory.ts'

/** A chunk of the file. Whoever takes it from the chunker releases its buffer. */
export interface FilledChunk {
  readonly index: number
  readonly sizeBytes: number
  readonly buffer: ChunkBuffer
  /** Its sender was slow while others waited, so that it ends before it is full. */
  readonly isShort: boolean
}

/**
 * The front of the buffer's memory; not to be asked for after the release. The memory is no field of the chunk: each stage of the pipeline remembers
 * the last chunk it handed on while it waits for the next one, and would keep 4 MiB alive that the budget has given to others.
 */
export const bytesOf = (chunk: FilledChunk): Uint8Array => chunk.buffer.bytes.subarray(0, chunk.sizeBytes)

export interface ChunkerOptions {
  readonly memory: ChunkMemory
  /** Length the sender gave. */
  readonly declaredBytes: number | undefined
  readonly limitBytes: number
  /** Size of all chunks but the last; default: CHUNK_BYTES_MAX. */
  readonly chunkBytes?: number | undefined
  /** A chunk that takes longer gives its memory to others when they wait for it; default: never. */
  readonly slowMs?: number
  /** Index of the first chunk; default: 0. */
  readonly firstIndex?: number
  /** The source may end anywhere, also at once: what is cut is a part of the file. */
  readonly isPart?: boolean
  readonly signal: AbortSignal
}

/** Pieces of the source as they come, one in hand; a wait for the next one may be left and gone on with. */
class Intake {
  rest: Uint8Array = new Uint8Array(0)
  ended = false
  #totalBytes = 0
  #coming: Promise<IteratorResult<Uint8Array>> | undefined
  readonly #pieces: AsyncIterator<Uint8Array>
  readonly #options: ChunkerOptions

  constructor(source: AsyncIterable<Uint8Array>, options: ChunkerOptions) {
    this.#pieces = source[Symbol.asyncIterator]()
    this.#options = options
  }

  /** Waits until there is something in `rest`; false at the end of the source. */
  async refill(): Promise<boolean> {
    if (this.rest.byteLength > 0) return true
    this.#coming ??= this.#pieces.next()
    const next = await this.#coming
    this.#coming = undefined
    if (next.done === true) {
      this.ended = true
      if (this.#options.isPart !== true) checkEnd(this.#totalBytes, this.#options.declaredBytes)
      return false
    }
    this.rest = next.value
    this.#totalBytes += this.rest.byteLength
    checkTotal(this.#totalBytes, this.#options)
    return true
  }

  /** Waits for the next piece; true when others want the buffer first, which may be had once it was held for `heldMs`. */
  async isWantedFirst(buffer: ChunkBuffer, heldMs: number): Promise<boolean> {
    if (this.rest.byteLength > 0) return false
    const coming = (this.#coming ??= this.#pieces.next())
    return await new Promise<boolean>((resolve) => {
      buffer.offer(heldMs, () => resolve(true))
      const came = (): void => {
        buffer.keep()
        resolve(false)
      }
      coming.then(came, came) // whoever takes the piece is told why there is none
    })
  }

  /** Copies what is in hand. */
  fill(buffer: ChunkBuffer, filled: number): number {
    const part = this.rest.subarray(0, buffer.sizeBytes - filled)
    buffer.bytes.set(part, filled)
    this.rest = this.rest.subarray(part.byteLength)
    return part.byteLength
  }

  async end(): Promise<void> {
    await this.#pieces.return?.()
  }
}

/** The first bytes of a chunk have so long to come before its memory goes to others: they are nearly always there already. */
const EMPTY_MS = 100
/** Chunks of a file may be cut short up to here; the rest has to do for the largest file there can be. */
const SHORT_CHUNKS_MAX = MANIFEST_CHUNKS_MAX / 2

/**
 * A sender that is slow does not hold memory that others wait for: after `slowMs` its chunk ends where it is, is stored as it is, and the next one waits its turn
 * behind the others. Memory for which nothing has come at all goes back sooner, and is asked for again when something has.
 *
 * @throws `too-large` as soon as the limit is passed; `empty-file`; `upload-incomplete` when the source ends before `declaredBytes`;
 * `bad-request` when it goes on after them; `busy` when no memory is to be had.
 */
export async function* cutChunks(
  source: AsyncIterable<Uint8Array>,
  options: ChunkerOptions
): AsyncGenerator<FilledChunk> {
  const { declaredBytes, memory, signal, chunkBytes = CHUNK_BYTES_MAX, slowMs = Infinity } = options
  const intake = new Intake(source, options)
  let late = false
  try {
    for (let index = options.firstIndex ?? 0, cutBytes = 0; ;) {
      const leftBytes = (declaredBytes ?? Infinity) - cutBytes
      // the file is complete: the source only has to end
      if (leftBytes <= 0 && !(await intake.refill())) return
      checkIndex(index)
      const buffer = await memory.lease(Math.min(chunkBytes, leftBytes), signal, late)
      const patienceMs = index < SHORT_CHUNKS_MAX ? slowMs : Infinity
      let filled = 0
      let handedOver = false
      let isShort = false
      try {
        while (filled < buffer.sizeBytes) {
          const heldMs = filled === 0 ? Math.min(EMPTY_MS, slowMs) : patienceMs
          if (slowMs < Infinity && (await intake.isWantedFirst(buffer, heldMs))) {
            isShort = filled > 0
            late ||= isShort
            break
          }
          if (!(await intake.refill())) break
          filled += intake.fill(buffer, filled)
        }
        if (filled > 0) {
          cutBytes += filled
          handedOver = true
          yield { index: index++, sizeBytes: filled, buffer, isShort }
        }
      } finally {
        if (!handedOver) buffer.release()
      }
      if (intake.ended || (filled === 0 && !(await intake.refill()))) return
    }
  } finally {
    await intake.end()
  }
}

function checkTotal(totalBytes: number, { limitBytes, declaredBytes }: ChunkerOptions): void {
  if (totalBytes > limitBytes) throw new PeerbinError('too-large', '', { details: { limitBytes } })
  if (declaredBytes !== undefined && totalBytes > declaredBytes) {
    throw new PeerbinError('bad-request', 'The body is longer than was announced.')
  }
}

function checkEnd(totalBytes: number, declaredBytes: number | undefined): void {
  if (declaredBytes !== undefined && totalBytes < declaredBytes) throw new PeerbinError('upload-incomplete')
  if (totalBytes === 0) throw new PeerbinError('empty-file')
}

function checkIndex(index: number): void {
  if (index < MANIFEST_CHUNKS_MAX) return
  throw new PeerbinError(
    'too-large',
    'A file has at most 100,000 chunks of 4 MiB: its manifest is one chunk.'
  )
}
