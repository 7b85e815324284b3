/** Where uploads go: one edge of a cluster, or another of it when that one cannot be reached. */

/** An edge may live below a path of a larger site. */
export function below(server: URL, path: string): URL {
  const folder = new URL(server)
  if (!folder.pathname.endsWith('/')) folder.pathname += '/'
  return new URL(path, folder)
}

export class Servers {
  readonly #all: readonly URL[]
  #at = 0

  /** @param all edges of one cluster, one at least */
  constructor(all: readonly [URL, ...URL[]]) {
    this.#all = all
  }

  get count(): number {
    return this.#all.length
  }

  get current(): URL {
    const url = this.#all[this.#at]
    if (url === undefined) throw new RangeError('there is no such server')
    return url
  }

  /** The next in turn. */
  next(): URL {
    this.#at = (this.#at + 1) % this.#all.length
    return this.current
  }
}
