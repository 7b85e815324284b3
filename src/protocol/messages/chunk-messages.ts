/** The chunk protocol, spoken to nodes. */

import { z } from 'zod'
import { CHUNKS_PER_PAGE_MAX, INVENTORY_PREFIXES, SNAPSHOT_NAMES_MAX } from '../limits.ts'
import * as s from '../schema.ts'
import { chunkInfo, empty, pageLimit, receipt, scrubReport, snapshotName, target } from './shapes.ts'

export const chunkMessages = {
  /**
   * Store the body and pass it on to `copies - 1` further peers from `targets` while it arrives. Answers when `copiesMin` nodes on `hostsMin`
   * hosts hold it durably; the rest go on behind (`owed` says how many). Each copy is reported to the controller
   * by the node that holds it, and by the one that passed it on.
   */
  put: {
    request: z.object({
      id: s.chunkId,
      generation: s.generation,
      copies: z.int().min(1).max(16),
      copiesMin: z.int().min(1).max(16),
      hostsMin: z.int().min(1).max(16),
      targets: z.array(target).max(32)
    }),
    response: z.object({ receipts: z.array(receipt).min(1).max(16), owed: s.count }),
    requestBody: true,
    responseBody: false
  },
  /** The bytes [offset, offset + length) of a chunk, the whole verified first. */
  get: {
    request: z.object({ id: s.chunkId, offset: s.count, length: z.int().min(1).optional() }),
    response: z.object({ generation: s.generation, chunkBytes: s.count }),
    requestBody: false,
    responseBody: true
  },
  /** What the node records of chunks, in the order asked; null where it holds none. */
  has: {
    request: z.object({ ids: z.array(s.chunkId).min(1).max(CHUNKS_PER_PAGE_MAX) }),
    /** `puts`: how many puts this node had finished in this boot when it looked; for `trim`. */
    response: z.object({ chunks: z.array(chunkInfo.nullable()), boot: s.count, puts: s.count.default(0) }),
    requestBody: false,
    responseBody: false
  },
  /** Orders of the leader with its term. Answers which chunks are gone; the others are held at a greater generation. */
  delete: {
    request: z.object({
      term: s.term,
      orders: z
        .array(z.object({ chunk: s.chunkId, generation: s.generation }))
        .min(1)
        .max(CHUNKS_PER_PAGE_MAX)
    }),
    response: z.object({ gone: z.array(z.boolean()) }),
    requestBody: false,
    responseBody: false
  },
  /** Chunks by digest after `after`; only those that look like manifests when `manifests` is set. */
  list: {
    request: z.object({
      after: s.chunkId.optional(),
      limit: pageLimit,
      manifests: z.boolean().optional()
    }),
    response: z.object({ chunks: z.array(chunkInfo).max(CHUNKS_PER_PAGE_MAX), boot: s.count }),
    requestBody: false,
    responseBody: false
  },
  /** Give a copy of a chunk you hold to another node; the answer carries that node's receipt. `busy`: requests of clients under way on the answering node. */
  copy: {
    request: z.object({ term: s.term, id: s.chunkId, generation: s.generation, to: s.peerId }),
    response: z.object({ receipt, busy: s.count.default(0) }),
    requestBody: false,
    responseBody: false
  },
  /**
   * Delete copies that are too many, each only if the node is still in `boot`, holds it at no greater generation, and has finished no put of that chunk after the first
   * `puts` of this boot (and none is under way): a chunk that was given to it again meanwhile stays.
   */
  trim: {
    request: z.object({
      term: s.term,
      boot: s.count,
      puts: s.count,
      orders: z
        .array(z.object({ chunk: s.chunkId, generation: s.generation }))
        .min(1)
        .max(CHUNKS_PER_PAGE_MAX)
    }),
    response: z.object({ gone: z.array(z.boolean()) }),
    requestBody: false,
    responseBody: false
  },
  /** Lift the generation of chunks that are held, without their bytes; null where a chunk is not. */
  raise: {
    request: z.object({
      term: s.term,
      chunks: z
        .array(z.object({ chunk: s.chunkId, generation: s.generation }))
        .min(1)
        .max(CHUNKS_PER_PAGE_MAX)
    }),
    response: z.object({ receipts: z.array(receipt.nullable()) }),
    requestBody: false,
    responseBody: false
  },
  /** Number and digest of the chunks held, for each first byte of their digests (inventory.ts says how it is computed). */
  inventory: {
    request: empty,
    response: z.object({
      boot: s.count,
      prefixes: z
        .array(z.object({ count: s.count, digest: z.string().regex(/^[0-9a-f]{32}$/) }))
        .length(INVENTORY_PREFIXES)
    }),
    requestBody: false,
    responseBody: false
  },
  /** An operator's decision, which the node remembers and says in its heartbeat: it takes no new chunks, and gives what it has. */
  setDraining: {
    request: z.object({ term: s.term, draining: z.boolean() }),
    response: empty,
    requestBody: false,
    responseBody: false
  },
  /** How far the scrub is; `start` begins a full pass now, unless one that was asked for is running. */
  scrub: {
    request: z.object({ start: z.boolean() }),
    response: z.object({ report: scrubReport }),
    requestBody: false,
    responseBody: false
  },
  /** Keep a piece of the metadata's snapshot (the body). */
  putSnapshot: {
    request: z.object({ term: s.term, name: snapshotName }),
    response: empty,
    requestBody: true,
    responseBody: false
  },
  getSnapshot: {
    request: z.object({ name: snapshotName }),
    response: empty,
    requestBody: false,
    responseBody: true
  },
  /** Names after `after` in order. */
  listSnapshots: {
    request: z.object({ after: snapshotName.optional() }),
    response: z.object({
      names: z.array(snapshotName.extend({ sizeBytes: s.count })).max(SNAPSHOT_NAMES_MAX),
      more: z.boolean()
    }),
    requestBody: false,
    responseBody: false
  },
  dropSnapshots: {
    request: z.object({ term: s.term, names: z.array(snapshotName).min(1).max(SNAPSHOT_NAMES_MAX) }),
    response: empty,
    requestBody: false,
    responseBody: false
  },
  /** What a controller that takes over from a lost one has to know first. */
  recoveryInfo: {
    request: empty,
    response: z.object({
      boot: s.count,
      host: s.host,
      /** Greatest term obeyed or heard of. */
      term: s.term,
      /** How long ago a leading controller was last heard, other than the asking peer; null: never in this boot. */
      controllerHeardMsAgo: s.count.nullable(),
      /** Greatest generation of any chunk held. */
      generation: s.generation,
      chunks: s.count
    }),
    requestBody: false,
    responseBody: false
  }
} as const
