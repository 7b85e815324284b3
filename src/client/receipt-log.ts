/** Receipts of one upload on their way to the controller. */

import { CHUNKS_PER_PAGE_MAX } from '../protocol/limits.ts'
import type { Receipt } from '../types.ts'
import type { ControllerClient } from './controller-client.ts'

/**
 * Collects receipts and records them a page at a time, so that a large upload keeps no more than one page of them. Nodes report
 * the same receipts in their own time; recording one twice is harmless, and a commit must not depend on that time.
 */
export class ReceiptLog {
  readonly #controller: ControllerClient
  readonly #signal: AbortSignal
  #waiting: Receipt[] = []

  constructor(controller: ControllerClient, signal: AbortSignal) {
    this.#controller = controller
    this.#signal = signal
  }

  /** Resolves when there is room for more. */
  async add(receipts: readonly Receipt[]): Promise<void> {
    this.#waiting.push(...receipts)
    if (this.#waiting.length >= CHUNKS_PER_PAGE_MAX) await this.flush()
  }

  /** Resolves when all that were added, and not taken by a flush before this one, are recorded. */
  async flush(): Promise<void> {
    while (this.#waiting.length > 0) {
      const page = this.#waiting.splice(0, CHUNKS_PER_PAGE_MAX)
      await this.#controller.call('recordReceipts', { receipts: page }, { signal: this.#signal })
    }
  }
}
