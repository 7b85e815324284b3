/** One note on its way to nodes: how many are asked, and how many are enough. */

import { PeerbinError } from '../../errors.ts'
import type { Clock } from '../../interfaces.ts'
import type { PeerId } from '../../types.ts'

/** Nodes on other machines that keep a note, or a snapshot, before it counts as safe: one of them may be lost together with this machine. */
export const SAFE_COPIES = 2
/** One more node is asked after this share of the time limit, in case one of the others hangs. */
const HEDGE_SHARE = 0.05
/** And after this share a single node will do: the others may be down, and nobody has noticed yet. */
const PATIENCE_SHARE = 0.5
/** When it is worth asking again while notes cannot be taken. */
export const RETRY_AFTER_MS = 1000

export interface Placement {
  /** Resolves when the note is safe. @throws `copies-missing` when no node took it */
  readonly safe: Promise<void>
  /** Resolves when no answer is waited for any more. */
  readonly ended: Promise<void>
}

export interface PlacementOptions {
  readonly clock: Clock
  readonly timeoutMs: number
  readonly signal: AbortSignal
  /** Whom to ask, the best first. */
  readonly ranked: readonly PeerId[]
  /** How many of them count. */
  readonly counting: number
  /** Filled with those that were asked. */
  readonly asked: PeerId[]
  /** Rejects unless a node that counts has it. */
  readonly tell: (peer: PeerId) => Promise<void>
}

/** Asks as many as are needed, and for each that fails another one. */
export function placeNote(options: PlacementOptions): Placement {
  const { clock, timeoutMs, signal, ranked, asked, tell } = options
  const safe = Promise.withResolvers<void>()
  const ended = Promise.withResolvers<void>()
  let needed = Math.max(1, Math.min(SAFE_COPIES, options.counting))
  let kept = 0
  let underWay = 0
  const look = (): void => {
    if (kept >= needed || (underWay === 0 && kept > 0)) safe.resolve()
    if (underWay > 0) return
    safe.reject(nobodyTookNote()) // of no effect when it is safe
    for (const timer of timers) timer.cancel()
    ended.resolve()
  }
  const ask = async (peer: PeerId): Promise<void> => {
    asked.push(peer)
    underWay++
    try {
      await tell(peer)
      kept++
    } catch {
      askNext() // who tells has logged why
    }
    underWay--
    look()
  }
  const askNext = (): void => {
    const next = ranked[asked.length]
    if (next !== undefined && !signal.aborted) void ask(next)
  }
  const timers = [
    clock.setTimer(timeoutMs * HEDGE_SHARE, () => {
      if (kept < needed) askNext()
    }),
    clock.setTimer(timeoutMs * PATIENCE_SHARE, () => {
      needed = 1
      look()
    })
  ]
  for (let i = 0; i < needed; i++) askNext()
  look()
  return { safe: safe.promise, ended: ended.promise }
}

export const nobodyTookNote = (cause?: unknown): PeerbinError =>
  new PeerbinError(
    'copies-missing',
    'No node on another machine has taken note of this yet. Please try again.',
    { retryAfterMs: RETRY_AFTER_MS, ...(cause === undefined ? {} : { cause }) }
  )
