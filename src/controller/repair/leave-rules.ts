/** Whether a node may be emptied, or forgotten. Pure; the reasons are for an operator, with the numbers behind them. */

import { hostsMinOf } from '../../cluster/placement.ts'
import type { PeerId } from '../../types.ts'
import type { ClusterView } from './cluster-view.ts'
import type { Leaving } from './leaving-nodes.ts'

const MIB = 1024 * 1024

const count = (number: number, what: string): string => `${number} ${what}${number === 1 ? '' : 's'}`
const mib = (bytes: number): string => `${Math.ceil(bytes / MIB)} MiB`

/**
 * Why the node cannot be emptied now; undefined when it can.
 *
 * @param rule.copies copies of each chunk, where there are so many nodes
 * @param rule.copiesMin nodes that uploads need
 */
export function drainRefusal(
  peer: PeerId,
  view: ClusterView,
  rule: { copies: number; copiesMin: number }
): string | undefined {
  const others = view.targets.filter((member) => member.peer !== peer)
  if (others.length < rule.copiesMin) {
    return `${count(others.length, 'other node')} would be left that take chunks, and uploads need ${rule.copiesMin}`
  }
  const hosts = new Set(others.map((member) => member.host))
  const known = new Set([...view.nodes.values()].map(({ member }) => member.host))
  if (hosts.size < hostsMinOf(known)) {
    return `the ${others.length} other nodes that take chunks are all on one machine (${[...hosts].join()}), and uploads need two`
  }
  if (others.length < rule.copies) return undefined // what it holds, most of the others hold too
  const leaving = [...view.nodes.values()].filter(({ member, draining }) => member.peer === peer || draining)
  const usedBytes = leaving.reduce((sum, { member }) => sum + member.usedBytes, 0)
  const freeBytes = others.reduce((sum, member) => sum + member.freeBytes, 0)
  if (usedBytes <= freeBytes) return undefined
  const nodes = leaving.length === 1 ? 'it' : `the ${leaving.length} nodes that are being emptied`
  return `${nodes} hold${leaving.length === 1 ? 's' : ''} ${mib(usedBytes)}, and the others have room for ${mib(freeBytes)}`
}

/** Nothing is needed of a node that leaves, and this is certain. */
export const isSafe = (leaving: Leaving, isFenced: boolean): boolean =>
  isFenced && leaving.complete && leaving.chunks === 0 && leaving.open === 0

/**
 * Why the node cannot be forgotten now; undefined when it can.
 *
 * @param node.isHeard its heartbeats arrive, or did a moment ago
 * @param node.leaving undefined when its chunks were not looked at yet with regard to its leaving
 * @param node.othersSilent nodes that its chunks may depend on are not heard at the moment
 */
export function retireRefusal(
  node: {
    isHeard: boolean
    draining: boolean
    safe: boolean
    leaving: Leaving | undefined
    othersSilent: boolean
  },
  force: boolean
): string | undefined {
  if (node.safe) return undefined
  if (node.isHeard && !node.draining) return 'it is running and was not emptied: drain it first'
  const { leaving } = node
  if (node.othersSilent && (node.isHeard || !force)) {
    return 'other nodes are not heard at the moment, and nobody knows whether their copies are still there: try again in a minute'
  }
  if (leaving?.complete !== true) {
    return 'the chunks it holds are still being counted: try again in a moment'
  }
  if (node.isHeard) {
    if (leaving.chunks > 0) return `${count(leaving.chunks, 'chunk')} (${mib(leaving.bytes)}) still need it`
    if (leaving.open > 0) {
      return `${count(leaving.open, 'chunk')} of uploads under way may still need it`
    }
    return 'it has taken its last chunks only a moment ago: try again soon'
  }
  if (force || leaving.chunks === 0) return undefined
  return (
    `it is down, and ${count(leaving.chunks, 'chunk')} (${mib(leaving.bytes)}) have too few copies elsewhere (or all on one machine), ` +
    `${leaving.lastCopies} of them none: wait for their repair, or force it`
  )
}
