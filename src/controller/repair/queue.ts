import type { ChunkId } from '../../types.ts'
import { URGENCIES } from './assess.ts'
import type { Action, Assessment, Urgency } from './assess.ts'

/** A chunk that needs something. */
export interface Entry {
  readonly chunk: ChunkId
  /** Undefined until it was looked at. */
  readonly urgency: Urgency | undefined
  /** Bytes to be copied for it in all. */
  readonly bytes: number
  /** Somebody waits for it. */
  readonly urged: boolean
  /** What was to be done when it was last looked at. */
  readonly action: Action | undefined
  /** Not to be tried before; monotonic ms. */
  readonly notBeforeMs: number
  /** Attempts in a row that failed. */
  readonly failures: number
}

/** Entries looked at per urgency in search of one that can be begun: those behind them have their turn when some of these are done. */
const SCAN_MAX = 256

const LEVELS = ['urged', ...URGENCIES] as const
type Level = (typeof LEVELS)[number]

const levelOf = (entry: Entry): Level => (entry.urged ? 'urged' : (entry.urgency ?? 'under'))

/**
 * Chunks that need something, by urgency, and in order of arrival within one. Bounded per urgency: what does not fit is found again by the next patrol. An entry stays
 * until it is removed, so that what is being worked on is counted too.
 */
export class RepairQueue {
  readonly #max: number
  readonly #levels = new Map<Level, Map<ChunkId, Entry>>(LEVELS.map((level) => [level, new Map()]))
  readonly #entries = new Map<ChunkId, Entry>()
  #bytes = 0

  constructor(deps: { readonly max: number }) {
    this.#max = deps.max
  }

  get size(): number {
    return this.#entries.size
  }

  /** Bytes to be copied for all of them. */
  get bytes(): number {
    return this.#bytes
  }

  get(chunk: ChunkId): Entry | undefined {
    return this.#entries.get(chunk)
  }

  count(urgency: Urgency): number {
    const urged = [...this.#level('urged').values()].filter((entry) => entry.urgency === urgency).length
    return this.#level(urgency).size + urged
  }

  /** Takes in what a look at a chunk said; `none` removes it. False when there was no room. */
  offer(chunk: ChunkId, sizeBytes: number, assessment: Assessment): boolean {
    const { urgency, missing, action } = assessment
    if (urgency === 'none') {
      this.remove(chunk)
      return true
    }
    const known = this.#entries.get(chunk)
    const changed = known?.urgency !== urgency
    const fits = this.#put({
      chunk,
      urgency,
      bytes: missing * sizeBytes,
      urged: known?.urged ?? false,
      action,
      notBeforeMs: changed ? 0 : known.notBeforeMs,
      failures: changed ? 0 : known.failures
    })
    if (!fits) this.remove(chunk)
    return fits
  }

  /** To be looked at before everything else, and at once. False when there was no room. */
  urge(chunk: ChunkId): boolean {
    const known = this.#entries.get(chunk)
    const fresh = { urgency: undefined, bytes: 0, failures: 0, ...known }
    return this.#put({ ...fresh, chunk, urged: true, action: undefined, notBeforeMs: 0 })
  }

  /** Tries it again later, after the others of its urgency. */
  delay(chunk: ChunkId, untilMs: number, failures: number): void {
    const entry = this.#entries.get(chunk)
    if (entry === undefined) return
    this.remove(chunk)
    this.#put({ ...entry, notBeforeMs: untilMs, failures })
  }

  /** What was to be done has been done: look again. */
  refresh(chunk: ChunkId): void {
    const entry = this.#entries.get(chunk)
    if (entry !== undefined) this.#put({ ...entry, action: undefined, notBeforeMs: 0, failures: 0 })
  }

  remove(chunk: ChunkId): void {
    const entry = this.#entries.get(chunk)
    if (entry === undefined) return
    this.#entries.delete(chunk)
    this.#level(levelOf(entry)).delete(chunk)
    this.#bytes -= entry.bytes
  }

  /** Those that may be begun, the most urgent first. The queue may be changed meanwhile. */
  *due(nowMs: number): Generator<Entry> {
    for (const level of LEVELS) {
      const scanned: Entry[] = []
      for (const entry of this.#level(level).values()) {
        if (scanned.length >= SCAN_MAX) break
        scanned.push(entry)
      }
      for (const entry of scanned) if (entry.notBeforeMs <= nowMs) yield entry
    }
  }

  #level(level: Level): Map<ChunkId, Entry> {
    const entries = this.#levels.get(level)
    if (entries === undefined) throw new Error(`there is no level ${level}`)
    return entries
  }

  #put(entry: Entry): boolean {
    const known = this.#entries.get(entry.chunk)
    const level = this.#level(levelOf(entry))
    const moves = known === undefined || levelOf(known) !== levelOf(entry)
    if (moves && level.size >= this.#max) return false
    if (moves) this.remove(entry.chunk)
    else this.#bytes -= known.bytes
    this.#entries.set(entry.chunk, entry)
    level.set(entry.chunk, entry)
    this.#bytes += entry.bytes
    return true
  }
}
