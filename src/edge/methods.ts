/** Which methods an address takes, for 405 in place of 404. */

/** Collects routes as they are added. */
export class MethodTable {
  readonly #routes = new Map<string, { pattern: RegExp; methods: Set<string> }>()

  /** @param url a pattern whose parameters are whole segments: `/d/:token` */
  add(url: string, methods: string | string[]): void {
    const known = this.#routes.get(url) ?? { pattern: patternOf(url), methods: new Set<string>() }
    for (const method of [methods].flat()) known.methods.add(method)
    this.#routes.set(url, known)
  }

  /** Methods of every route that matches the path; empty when there is nothing there. */
  allowed(path: string): string[] {
    const methods = new Set<string>()
    for (const route of this.#routes.values()) {
      if (route.pattern.test(path)) for (const method of route.methods) methods.add(method)
    }
    return [...methods].sort()
  }
}

const patternOf = (url: string): RegExp => {
  const segments = url
    .split('/')
    .map((part) => (part.startsWith(':') ? '[^/]+' : part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')))
  return new RegExp(`^${segments.join('/')}$`)
}
