/** Which nodes keep the snapshots: a pure function of the members, and of who keeps them already. */

import { hash } from 'node:crypto'
import type { Member, PeerId } from '../../types.ts'

/**
 * At most `count` nodes. Other machines than the controller's first, then machines that are not used yet, then those that hold a snapshot already (a change means that everything
 * is sent anew), then in an order of their own (rendezvous). A suspect node stays, and takes no place of its own.
 */
export function chooseHolders(
  members: readonly Member[],
  options: { count: number; ownHost: string | undefined; current: ReadonlySet<PeerId> }
): Member[] {
  const { count, ownHost, current } = options
  const candidates = members
    .filter((member) => mayHold(member, current.has(member.peer)))
    .toSorted((a, b) => (weightOf(a.peer) < weightOf(b.peer) ? -1 : 1))
  const chosen: Member[] = []
  while (chosen.length < count) {
    const rank = (member: Member): number =>
      (member.host === ownHost ? 4 : 0) +
      (chosen.some(({ host }) => host === member.host) ? 2 : 0) +
      (current.has(member.peer) ? 0 : 1)
    const next = candidates
      .filter((member) => !chosen.includes(member))
      .reduce<Member | undefined>(
        (best, member) => (best === undefined || rank(member) < rank(best) ? member : best),
        undefined
      )
    if (next === undefined) break
    chosen.push(next)
  }
  return chosen
}

/** @param holds whether it holds the present one */
export const mayHold = (member: Member, holds: boolean): boolean =>
  member.roles.includes('node') &&
  (member.liveness === 'active' || (holds && member.liveness === 'suspect')) &&
  (member.state === 'active' || (holds && member.state === 'full'))

const weightOf = (peer: PeerId): string => hash('sha256', `snapshots/${peer}`, 'hex')

/** Whether a node on another machine than the controller's belongs to the cluster; those that are down count. */
export const hasOtherHosts = (nodeHosts: ReadonlySet<string>, ownHost: string | undefined): boolean =>
  [...nodeHosts].some((host) => host !== ownHost)
