/** One at a time for each key, in order of arrival; different keys do not wait for each other. */
export class KeyedLock<Key> {
  /** End of the queue of each key that is in use. */
  readonly #tails = new Map<Key, Promise<void>>()

  async run<T>(key: Key, work: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key)
    const done = Promise.withResolvers<void>()
    this.#tails.set(key, done.promise)
    try {
      await before
      return await work()
    } finally {
      if (this.#tails.get(key) === done.promise) this.#tails.delete(key)
      done.resolve()
    }
  }
}
