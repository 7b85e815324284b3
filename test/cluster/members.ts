/** Heartbeats for tests of pure deciders. */

import { Membership } from '../../src/cluster/membership.ts'
import type { Heartbeat, Member, PeerId, Term } from '../../src/types.ts'
import type { ManualClock } from '../kit/manual-clock.ts'

const GIB = 1024 ** 3

/** A valid peer id, different for each number. */
export const peerId = (number: number): PeerId =>
  `12D3KooW${Array.from(number.toString().padStart(44, '0'), (digit) => 'ABCDEFGHJK'[Number(digit)]).join('')}` as PeerId

export const heartbeat = (number: number, more: Partial<Heartbeat> = {}): Heartbeat => ({
  peer: peerId(number),
  boot: 1,
  sequence: 1,
  roles: ['node'],
  addresses: [],
  host: `host-${number}`,
  zone: '',
  tier: 'hot',
  capacityBytes: 100 * GIB,
  freeBytes: 100 * GIB,
  usedBytes: 0,
  chunks: 0,
  state: 'active',
  version: 'test',
  term: 0 as Term,
  scrubbedAt: 0,
  quarantined: 0,
  ...more
})

export const member = (number: number, more: Partial<Member> = {}): Member => ({
  ...heartbeat(number, more),
  liveness: 'active',
  lastHeartbeatAt: 0,
  ...more
})

export const membershipOf = (clock: ManualClock): Membership =>
  new Membership({ clock, suspectAfterMs: 5000, downAfterMs: 30_000 })
