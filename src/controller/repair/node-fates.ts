/** What became of the nodes that fell silent, and when so many did that it is better to wait for them. Pure; times are monotonic milliseconds. */

import type { Config } from '../../config.ts'

/**
 * What the copies on a node are good for. `alive`: it is heard, or was a moment ago; `waiting`: it is down, and may well come back with its copies; `gone`: it has been
 * away for so long that they are made again elsewhere.
 */
export type Fate = 'alive' | 'waiting' | 'gone'

/** What a controller has seen of a node. */
export interface Observation {
  /** When it was last seen active; for one that this controller has not heard yet, when it began to listen. */
  readonly silentSince: number
  /** Its heartbeats arrive in time. */
  readonly active: boolean
  /** It was being emptied when it was last seen. */
  readonly drained: boolean
}

export type FateConfig = Pick<
  Config['repair'],
  'delayMs' | 'drainedDelayMs' | 'lostShare' | 'lostWindowMs' | 'pauseMs'
> &
  Pick<Config['heartbeat'], 'downAfterMs'>

/** Fewer are a misfortune, not an outage: a single node never makes repair pause, however small the cluster is. */
const LOST_MIN = 2

export function fateOf(node: Observation, nowMs: number, config: FateConfig): Fate {
  const silentMs = nowMs - node.silentSince
  if (node.active || silentMs < config.downAfterMs) return 'alive'
  return silentMs < (node.drained ? config.drainedDelayMs : config.delayMs) ? 'waiting' : 'gone'
}

/** Many nodes vanished together: most likely a switch, a rack or a room, and they return together. */
export interface Pause {
  /** Nodes lost within one window. */
  readonly lost: number
  readonly nodes: number
  readonly untilMs: number
}

/**
 * Whether only last copies are to be repaired now: more than `lostShare` percent of the nodes fell silent within `lostWindowMs` of each other, are still away, and the last of
 * them did so less than `pauseMs` ago. Nodes that were being emptied were meant to go.
 */
export function pauseOf(nodes: readonly Observation[], nowMs: number, config: FateConfig): Pause | undefined {
  const lostAt = nodes
    .filter((node) => !node.drained && fateOf(node, nowMs, config) !== 'alive')
    .map((node) => node.silentSince)
    .sort((a, b) => a - b)
  let pause: Pause | undefined
  let first = 0
  for (const [last, at] of lostAt.entries()) {
    while ((lostAt[first] ?? at) < at - config.lostWindowMs) first++
    const lost = last - first + 1
    if (lost < LOST_MIN || lost * 100 <= config.lostShare * nodes.length) continue
    const untilMs = at + config.pauseMs
    if (nowMs < untilMs) pause = { lost, nodes: nodes.length, untilMs }
  }
  return pause
}
