/** Blocks as users name them: by the hex SHA-256 of their bytes. Inside the cluster they are chunks. */

import type { ChunkId } from '../types.ts'
import { chunkIdFromDigest, digestOf } from './ids.ts'

/** @param digest 64 lower-case hex digits */
export const blockIdOf = (digest: string): ChunkId => chunkIdFromDigest(Buffer.from(digest, 'hex'))

export const blockDigestOf = (chunk: ChunkId): string => Buffer.from(digestOf(chunk)).toString('hex')
