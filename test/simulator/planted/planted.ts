/**
 * Mistakes that the checks must find, each where it would be made. They are put around production's parts and never into them. Every entry says
 * which invariants may be the first to fall.
 */

import type { Invariant } from '../ledger.ts'
import type { Planted } from '../world.ts'
import { ackBeforeSync, deleteUnsynced, ignoreGenerations, rememberWipedChunks } from './stores.ts'
import {
  condemnReferenced,
  countReceiptsTwice,
  forgetClaims,
  getThenDelete,
  keepTerm,
  neverRepair
} from './metadata.ts'

export interface PlantedBug {
  readonly breaks: readonly Invariant[]
  /** Whether full replication is awaited, so that copies are counted; many mistakes are found by that alone, where it is. Default false. */
  readonly clean?: boolean
  /** Anew for each schedule: a bug may remember things. */
  readonly plant: () => Planted
}

const byte = (bytes: Uint8Array): Uint8Array => {
  const wrong = bytes.slice()
  wrong[0] = (wrong[0] ?? 0) ^ 1
  return wrong
}

export const PLANTED: Readonly<Record<string, PlantedBug>> = {
  /** A receipt is given before the bytes are on the disk. */
  'ack-before-sync': { breaks: ['A', 'D'], plant: () => ({ chunks: ackBeforeSync }) },
  /** A delete is confirmed and never reaches the disk. */
  'delete-unsynced': { breaks: ['deleted'], plant: () => ({ chunks: deleteUnsynced }) },
  /** Bytes are handed out that nobody compared with their hash. */
  'skip-hash-check': {
    breaks: ['B'],
    plant: () => ({
      edge: (edge) => {
        edge.spoil = async function* (pieces) {
          for await (const piece of pieces) yield edge.process.chance.happens(0.2) ? byte(piece) : piece
        }
      }
    })
  },
  /** A claim is a look and then a write, in place of one conditional update. */
  'get-then-delete': { breaks: ['C'], plant: () => ({ metadata: getThenDelete }) },
  /** A claim that is asked for again is a new one. */
  'forget-claims': { breaks: ['H', 'A'], plant: () => ({ metadata: forgetClaims }) },
  /** Chunks are condemned that another file refers to. */
  'condemn-referenced': { breaks: ['A'], plant: () => ({ metadata: condemnReferenced }) },
  /** A node carries out orders whatever generation they are for. */
  'ignore-generations': {
    breaks: ['A', 'D'],
    clean: true,
    plant: () => ({ chunks: ignoreGenerations, plan: { ...REUPLOADS, destroys: false } })
  },
  /** A node says "already stored" from its memory of an earlier disk. */
  'remember-wiped-chunks': {
    breaks: ['A', 'D'],
    clean: true,
    plant: () => ({ chunks: rememberWipedChunks(), plan: { ...REUPLOADS, destroys: true } })
  },
  /** One copy counts as two. */
  'count-receipts-twice': {
    breaks: ['A', 'D'],
    plant: () => ({
      metadata: countReceiptsTwice,
      plan: { hosts: 1 },
      edge: (edge) => {
        edge.peer.config.replication.copiesMin = 1
      }
    })
  },
  /** A controller takes no term of its own, so that nobody can tell it from the one before. */
  'keep-the-term': {
    breaks: ['A', 'C', 'D', 'H', 'deleted'],
    plant: () => ({
      metadata: keepTerm,
      plan: {
        oldLeader: true,
        sqlite: true,
        controllers: 2,
        uploaders: 3,
        filesPerUploader: 10,
        pauseMs: 5000
      }
    })
  },
  /** Nobody makes the copies that are owed. */
  'never-repair': { breaks: ['F', 'A'], clean: true, plant: () => ({ metadata: neverRepair }) },
  /** Memory is leased and not given back. */
  'leak-memory': {
    breaks: ['E'],
    plant: () => ({ edge: (edge) => void edge.parts.memory.tryAcquire(1) })
  },
  /** A secret is logged. */
  'log-secrets': {
    breaks: ['G'],
    plant: () => ({
      edge: (edge) => {
        const { writer } = edge.parts
        const upload = writer.upload.bind(writer)
        writer.upload = async (request) => {
          const result = await upload(request)
          edge.peer.logger.info('stored', { path: `/d/${result.token}` })
          return result
        }
      }
    })
  }
}

/** Many files with the same bytes, and nodes that are away. */
const REUPLOADS = { uploaders: 3, filesPerUploader: 6, pauseMs: 2000, faultEveryMs: 1500, equalShare: 0.9 }
