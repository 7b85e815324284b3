/** A range of something on the server, over as many connections as it takes. */

import { ServerProblem, problemOf } from './problems.ts'

/** After so long without a byte, while one is waited for, a connection counts as lost. */
const STALL_MS = 45_000
const PAUSES_S = [1, 2, 4, 8, 15, 30]

export interface ResumeOptions {
  readonly signal: AbortSignal
  readonly onBytes: (bytes: number) => void
  /** Told each second until it goes on; undefined: it does. */
  readonly onWaiting: (seconds: number | undefined, goOn?: () => void) => void
}

/**
 * Bytes [start, end), in order. A connection that breaks is followed by another one from where it was.
 * @throws ServerProblem when there is nothing to wait for; the signal's reason
 */
export async function* resumableBytes(
  url: string,
  start: number,
  end: number,
  options: ResumeOptions
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
  const { signal, onBytes, onWaiting } = options
  let at = start
  for (let failures = 0; at < end; failures++) {
    let seconds: number
    try {
      for await (const piece of connection(url, at, end, signal)) {
        at += piece.byteLength
        failures = 0
        onBytes(piece.byteLength)
        yield piece
      }
      if (at >= end) return
      seconds = pauseS(failures)
    } catch (error) {
      signal.throwIfAborted()
      if (error instanceof ServerProblem && !error.isForNow) throw error
      seconds = Math.max(pauseS(failures), error instanceof ServerProblem ? error.retryAfterS : 0)
    }
    await pause(seconds, signal, onWaiting)
  }
}

const pauseS = (failures: number): number => PAUSES_S[failures] ?? PAUSES_S.at(-1) ?? 1

/** One answer. Ends early when the connection does. */
async function* connection(
  url: string,
  at: number,
  end: number,
  signal: AbortSignal
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
  const stalled = new AbortController()
  const either = AbortSignal.any([signal, stalled.signal])
  const watched = async <T>(work: Promise<T>): Promise<T> => {
    const timer = setTimeout(() => stalled.abort(), STALL_MS)
    try {
      return await work
    } finally {
      clearTimeout(timer)
    }
  }
  const response = await watched(
    fetch(url, { headers: { Range: `bytes=${at}-${end - 1}` }, signal: either, cache: 'no-store' })
  )
  // a server that sends all of it although a part was asked for sends the wrong bytes
  const isRight = response.status === 206 || (response.status === 200 && at === 0)
  if (!isRight || response.body === null) throw await problemOf(response)
  const reader = response.body.getReader()
  try {
    for (let left = end - at; left > 0;) {
      const { done, value } = await watched(reader.read())
      if (done) return
      const piece = value.subarray(0, left)
      left -= piece.byteLength
      yield piece
    }
  } finally {
    void reader.cancel().catch(() => undefined)
  }
}

/** Until the time is over, the line is back, or somebody does not want to wait. */
async function pause(
  seconds: number,
  signal: AbortSignal,
  onWaiting: ResumeOptions['onWaiting']
): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    let left = seconds
    const clear = (): void => {
      clearInterval(timer)
      window.removeEventListener('online', end)
      signal.removeEventListener('abort', stop)
    }
    const end = (): void => {
      clear()
      resolve()
    }
    const stop = (): void => {
      clear()
      reject(signal.reason as Error)
    }
    const timer = setInterval(() => {
      left--
      if (left <= 0) end()
      else onWaiting(left, end)
    }, 1000)
    window.addEventListener('online', end)
    signal.addEventListener('abort', stop)
    onWaiting(left, end)
  })
  onWaiting(undefined)
}
