import { PeerbinError } from '../errors.ts'
import { abortReason, throwIfAborted } from './deadline.ts'

/** A share of a budget; giving it back twice is harmless. */
export interface Lease {
  readonly amount: number
  release(): void
}

interface Waiter {
  amount: number
  grant: (lease: Lease) => void
}

/**
 * A bounded amount of something (bytes of memory, connections, slots) that waits its turn in order of arrival. Waiters are bounded too: beyond
 * `waitersMax` a request is turned away with `busy` instead of growing the queue.
 */
export class Budget {
  readonly total: number
  readonly #waitersMax: number
  #used = 0
  #peak = 0
  readonly #waiters: Waiter[] = []

  constructor(total: number, waitersMax: number) {
    this.total = total
    this.#waitersMax = waitersMax
  }

  get used(): number {
    return this.#used
  }

  /** Most that was ever in use at once. */
  get peak(): number {
    return this.#peak
  }

  get waiting(): number {
    return this.#waiters.length
  }

  /** A lease at once, or undefined when it would have to wait. */
  tryAcquire(amount: number): Lease | undefined {
    if (this.#waiters.length > 0 || this.#used + amount > this.total) return undefined
    return this.#grant(amount)
  }

  /** Waits for its turn. @throws `busy` when too many wait already or `amount` can never fit; the signal's reason when it aborts. */
  async acquire(amount: number, signal?: AbortSignal): Promise<Lease> {
    throwIfAborted(signal)
    if (amount > this.total)
      throw new PeerbinError('busy', 'asked for more than the whole budget', { details: { amount } })
    const now = this.tryAcquire(amount)
    if (now !== undefined) return now
    if (this.#waiters.length >= this.#waitersMax) throw new PeerbinError('busy', '', { retryAfterMs: 1000 })
    return await new Promise<Lease>((resolve, reject) => {
      const onAbort = (): void => {
        const index = this.#waiters.indexOf(waiter)
        if (index >= 0) this.#waiters.splice(index, 1)
        this.#serve() // the one that left may have held up smaller ones behind it
        reject(abortReason(signal))
      }
      const waiter: Waiter = {
        amount,
        grant: (lease) => {
          signal?.removeEventListener('abort', onAbort)
          resolve(lease)
        }
      }
      this.#waiters.push(waiter)
      signal?.addEventListener('abort', onAbort, { once: true })
    })
  }

  #grant(amount: number): Lease {
    this.#used += amount
    this.#peak = Math.max(this.#peak, this.#used)
    let held = true
    return {
      amount,
      release: () => {
        if (!held) return
        held = false
        this.#used -= amount
        this.#serve()
      }
    }
  }

  #serve(): void {
    for (let next = this.#waiters[0]; next !== undefined; next = this.#waiters[0]) {
      if (this.#used + next.amount > this.total) return
      this.#waiters.shift()
      next.grant(this.#grant(next.amount))
    }
  }
}
