import { BlockWriter } from '../client/blocks/block-writer.ts'
import { FileReader } from '../client/file-reader.ts'
import { FileWriter } from '../client/file-writer.ts'
import { ChunkWriter } from '../client/chunk-writer.ts'
import { ResumableWriter } from '../client/resume/resumable-writer.ts'
import { createScanGate } from '../client/scan/scan-gate.ts'
import type { ScanGate } from '../client/scan/scan-gate.ts'
import { Budget } from '../runtime/budget.ts'
import type { Peer } from './peer.ts'

/** What sends files into the cluster and gets them out again, within one budget of memory. */
export interface ShareParts {
  readonly writer: FileWriter
  readonly resumable: ResumableWriter
  readonly blocks: BlockWriter
  readonly reader: FileReader
  readonly memory: Budget
  readonly scans: ScanGate | undefined
}

/** @param options.chunkBytes size of the chunks of a file; default: CHUNK_BYTES_MAX */
export function shareParts(peer: Peer, options: { chunkBytes?: number } = {}): ShareParts {
  const { membership, clock, random, config, logger, controller } = peer
  const memory = new Budget(config.edge.memoryBytes, config.edge.memoryWaitersMax)
  const chunks = new ChunkWriter({
    rpc: peer.chunkRpc,
    controller,
    membership,
    clock,
    logger,
    config: config.replication
  })
  const scans = createScanGate({ clock, logger, config })
  const parts = {
    chunks,
    controller,
    memory,
    clock,
    random,
    config,
    logger,
    clusterKey: peer.cluster.secret,
    scans,
    ...options
  }
  const writer = new FileWriter(parts)
  const reader = new FileReader({ rpc: peer.chunkRpc, controller, membership, memory, clock, config, logger })
  const resumable = new ResumableWriter({ ...parts, reader })
  const blocks = new BlockWriter({ ...parts, reader })
  return { writer, resumable, blocks, reader, memory, scans }
}
