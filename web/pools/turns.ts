/** A few requests at a time: of what is asked for each row of a list, the rest waits its turn. */

const AT_ONCE = 4

let running = 0
const waiting: Array<() => void> = []

/** Runs something when there is room. @throws as it does, or for a signal that came before */
export async function turn<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
  if (running >= AT_ONCE) await new Promise<void>((resolve) => waiting.push(resolve))
  else running++
  try {
    signal.throwIfAborted()
    return await work()
  } finally {
    const next = waiting.shift()
    // its place goes to the next one
    if (next === undefined) running--
    else next()
  }
}
