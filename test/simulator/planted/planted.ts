/**
 * Mistakes that the checks must find, each where it would be made. They are put around production's parts and never into them. Every entry says
 * which invariants may be the first to fall.
 */

import { mergeConfig } from '../../../src/compose/config-sources.ts'
import type { LocatedPiece } from '../../../src/controller/recovery/found-series.ts'
import type { Invariant } from '../ledger.ts'
import type { Machine } from '../machine.ts'
import type { Planted } from '../world-options.ts'
import {
  ackBeforeSync,
  deleteUnsynced,
  dropNotes,
  ignoreGenerations,
  rememberWipedChunks,
  trustDisk
} from './stores.ts'
import { PLANTED_POOLS } from './pools.ts'
import { PLANTED_SYNC } from './synced.ts'
import { PLANTED_EVENTS } from './told.ts'
import { PLANTED_USERS } from './users.ts'
import {
  condemnReferenced,
  countReceiptsTwice,
  forgetClaims,
  getThenDelete,
  keepTerm,
  knowEverything,
  neverRepair,
  seeNoChunks,
  suspendAll
} from './metadata.ts'

export interface PlantedBug {
  readonly breaks: readonly Invariant[]
  /** Whether full replication is awaited, so that copies are counted; many mistakes are found by that alone, where it is. Default false. */
  readonly clean?: boolean
  /** Schedule to begin with: a mistake that is seen rarely is looked for where it was seen. Default 1. */
  readonly from?: number
  /** Anew for each schedule: a bug may remember things. */
  readonly plant: () => Planted
}

const byte = (bytes: Uint8Array): Uint8Array => {
  const wrong = bytes.slice()
  wrong[0] = (wrong[0] ?? 0) ^ 1
  return wrong
}

