/** What operators ask of the controller, as part of the control protocol. */

import { z } from 'zod'
import { CHUNKS_PER_PAGE_MAX, NODES_MAX } from '../limits.ts'
import * as s from '../schema.ts'
import { empty, pageLimit, scrubReport } from './shapes.ts'

export const operatorMessages = {
  /** Empty a node (or not any more). @throws `drain-refused` with the reason */
  drainNode: {
    request: z.object({ peer: s.peerId, draining: z.boolean() }),
    response: empty,
    requestBody: false,
    responseBody: false
  },
  /** Forget a node for good. Without `force` only one whose chunks all have their copies elsewhere. @throws `retire-refused` with the reason */
  retireNode: {
    request: z.object({ peer: s.peerId, force: z.boolean() }),
    /** Chunks whose only recorded copy was there: with `force` they are lost. */
    response: z.object({ lastCopies: s.count }),
    requestBody: false,
    responseBody: false
  },
  /** The scrub of all nodes, or of one; `start` begins a full pass. Null for a node that is not heard, or does not answer. */
  scrub: {
    request: z.object({ peer: s.peerId.optional(), start: z.boolean() }),
    response: z.object({
      nodes: z
        .array(z.object({ peer: s.peerId, host: s.host, report: scrubReport.nullable() }))
        .max(NODES_MAX)
    }),
    requestBody: false,
    responseBody: false
  },
  /** `freeze` stops all deleting, `resume` ends that; `approve` lets the sweep of one node's unknown chunks go on that was stopped for its size. */
  collector: {
    request: z.object({ action: z.enum(['freeze', 'resume', 'approve']), peer: s.peerId.optional() }),
    response: empty,
    requestBody: false,
    responseBody: false
  },
  listSuspended: {
    request: z.object({ after: s.secretHash.optional(), limit: pageLimit }),
    response: z.object({
      links: z
        .array(
          z.object({
            tokenHash: s.secretHash,
            fileId: s.fileId,
            name: s.fileName,
            sizeBytes: s.count,
            uploadedAt: s.timeMs,
            expiresAt: s.timeMs
          })
        )
        .max(CHUNKS_PER_PAGE_MAX)
    }),
    requestBody: false,
    responseBody: false
  },
  resumeLinks: {
    request: z.object({ tokenHashes: z.array(s.secretHash).min(1).max(CHUNKS_PER_PAGE_MAX) }),
    response: z.object({ resumed: s.count }),
    requestBody: false,
    responseBody: false
  },
  /** A piece of a backup; the first request (no `backup`) makes one and says its number and size. Pieces in order, each once or again. */
  backup: {
    request: z.object({ backup: s.count.optional(), part: s.count }),
    response: z.object({ backup: s.count, last: z.boolean() }),
    requestBody: false,
    responseBody: true
  }
} as const
