import { PeerbinError } from '../errors.ts'
import type { Clock } from '../interfaces.ts'

/** A signal that aborts at a time limit or with its parent; `dispose` gives the timer back. */
export interface Deadline {
  readonly signal: AbortSignal
  [Symbol.dispose](): void
}

/**
 * Aborts with `deadline-exceeded` after `limitMs`, or with the parent's reason. Use with `using`, so that no timer is left behind:
 * `using limit = deadline(clock, 5000, signal)`.
 */
export function deadline(clock: Clock, limitMs: number, parent?: AbortSignal): Deadline {
  const controller = new AbortController()
  const timer = clock.setTimer(limitMs, () => controller.abort(new PeerbinError('deadline-exceeded')), {
    unref: true
  })
  const onParent = (): void => controller.abort(abortReason(parent))
  if (parent?.aborted === true) onParent()
  else parent?.addEventListener('abort', onParent, { once: true })
  return {
    signal: controller.signal,
    [Symbol.dispose]() {
      timer.cancel()
      parent?.removeEventListener('abort', onParent)
    }
  }
}

/** A signal of one's own that aborts with its parent, or when told to; `dispose` lets go of the parent. */
export interface AbortScope {
  readonly signal: AbortSignal
  abort(reason: PeerbinError): void
  [Symbol.dispose](): void
}

/** For work of several parts that end together: `using scope = abortScope(signal)`. */
export function abortScope(parent?: AbortSignal): AbortScope {
  const controller = new AbortController()
  const onParent = (): void => controller.abort(abortReason(parent))
  if (parent?.aborted === true) onParent()
  else parent?.addEventListener('abort', onParent, { once: true })
  return {
    signal: controller.signal,
    abort: (reason) => controller.abort(reason),
    [Symbol.dispose]: () => parent?.removeEventListener('abort', onParent)
  }
}

/** Why a signal aborted, always as an Error of ours. */
export function abortReason(signal: AbortSignal | undefined): PeerbinError {
  const reason: unknown = signal?.reason
  return reason instanceof PeerbinError ? reason : new PeerbinError('aborted', '', { cause: reason })
}

export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw abortReason(signal)
}

/** Settles as `promise` does, or rejects as soon as the signal aborts; a late rejection of `promise` is then ignored on purpose. */
export async function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise
  if (signal.aborted) {
    promise.catch(() => undefined) // nobody will look at it: a rejection must not end the process
    throw abortReason(signal)
  }
  let onAbort = (): void => {}
  const aborted = new Promise<never>((_resolve, reject) => {
    onAbort = () => reject(abortReason(signal))
    signal.addEventListener('abort', onAbort, { once: true })
  })
  try {
    return await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

/** Resolves after `delayMs`, or rejects when the signal aborts. */
export async function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  throwIfAborted(signal)
  await new Promise<void>((resolve, reject) => {
    const onAbort = (): void => {
      timer.cancel()
      reject(abortReason(signal))
    }
    const timer = clock.setTimer(delayMs, () => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    })
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}

/** Runs `work` with a signal that aborts after `limitMs`; rejects at the limit even when `work` ignores its signal. */
export async function withDeadline<T>(
  clock: Clock,
  limitMs: number,
  parent: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<T>
): Promise<T> {
  using limit = deadline(clock, limitMs, parent)
  return await abortable(work(limit.signal), limit.signal)
}
