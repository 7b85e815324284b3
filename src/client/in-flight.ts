/** A bounded number of things under way at once. */

/**
 * A sink: runs `work` for each item, at most `limit` at once, and takes no further item before there is room. After the first failure
 * (of `work`, or of the source) it calls `onFailure` once, so that the rest can be cut short, waits until nothing runs any more, and throws it.
 */
export async function forEachInFlight<T>(
  source: AsyncIterable<T>,
  limit: number,
  work: (item: T) => Promise<void>,
  onFailure: (error: unknown) => void
): Promise<void> {
  const running = new Set<Promise<void>>()
  let failure: { error: unknown } | undefined
  const fail = (error: unknown): void => {
    if (failure !== undefined) return
    failure = { error }
    onFailure(error)
  }
  const hasFailed = (): boolean => failure !== undefined
  try {
    for await (const item of source) {
      const task = work(item)
        .catch(fail)
        .finally(() => running.delete(task))
      running.add(task)
      if (running.size >= limit) await Promise.race(running)
      if (hasFailed()) break
    }
  } catch (error) {
    fail(error)
  }
  await Promise.all(running)
  if (failure !== undefined) throw failure.error
}
