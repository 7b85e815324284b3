/** The brakes of the collector: a freeze, that stops all deleting, and the approval of sweeps that are large. Both survive restarts. */

import type { MetadataStore } from '../../metadata-store.ts'
import type { PeerId } from '../../types.ts'
import { SETTINGS } from '../settings.ts'

export interface BrakesDeps {
  store: Pick<MetadataStore, 'readSetting' | 'writeSetting'>
}

export class Brakes {
  readonly #store: BrakesDeps['store']
  #frozen: string | null = null
  /** Deletions under way; each has a deadline of its own. */
  readonly #running = new Set<Promise<unknown>>()

  constructor({ store }: BrakesDeps) {
    this.#store = store
  }

  /** Why nothing is deleted; null: it is not frozen. */
  get frozen(): string | null {
    return this.#frozen
  }

  /** Once, before anything is deleted. */
  async restore(): Promise<void> {
    this.#frozen = await this.#store.readSetting(SETTINGS.frozen)
  }

  /** Resolves when that is durable, and nothing is being deleted any more. One that is frozen already stays so for its first reason. */
  async freeze(reason: string): Promise<void> {
    this.#frozen ??= reason // first: whatever becomes of the write, nothing more is begun
    await this.#store.writeSetting(SETTINGS.frozen, this.#frozen)
    // how they end matters to those who wait for their results
    await Promise.allSettled(this.#running)
  }

  async resume(): Promise<void> {
    await this.#store.writeSetting(SETTINGS.frozen, null)
    this.#frozen = null
  }

  /** Does something that deletes, or makes orders to delete; undefined, and nothing is done, while frozen. */
  async whileReleased<T>(work: () => Promise<T>): Promise<T | undefined> {
    if (this.#frozen !== null) return undefined
    const running = work()
    this.#running.add(running)
    try {
      return await running
    } finally {
      this.#running.delete(running)
    }
  }

  async approveSweep(peer: PeerId, chunksMax: number): Promise<void> {
    await this.#store.writeSetting(SETTINGS.sweepApproved(peer), String(chunksMax))
  }

  /** Up to how many unknown chunks of this node may be swept, by an operator's word; 0: none. */
  async approvedChunks(peer: PeerId): Promise<number> {
    const text = await this.#store.readSetting(SETTINGS.sweepApproved(peer))
    const chunks = Number(text ?? 0)
    return Number.isSafeInteger(chunks) && chunks > 0 ? chunks : 0
  }

  /** The approved sweep was done. */
  async spendApproval(peer: PeerId): Promise<void> {
    await this.#store.writeSetting(SETTINGS.sweepApproved(peer), null)
  }
}
