import { PeerbinError } from '../errors.ts'
import type { ChunkStore, Clock } from '../interfaces.ts'
import { digestOf } from '../protocol/ids.ts'
import { InventoryDigest } from '../protocol/inventory.ts'
import type { InventorySummary } from '../protocol/inventory.ts'
import { INVENTORY_PREFIXES } from '../protocol/limits.ts'
import { abortable, sleep, throwIfAborted, withDeadline } from '../runtime/deadline.ts'
import type { Generation } from '../types.ts'

/** Chunks taken from the store in one go: a few milliseconds of work. */
const PAGE_CHUNKS = 256
/** Others have a turn when the pass has computed for so long: a store in memory never waits by itself. */
const TURN_MS = 20
/** A million chunks take seconds; a pass that lasts so long hangs. */
const PASS_MS = 10 * 60 * 1000

/** What a node holds, in figures. */
export interface TakenInventory {
  /** Boot of the node when the pass began. */
  boot: number
  /** For each first byte of the digests. */
  prefixes: InventorySummary[]
  /** Greatest of any chunk; 0 when none is held. */
  generation: Generation
}

export interface InventoryTakerDeps {
  store: ChunkStore
  boot: () => number
  clock: Clock
}

/**
 * Goes through everything that is held, once for all who ask meanwhile. Chunks that come or go while it runs may be in it or not: whoever compares it finds
 * a difference then, and looks closer.
 */
export class InventoryTaker {
  readonly #deps: InventoryTakerDeps
  readonly #stopping = new AbortController()
  #running: Promise<TakenInventory> | undefined
  #generation: Generation | undefined

  constructor(deps: InventoryTakerDeps) {
    this.#deps = deps
  }

  /** @throws what the store throws, `deadline-exceeded`, `shutting-down`, the signal's reason */
  async take(signal: AbortSignal): Promise<TakenInventory> {
    this.#running ??= this.#pass().finally(() => {
      this.#running = undefined
    })
    return await abortable(this.#running, signal)
  }

  /** Greatest generation found by any pass since the start; makes one when there was none. @throws as `take` */
  async greatestGeneration(signal: AbortSignal): Promise<Generation> {
    return this.#generation ?? (await this.take(signal)).generation
  }

  /** Ends a pass that runs, and every later one at once. */
  async stop(): Promise<void> {
    this.#stopping.abort(new PeerbinError('shutting-down'))
    await this.#running?.catch(() => undefined) // those who wait for it hear of that
  }

  async #pass(): Promise<TakenInventory> {
    const { clock, boot } = this.#deps
    const began = boot() // in a later boot these would be the figures of an earlier one
    return await withDeadline(clock, PASS_MS, this.#stopping.signal, async (signal) => {
      const digests = Array.from({ length: INVENTORY_PREFIXES }, () => new InventoryDigest())
      const generation = await this.#walk(digests, signal)
      if (this.#generation === undefined || generation > this.#generation) this.#generation = generation
      return { boot: began, prefixes: digests.map((digest) => digest.summary()), generation }
    })
  }

  async #walk(digests: readonly InventoryDigest[], signal: AbortSignal): Promise<Generation> {
    const { clock, store } = this.#deps
    let greatest = 0 as Generation
    let turnAt = clock.monotonic()
    for (let page = await store.list({ limit: PAGE_CHUNKS }); ;) {
      throwIfAborted(signal)
      for (const { id, generation } of page) {
        const digest = digestOf(id)
        digests[digest[0] ?? 0]?.add(digest, generation)
        if (generation > greatest) greatest = generation
      }
      const last = page.at(-1)
      if (last === undefined || page.length < PAGE_CHUNKS) return greatest
      if (clock.monotonic() - turnAt > TURN_MS) {
        await sleep(clock, 1, signal)
        turnAt = clock.monotonic()
      }
      page = await store.list({ after: last.id, limit: PAGE_CHUNKS })
    }
  }
}
