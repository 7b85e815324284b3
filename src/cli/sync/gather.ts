/** Gathers single requests that come at about the same time into one. */

interface Waiting<Item, Answer> {
  item: Item
  weight: number
  resolve: (answer: Answer) => void
  reject: (error: unknown) => void
}

/**
 * What is asked for while a request is under way goes with the next: a single file is sent at once, and thousands go by hundreds.
 * @param weightMax most that one request takes, of what `weigh` says of each item; one item always fits
 * @param ask answers all items in order; its error is everybody's, an answer of `Error` is one item's own
 */
export class Gatherer<Item, Answer> {
  #waiting: Waiting<Item, Answer>[] = []
  #underWay = 0
  readonly #ask: (items: readonly Item[]) => Promise<readonly (Answer | Error)[]>
  readonly #options: { weightMax: number; atOnceMax: number; weigh: (item: Item) => number }

  constructor(
    options: { weightMax: number; atOnceMax: number; weigh: (item: Item) => number },
    ask: (items: readonly Item[]) => Promise<readonly (Answer | Error)[]>
  ) {
    this.#options = options
    this.#ask = ask
  }

  async add(item: Item): Promise<Answer> {
    const answer = new Promise<Answer>((resolve, reject) => {
      this.#waiting.push({ item, weight: this.#options.weigh(item), resolve, reject })
    })
    // what the same turn of the event loop brings goes together
    queueMicrotask(() => this.#serve())
    return await answer
  }

  #serve(): void {
    while (this.#waiting.length > 0 && this.#underWay < this.#options.atOnceMax) {
      let weight = 0
      let count = 0
      for (const waiting of this.#waiting) {
        weight += waiting.weight
        if (count > 0 && weight > this.#options.weightMax) break
        count++
      }
      this.#underWay++
      void this.#send(this.#waiting.splice(0, count))
    }
  }

  async #send(group: readonly Waiting<Item, Answer>[]): Promise<void> {
    try {
      const answers = await this.#ask(group.map(({ item }) => item))
      for (const [index, { resolve, reject }] of group.entries()) {
        const answer = answers[index]
        if (answer === undefined) reject(new Error('an item without an answer'))
        else if (answer instanceof Error) reject(answer)
        else resolve(answer)
      }
    } catch (error) {
      for (const { reject } of group) reject(error)
    } finally {
      this.#underWay--
      this.#serve()
    }
  }
}
