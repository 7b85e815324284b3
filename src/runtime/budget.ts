import { PeerbinError } from '../errors.ts'
import { abortReason, throwIfAborted } from './deadline.ts'

/** A share of a budget; giving it back twice is harmless. */
export interface Lease {
  readonly amount: number
  /**
   * Others may have it: `onWanted` is called once, as soon as somebody waits for the budget, and should give it back soon. Of several offers the oldest is
   * called first, and no more of them than there are waiters.
   */
  offer(onWanted: () => void): void
  /** Takes an offer back; harmless when there is none. */
  keep(): void
  release(): void
}

interface Waiter {
  readonly amount: number
  readonly grant: (lease: Lease) => void
}

interface Offer {
  readonly call: () => void
}

/** While both wait, one in so many turns is for those that are late. */
const LATE_SHARE = 4

/**
 * A bounded amount of something (bytes of memory, connections, slots) that waits its turn in order of arrival. Waiters are bounded too: beyond
 * `waitersMax` a request is turned away with `busy` instead of growing the queue.
 */
export class Budget {
  readonly total: number
  readonly #waitersMax: number
  #used = 0
  #peak = 0
  readonly #prompt: Waiter[] = []
  readonly #late: Waiter[] = []
  /** Turns given since the last one for those that are late. */
  #promptTurns = 0
  /** Oldest first. */
  readonly #offers = new Set<Offer>()
  /** Leases that were called for and are not back yet. */
  #called = 0
  #calling = false

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
    return this.#prompt.length + this.#late.length
  }

  /** A lease at once, or undefined when it would have to wait. */
  tryAcquire(amount: number): Lease | undefined {
    if (this.waiting > 0 || this.#used + amount > this.total) return undefined
    return this.#grant(amount)
  }

  /**
   * Waits for its turn.
   * @param late for one that has held others up before, or asks many times: while others wait too, it is served one time in LATE_SHARE
   * @throws `busy` when too many wait already or `amount` can never fit; the signal's reason when it aborts.
   */
  async acquire(amount: number, signal?: AbortSignal, late = false): Promise<Lease> {
    throwIfAborted(signal)
    if (amount > this.total)
      throw new PeerbinError('busy', 'asked for more than the whole budget', { details: { amount } })
    const now = this.tryAcquire(amount)
    if (now !== undefined) return now
    if (this.waiting >= this.#waitersMax) throw new PeerbinError('busy', '', { retryAfterMs: 1000 })
    const queue = late ? this.#late : this.#prompt
    return await new Promise<Lease>((resolve, reject) => {
      const onAbort = (): void => {
        const index = queue.indexOf(waiter)
        if (index >= 0) queue.splice(index, 1)
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
      queue.push(waiter)
      signal?.addEventListener('abort', onAbort, { once: true })
      this.#callIn()
    })
  }

  #grant(amount: number): Lease {
    this.#used += amount
    this.#peak = Math.max(this.#peak, this.#used)
    let held = true
    let called = false
    let offer: Offer | undefined
    const keep = (): void => {
      if (offer !== undefined) this.#offers.delete(offer)
      offer = undefined
    }
    return {
      amount,
      offer: (onWanted) => {
        keep()
        if (!held || called) return
        offer = {
          call: () => {
            offer = undefined
            called = true
            this.#called++
            onWanted()
          }
        }
        this.#offers.add(offer)
        this.#callIn()
      },
      keep,
      release: () => {
        if (!held) return
        held = false
        keep()
        if (called) this.#called--
        this.#used -= amount
        this.#serve()
        this.#callIn()
      }
    }
  }

  /** Whose turn it is. Nobody overtakes him, however little he asks for: a large one would starve. */
  #next(): Waiter[] | undefined {
    if (this.#prompt.length === 0) return this.#late.length === 0 ? undefined : this.#late
    if (this.#late.length === 0) return this.#prompt
    return this.#promptTurns >= LATE_SHARE - 1 ? this.#late : this.#prompt
  }

  #serve(): void {
    for (let queue = this.#next(); queue !== undefined; queue = this.#next()) {
      const [waiter] = queue
      if (waiter === undefined || this.#used + waiter.amount > this.total) return
      queue.shift()
      this.#promptTurns = queue === this.#late ? 0 : this.#promptTurns + 1
      waiter.grant(this.#grant(waiter.amount))
    }
  }

  /** Calls for offered leases, one for each waiter. An offer that is given back at once comes in here again: one loop at a time. */
  #callIn(): void {
    if (this.#calling) return
    this.#calling = true
    try {
      for (const offer of this.#offers) {
        if (this.#called >= this.waiting) return
        this.#offers.delete(offer)
        offer.call()
      }
    } finally {
      this.#calling = false
    }
  }
}
