import { PeerbinError } from '../errors.ts'
import type { Receipt } from '../types.ts'

/** What one put asked for. */
export interface TallyRules {
  /** Copies wanted in all. */
  copies: number
  /** Fewest durable copies, on different nodes, before the answer goes out. */
  copiesMin: number
  /** Fewest hosts among those. */
  hostsMin: number
  /** Parties that may still give a receipt: the own store and each copy under way. */
  parties: number
}

/** Counts the receipts of one put and decides when its answer is known. */
export class ReceiptTally {
  readonly #rules: TallyRules
  readonly #receipts: Receipt[] = []
  readonly #decided = Promise.withResolvers<Receipt[]>()
  #outstanding: number
  #ownError: PeerbinError | undefined

  constructor(rules: TallyRules) {
    this.#rules = rules
    this.#outstanding = rules.parties
    // the requester may be gone by the time this rejects; then nobody waits, and that is no fault
    this.#decided.promise.catch(() => undefined)
  }

  /**
   * Resolves with the receipts that stand when there are enough on enough hosts. Rejects with `copies-missing` as soon as that cannot be
   * had any more (a put of one copy: with the own store's error), or with what `fail` was given.
   */
  get decided(): Promise<Receipt[]> {
    return this.#decided.promise
  }

  /** A party stored the chunk durably. Never call it before that is certain. */
  add(receipt: Receipt): void {
    this.#outstanding--
    this.#receipts.push(receipt)
    const hosts = new Set(this.#receipts.map((each) => each.host))
    if (this.#receipts.length >= this.#rules.copiesMin && hosts.size >= this.#rules.hostsMin) {
      this.#decided.resolve([...this.#receipts])
    } else this.#checkHope()
  }

  /** A copy failed for good. */
  miss(): void {
    this.#outstanding--
    this.#checkHope()
  }

  /** The own store failed. */
  missOwn(error: PeerbinError): void {
    this.#ownError = error
    this.miss()
  }

  /** The chunk as a whole came to nothing. */
  fail(error: PeerbinError): void {
    this.#decided.reject(error)
  }

  #checkHope(): void {
    const possible = this.#receipts.length + this.#outstanding
    if (this.#outstanding > 0 && possible >= this.#rules.copiesMin) return
    this.#decided.reject(this.#shortfall())
  }

  #shortfall(): PeerbinError {
    // a single copy is the node's own: whoever asked for it decides by this error whether to try again here
    if (this.#rules.copies === 1 && this.#ownError !== undefined) return this.#ownError
    const details = {
      copies: this.#receipts.length,
      copiesMin: this.#rules.copiesMin,
      hostsMin: this.#rules.hostsMin,
      ...(this.#ownError === undefined ? {} : { ownStore: this.#ownError.code })
    }
    return new PeerbinError('copies-missing', 'Too few nodes could store this chunk durably.', {
      details,
      cause: this.#ownError
    })
  }
}