const PLANTED_SHARES: Readonly<Record<string, PlantedBug>> = {
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
  'get-then-delete': { from: 3, breaks: ['C'], plant: () => ({ metadata: getThenDelete }) },
  /** A claim that is asked for again is a new one. */
  'forget-claims': { from: 5, breaks: ['H', 'A'], plant: () => ({ metadata: forgetClaims, plan: BUSY }) },
  /** Chunks are condemned that another file refers to. */
  'condemn-referenced': {
    breaks: ['A'],
    plant: () => ({ metadata: condemnReferenced, plan: { ...BUSY, equalShare: 0.7 } })
  },
  /** A node carries out orders whatever generation they are for. */
  'ignore-generations': {
    from: 58,
    breaks: ['A', 'D'],
    clean: true,
    plant: () => ({ chunks: ignoreGenerations, plan: { ...REUPLOADS, destroys: false } })
  },
  /** A node says "already stored" from its memory of an earlier disk. */
  'remember-wiped-chunks': {
    breaks: ['A', 'D', 'F'],
    clean: true,
    plant: () => ({
      chunks: rememberWipedChunks(),
      plan: { ...REUPLOADS, destroys: true, weights: { wipe: 10 } }
    })
  },
  /** One copy counts as two. */
  'count-receipts-twice': {
    breaks: ['A', 'D'],
    plant: () => ({
      metadata: countReceiptsTwice,
      plan: { ...BUSY, hosts: 1 },
      edge: (edge) => {
        edge.peer.config.replication.copiesMin = 1
      }
    })
  },
  /** A controller takes no term of its own, so that nobody can tell it from the one before. */
  'keep-the-term': {
    from: 4,
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
  'never-repair': {
    from: 6,
    breaks: ['F', 'A'],
    clean: true,
    plant: () => ({ metadata: neverRepair, plan: BUSY })
  },
  /** A node has taken note of a redemption, and forgets it. */
  'drop-notes': { breaks: ['C'], plant: () => ({ pieces: dropNotes, plan: LOSS }) },
  /** A recovery goes by the snapshot alone. */
  'ignore-notes': {
    breaks: ['C'],
    plant: () => ({
      plan: LOSS,
      recovery: (plan) => ({
        ...plan,
        draft: async (file, found, pieces, logger) => {
          ;(found.notes as LocatedPiece[]).length = 0
          return await plan.draft(file, found, pieces, logger)
        }
      })
    })
  },
  /** A recovery takes nothing from the nodes but their snapshots. */
  'ignore-manifests': {
    from: 9,
    breaks: ['A'],
    plant: () => ({ metadata: (store) => knowEverything(store), plan: LOSS })
  },
  /** A recovery suspends links that nobody touched. */
  'suspend-all': { breaks: ['C'], plant: () => ({ metadata: suspendAll, plan: LOSS }) },
  /** A node that is being emptied may be switched off at once. */
  'drain-is-safe-at-once': {
    breaks: ['A'],
    plant: () => ({
      metadata: seeNoChunks,
      plan: { ...QUIET, operates: true, weights: { drain: 100 } }
    })
  },
  /** A chunk goes to the cold tier and is deleted elsewhere before it has got there. */
  'cold-before-copied': {
    breaks: ['A'],
    plant: () => ({
      chunks: (store, process, machine) => (isCold(machine) ? ackBeforeSync(store, process) : store),
      plan: { ...QUIET, coldNodes: 2 }
    })
  },
  /** Nobody looks whether what a disk has is still what it was given. */
  'trust-the-disk': {
    breaks: ['F', 'A'],
    clean: true,
    plant: () => ({ chunks: trustDisk, plan: { ...QUIET, destroys: true, weights: { rot: 100 } } })
  },
  /** Every node says that it is on a machine of its own. */
  'hide-hosts': {
    breaks: ['F', 'A', 'D'],
    clean: true,
    plant: () => ({
      options: (options, role) =>
        role === 'node'
          ? {
              ...options,
              config: mergeConfig(options.config ?? {}, { network: { machine: options.state?.self ?? '' } })
            }
          : options,
      plan: { ...QUIET, hosts: 3 }
    })
  },
  /** Memory is leased and not given back. */
  'leak-memory': {
    breaks: ['E'],
    plant: () => ({ edge: (edge) => void edge.parts.memory.tryAcquire(1) })
  },
  /** A secret is logged. */
  'log-secrets': {
    breaks: ['G'],
    plant: () => ({
      plan: { watchesLogs: true },
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

/** Nodes to spare, and little that goes wrong. */
const QUIET = {
  nodes: 5,
  hosts: 5,
  uploaders: 2,
  filesPerUploader: 6,
  pauseMs: 2000,
  faultsMs: 20_000,
  faultEveryMs: 8000,
  oldLeader: false,
  losesController: false
}

const isCold = (machine: Machine): boolean => machine.name === 'node-4' || machine.name === 'node-5'

/** The controller is lost while links are being redeemed. */
const LOSS = {
  sqlite: true,
  snapshotNodes: 3,
  controllers: 2,
  oldLeader: false,
  losesController: true,
  absentShare: 0,
  destroys: false,
  operates: false,
  uploaders: 3,
  filesPerUploader: 12,
  pauseMs: 1000,
  faultsMs: 15_000,
  faultEveryMs: 8000
}

/** Many files, and many faults. */
const BUSY = {
  uploaders: 3,
  filesPerUploader: 6,
  pauseMs: 1000,
  faultEveryMs: 1500,
  oldLeader: false,
  losesController: false
}

/** Many files with the same bytes, and nodes that are away. */
const REUPLOADS = { uploaders: 3, filesPerUploader: 6, pauseMs: 2000, faultEveryMs: 1500, equalShare: 0.9 }

export const PLANTED: Readonly<Record<string, PlantedBug>> = {
  ...PLANTED_SHARES,
  ...PLANTED_USERS,
  ...PLANTED_EVENTS,
  ...PLANTED_POOLS,
  ...PLANTED_SYNC
}
