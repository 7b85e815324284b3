/** What is counted of each address: a bounded number of them, and none that matters is pushed out by others that come for the first time. */

/** Looked at when one has to go: the least of them does, the others get a further round. */
const LOOKED_AT = 16
/** Tries to make room for one entry: more than one, so that what was left by those that found none is made up for. */
const ROUNDS = 3

export interface AddressBookOptions<E> {
  readonly addressesMax: number
  readonly make: () => E
  /** 0 for an entry that says nothing any more, growing with what is counted in it; Infinity for one that has to stay. */
  readonly weigh: (entry: E) => number
}

/**
 * Entries by address. To make room, the lightest of those that were not used for longest goes. So whoever has thousands of addresses pushes out
 * those that asked once, his own; to push out one that asked a hundred times, he must ask a hundred times from nearly all the addresses that fit.
 */
export class AddressBook<E> {
  readonly #options: AddressBookOptions<E>
  /** In order of use, but for entries that were given a further round. */
  readonly #entries = new Map<string, E>()

  constructor(options: AddressBookOptions<E>) {
    this.#options = options
  }

  get size(): number {
    return this.#entries.size
  }

  /** The entry of an address, made when there is none. */
  at(key: string): E {
    const known = this.#entries.get(key)
    if (known !== undefined) {
      this.#entries.delete(key)
      this.#entries.set(key, known)
      return known
    }
    for (let round = 0; round < ROUNDS && this.#entries.size >= this.#options.addressesMax; round++)
      this.#makeRoom()
    const entry = this.#options.make()
    this.#entries.set(key, entry)
    return entry
  }

  /** When everything that was looked at has to stay, nothing goes: such entries stand for open connections, which are limited too. */
  #makeRoom(): void {
    let lightest: { key: string; weight: number } | undefined
    const seen: Array<[string, E]> = []
    for (const [key, entry] of this.#entries) {
      if (seen.length >= LOOKED_AT) break
      seen.push([key, entry])
      const weight = this.#options.weigh(entry)
      if (weight < (lightest?.weight ?? Infinity)) lightest = { key, weight }
      if (weight === 0) break
    }
    for (const [key, entry] of seen) {
      this.#entries.delete(key)
      if (key !== lightest?.key) this.#entries.set(key, entry)
    }
  }
}
