/** Works on items in their order, some of them ahead of whoever takes the results. An error comes out in its place, and ends it. */
export async function* readAhead<T, R>(
  items: Iterable<T>,
  ahead: number,
  work: (item: T) => Promise<R>
): AsyncGenerator<R, void, undefined> {
  const begun: Array<Promise<R>> = []
  try {
    for (const item of items) {
      const result = work(item)
      result.catch(() => undefined) // seen when its turn comes
      begun.push(result)
      const next = begun.length > ahead ? begun.shift() : undefined
      if (next !== undefined) yield await next
    }
    for (let next = begun.shift(); next !== undefined; next = begun.shift()) yield await next
  } finally {
    await Promise.allSettled(begun)
  }
}
