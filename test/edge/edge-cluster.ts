/**
 * Edges over a cluster in this process: real HTTP sockets in front, real services behind, an in-memory network between.
 *
 *   const edges = await startEdges(t, { edges: 2 })
 *   const answer = await fetch(`${edges.url(0)}/upload`, …)
 */

import { FileReader } from '../../src/client/file-reader.ts'
import { FileWriter } from '../../src/client/file-writer.ts'
import { BlockWriter } from '../../src/client/blocks/block-writer.ts'
import { ChunkWriter } from '../../src/client/chunk-writer.ts'
import { ResumableWriter } from '../../src/client/resume/resumable-writer.ts'
import { PasswordHasher } from '../../src/client/password-hasher.ts'
import { createScanGate } from '../../src/client/scan/scan-gate.ts'
import { IndexShelf } from '../../src/edge/delivery/index-shelf.ts'
import { Edge } from '../../src/edge/edge.ts'
import type { ResolveName } from '../../src/edge/webhooks/names.ts'
import type { Logger } from '../../src/interfaces.ts'
import { Budget } from '../../src/runtime/budget.ts'
import { MemoryCluster } from '../kit/memory-cluster.ts'
import type { MemoryClusterOptions, Participant } from '../kit/memory-cluster.ts'
import type { UploadAnswer } from '../../src/edge/upload-answer.ts'

export interface EdgeClusterOptions extends MemoryClusterOptions {
  /** Default 1. */
  edges?: number
  /** How names of webhooks are resolved. */
  resolveName?: ResolveName
}

export interface RunningEdge {
  readonly edge: Edge
  readonly participant: Participant
  readonly memory: Budget
  /** The edge's own, for uploads that no form can make. */
  readonly writer: FileWriter
  readonly passwords: PasswordHasher
  readonly indexes: IndexShelf
}

export interface EdgeCluster {
  readonly cluster: MemoryCluster
  readonly edges: readonly RunningEdge[]
  url: (index?: number) => string
  addEdge: () => Promise<RunningEdge>
}

interface Teardown {
  teardown: (work: () => Promise<void>) => void
}

export async function startEdges(t: Teardown, options: EdgeClusterOptions = {}): Promise<EdgeCluster> {
  const cluster = await MemoryCluster.start(options)
  const edges: RunningEdge[] = []
  t.teardown(async () => {
    for (const { edge } of edges) await edge.stop()
    await cluster.stop()
  })
  const addEdge = async (): Promise<RunningEdge> => {
    const running = await makeEdge(cluster, options.logger ?? cluster.logger, options.resolveName)
    edges.push(running)
    await running.edge.start()
    return running
  }
  for (let i = 0; i < (options.edges ?? 1); i++) await addEdge()
  return {
    cluster,
    edges,
    addEdge,
    url: (index = 0) => {
      const url = edges[index]?.edge.url
      if (url === undefined) throw new Error(`there is no edge ${index}`)
      return url
    }
  }
}

async function makeEdge(
  cluster: MemoryCluster,
  logger: Logger,
  resolveName: ResolveName | undefined
): Promise<RunningEdge> {
  const participant = await cluster.client('edge')
  const { membership, controller } = participant
  const { clock, random, config, clusterKey } = cluster
  const memory = new Budget(config.edge.memoryBytes, config.edge.memoryWaitersMax)
  const shared = { controller, membership, memory, clock, random, logger, config }
  const chunks = new ChunkWriter({ rpc: participant.chunkRpc, ...shared, config: config.replication })
  const scans = createScanGate({ clock, logger, config })
  const writer = new FileWriter({ ...shared, chunks, clusterKey, scans })
  const reader = new FileReader({ ...shared, rpc: participant.chunkRpc })
  const resumable = new ResumableWriter({ ...shared, chunks, clusterKey, scans, reader })
  const blocks = new BlockWriter({ ...shared, chunks, clusterKey, scans, reader })
  const edge = new Edge({
    ...shared,
    writer,
    resumable,
    blocks,
    reader,
    scans,
    resolveName,
    version: '0.0.0-test',
    clusterName: 'test'
  })
  const passwords = new PasswordHasher(shared)
  // not the one that its routes use
  const indexes = new IndexShelf({ ...shared, reader })
  return { edge, participant, memory, writer, passwords, indexes }
}

/** Bytes that differ everywhere, the same for the same arguments. */
export function sampleBytes(length: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(length)
  let state = seed * 2654435761
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    bytes[i] = state >>> 24
  }
  return bytes
}

/** Uploads with a form, as a program does. */
export async function upload(
  url: string,
  bytes: Uint8Array,
  options: { name?: string; fields?: Record<string, string> } = {}
): Promise<UploadAnswer> {
  const form = new FormData()
  for (const [name, value] of Object.entries(options.fields ?? {})) form.set(name, value)
  form.set('file', new Blob([new Uint8Array(bytes)]), options.name ?? 'sample.bin')
  const answer = await fetch(`${url}/upload`, {
    method: 'POST',
    body: form,
    headers: { accept: 'application/json' }
  })
  const text = await answer.text()
  if (answer.status !== 201) throw new Error(`upload answered ${answer.status}: ${text}`)
  return JSON.parse(text) as UploadAnswer
}
