/** An edge without HTTP: writer and reader of files against a cluster in memory. */

import { setImmediate } from 'node:timers/promises'
import type { Test } from 'tap'
import { ChunkWriter } from '../../src/client/chunk-writer.ts'
import { FileReader } from '../../src/client/file-reader.ts'
import type { ReadRequest } from '../../src/client/file-reader.ts'
import { FileWriter } from '../../src/client/file-writer.ts'
import type { UploadRequest, UploadResult } from '../../src/client/file-writer.ts'
import type { ClusterStatus } from '../../src/protocol/messages.ts'
import { hashSecret, newClaimSecret } from '../../src/protocol/secrets.ts'
import { Budget } from '../../src/runtime/budget.ts'
import { MemoryCluster } from '../kit/memory-cluster.ts'
import type { MemoryClusterOptions, Participant } from '../kit/memory-cluster.ts'
import { seededRandom } from '../kit/seeded-random.ts'
import { until } from '../kit/until.ts'

export const MIB = 1024 * 1024
export const DAY = 86_400_000

export async function setUp(
  test: Test,
  options: MemoryClusterOptions & { memoryBytes?: number } = {}
): Promise<Edge> {
  const cluster = await MemoryCluster.start(options)
  test.teardown(() => cluster.stop())
  const client = await cluster.client()
  const { clock, random, logger, config, clusterKey } = cluster
  const { controller, membership, chunkRpc: rpc } = client
  const memory = new Budget(options.memoryBytes ?? 64 * MIB, 100)
  const chunks = new ChunkWriter({
    rpc,
    controller,
    membership,
    clock,
    config: config.replication,
    logger
  })
  const writer = new FileWriter({ chunks, controller, memory, clock, random, config, clusterKey, logger })
  const reader = new FileReader({ rpc, controller, membership, memory, clock, config, logger })
  return { cluster, client, chunks, memory, writer, reader }
}

export interface Edge {
  cluster: MemoryCluster
  client: Participant
  chunks: ChunkWriter
  memory: Budget
  writer: FileWriter
  reader: FileReader
}

export const bytesOf = (length: number, seed = 1): Buffer => {
  // seeded, and quick for megabytes: a block repeated with its number in front
  const block = Buffer.from(seededRandom(seed).bytes(4096))
  const bytes = Buffer.alloc(length)
  for (let at = 0; at < length; at += block.length) {
    block.copy(bytes, at)
    if (at + 4 <= length) bytes.writeUInt32BE(at, at)
  }
  return bytes
}

/** Uneven pieces, as sockets give them. */
export async function* pieces(bytes: Uint8Array, size = 70_001): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += size) {
    await setImmediate()
    yield bytes.subarray(at, at + size)
  }
}

export const upload = (bytes: Uint8Array, more: Partial<UploadRequest> = {}): UploadRequest => ({
  name: 'report.pdf',
  mediaType: 'application/pdf',
  source: pieces(bytes),
  limitBytes: 100 * MIB,
  link: () => ({ downloads: 1, ttlMs: 2 * DAY }),
  ...more
})

/** Claims the link and answers what a download starts from. */
export async function claim(edge: Edge, { token }: UploadResult): Promise<ReadRequest> {
  const answer = await edge.client.controller.call('claimLink', {
    tokenHash: hashSecret(token),
    claimHash: hashSecret(newClaimSecret(edge.cluster.random))
  })
  if (answer.outcome !== 'claimed') throw new Error(`not claimed: ${answer.outcome}`)
  const { file, chunks } = answer
  return {
    file: file.id,
    sizeBytes: file.sizeBytes,
    chunkCount: file.chunkCount,
    firstPage: chunks,
    range: { start: 0, end: file.sizeBytes }
  }
}

export async function collect(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Buffer[] = []
  for await (const piece of source) all.push(Buffer.from(piece))
  return Buffer.concat(all)
}

export async function stats(edge: Edge): Promise<ClusterStatus> {
  return await edge.client.controller.call('status', {})
}

/** Everything is as before the upload: nothing visible, no memory held, no chunk left once the collector came by. */
export async function nothingStays(test: Test, edge: Edge): Promise<void> {
  await edge.writer.settled()
  await until('the upload is given up and collected', async () => {
    const now = await stats(edge)
    return now.uploadsOpen === 0 && now.chunks === 0 && now.files === 0
  })
  test.equal(edge.memory.used, 0)
}
