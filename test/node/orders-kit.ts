/** Orders of a leader to a node, as tests give them. */

import type { ChunkMessages, RequestOf, ResponseOf } from '../../src/protocol/messages.ts'
import type { ChunkId, Generation, PeerId, Term } from '../../src/types.ts'
import type { Participant } from '../kit/memory-cluster.ts'
import { generation } from './put-chunk.ts'

export const timeoutMs = 10_000
export const term = (value: number): Term => value as Term
/** A put that is kept on one node only. */
export const single = { copies: 1, copiesMin: 1, hostsMin: 1 }

/** Sends one message without a body. */
export async function ask<K extends keyof ChunkMessages>(
  from: Participant,
  to: { peer: PeerId },
  op: K,
  message: RequestOf<ChunkMessages, K>
): Promise<ResponseOf<ChunkMessages, K>> {
  return (await from.chunkRpc.call(to.peer, op, message, { timeoutMs })).message
}

export const orderOf = (chunk: { id: ChunkId }, upTo = 1): { chunk: ChunkId; generation: Generation } => ({
  chunk: chunk.id,
  generation: generation(upTo)
})
