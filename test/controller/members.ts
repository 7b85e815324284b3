/** Members and chunks made by hand, for tests of pure decisions. */

import { createHash } from 'node:crypto'
import type { CopyRecord } from '../../src/metadata-store.ts'
import { chunkIdFromDigest } from '../../src/protocol/ids.ts'
import type { ChunkId, Generation, Member, PeerId, Term } from '../../src/types.ts'

export const peer = (name: string): PeerId => `12D3KooW${name.padEnd(44, 'x')}` as PeerId
export const chunk = (name: string): ChunkId => chunkIdFromDigest(createHash('sha256').update(name).digest())
export const generation = (number: number): Generation => number as Generation
export const term = (number: number): Term => number as Term

/** An active, writable node on a host of its own, in its first boot. */
export const member = (name: string, changes: Partial<Member> = {}): Member => ({
  peer: peer(name),
  boot: 1,
  sequence: 1,
  roles: ['node'],
  addresses: [],
  host: `host-${name}`,
  zone: '',
  tier: 'hot',
  capacityBytes: 1e12,
  freeBytes: 1e12,
  usedBytes: 0,
  chunks: 0,
  state: 'active',
  version: '0.0.0',
  term: term(0),
  liveness: 'active',
  lastHeartbeatAt: 0,
  scrubbedAt: 0,
  quarantined: 0,
  ...changes
})

/** A copy the member gave a receipt for in its present boot. */
export const copyOn = (holder: Member, changes: Partial<CopyRecord> = {}): CopyRecord => ({
  peer: holder.peer,
  host: holder.host,
  generation: generation(1),
  boot: holder.boot,
  ...changes
})
