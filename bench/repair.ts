/**
 * `node bench/repair.ts [--quick] [--mb SIZE] [--json FILE]`: how fast the chunks of a dead node are brought back, beside what raw copying between two nodes reaches on the same machine in
 * the same run. Real processes for the nodes, on disk, every write synced; the controller and the uploader are in this one.
 *
 * Raw copying is the `copy` order given to one node again and again, four at once, for one target: no metadata, no choice of nodes, nothing to wait for. It is measured before
 * and after the repair, since a machine's disk is not the same from minute to minute; the mean of both is what repair is compared with. The goal is half of it.
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { createClient, createController, parseJoinString } from '../src/index.ts'
import type { ClusterStatus, ConfigInput, RunningController } from '../src/index.ts'
import { newIdentity } from '../src/network/identity.ts'
import { createLibp2pNetwork } from '../src/network/libp2p-network.ts'
import { chunkIdOf } from '../src/protocol/ids.ts'
import { CHUNK_BYTES_MAX, CHUNK_PROTOCOL } from '../src/protocol/limits.ts'
import { chunkMessages } from '../src/protocol/messages.ts'
import { createCaller } from '../src/protocol/rpc-client.ts'
import { systemClock } from '../src/runtime/clock.ts'
import { silentLogger } from '../src/runtime/logger.ts'
import type { ChunkId, Generation, PeerId } from '../src/types.ts'
import { inParallel } from './clients.ts'

const MB = 1e6
const NODES = 4
/** Copy orders under way at once in raw copying. */
const RAW_AT_ONCE = 4
/** Above every generation the cluster gives out, so that it takes no notice of these chunks. */
const FOREIGN = 2 ** 40
const CALL_MS = 180_000
const POLL_MS = 20
const PATIENCE_MS = 300_000

/** Detection is not what is measured: a dead node is given up after seconds. */
const SETTINGS = {
  'heartbeat.intervalMs': 300,
  'heartbeat.suspectAfterMs': 4000,
  'heartbeat.downAfterMs': 6000,
  'repair.delayMs': 6000,
  'replication.owedDelayMs': 1000,
  'replication.putTimeoutMs': 120_000,
  'node.ballastBytes': 0,
  'edge.uploadBytesMax': 10_000_000_000,
  'log.level': 'silent'
}

export interface RepairFigures {
  /** One copy after another between two nodes, MB/s: before the repair, and after it. */
  rawMbPerSecond: [number, number]
  repairMbPerSecond: number
  /** Repair as a share of the mean of raw copying. */
  ratio: number
  repairedMb: number
  repairSeconds: number
}

interface NodeProcess {
  readonly peer: PeerId
  readonly child: ChildProcess
}

function configInput(): ConfigInput {
  const input: Record<string, Record<string, unknown>> = {}
  for (const [key, value] of Object.entries(SETTINGS)) {
    const [section = '', name = ''] = key.split('.')
    input[section] = { ...input[section], [name]: value }
  }
  return input
}

/** A node in a process of its own, as if on a machine of its own. */
async function startNode(folder: string, index: number, joinString: string): Promise<NodeProcess> {
  const bin = join(import.meta.dirname, '../bin/peerbin.ts')
  const settings = { ...SETTINGS, 'network.machine': `machine-${index}` }
  const set = Object.entries(settings).flatMap(([key, value]) => ['--set', `${key}=${value}`])
  const child = spawn(process.execPath, [bin, 'node', '--data', folder, '--name', `node-${index}`, ...set], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, PEERBIN_JOIN: joinString }
  })
  for await (const line of createInterface({ input: child.stdout })) {
    const peer = /^peerbin node is ready: (\S+)/.exec(line)?.[1]
    if (peer !== undefined) return { peer: peer as PeerId, child }
  }
  throw new Error('a node did not become ready')
}

async function stopNode({ child }: NodeProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill(signal)
  await exited
}

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const limit = performance.now() + PATIENCE_MS
  while (!(await holds())) {
    if (performance.now() > limit) throw new Error(`this did not come about: ${what}`)
    await pause(POLL_MS)
  }
}

/** Copies chunks from one node to another by orders of the controller's term, MB/s. */
async function rawCopying(
  controller: RunningController,
  from: PeerId,
  to: PeerId,
  totalBytes: number
): Promise<number> {
  const { secret } = parseJoinString(controller.joinString)
  const network = await createLibp2pNetwork({
    identity: await newIdentity(),
    clusterSecret: secret,
    listenHost: '127.0.0.1',
    listenPort: 0,
    announce: [],
    connectionsMax: 16,
    logger: silentLogger
  })
  await network.start()
  try {
    for (const peer of [from, to]) {
      network.learn(peer, controller.membership.get(peer)?.addresses ?? [])
      await network.connect(peer)
    }
    const shared = { network, protocol: CHUNK_PROTOCOL, messages: chunkMessages, clock: systemClock }
    const asEdge = createCaller({ ...shared, role: 'edge' })
    const count = Math.ceil(totalBytes / CHUNK_BYTES_MAX)
    const generation = FOREIGN as Generation
    const ids: ChunkId[] = []
    await inParallel(RAW_AT_ONCE, count, async (index) => {
      const bytes = randomBytes(CHUNK_BYTES_MAX)
      const id = chunkIdOf(bytes)
      const put = { id, generation, copies: 1, copiesMin: 1, hostsMin: 1, targets: [] }
      const body = { sizeBytes: bytes.byteLength, pieces: [bytes] }
      await asEdge.call(from, 'put', put, { timeoutMs: CALL_MS, body })
      ids[index] = id
    })
    asEdge.close()
    const asController = createCaller({ ...shared, role: 'controller' })
    const startedAt = performance.now()
    await inParallel(RAW_AT_ONCE, count, async (index) => {
      const id = ids[index]
      if (id === undefined) throw new Error('a chunk is missing')
      const order = { term: controller.term, id, generation, to }
      await asController.call(from, 'copy', order, { timeoutMs: CALL_MS })
    })
    const seconds = (performance.now() - startedAt) / 1000
    asController.close()
    return (count * CHUNK_BYTES_MAX) / MB / seconds
  } finally {
    await network.stop()
  }
}

/** Bytes that nobody has stored before, a chunk at a time. */
async function* noise(totalBytes: number): AsyncGenerator<Uint8Array> {
  for (let left = totalBytes; left > 0; left -= CHUNK_BYTES_MAX) {
    yield randomBytes(Math.min(left, CHUNK_BYTES_MAX))
  }
}

/** Uploads so many bytes in files of 100 MB, and waits until every chunk has its copies. */
async function fill(controller: RunningController, totalBytes: number): Promise<void> {
  const client = await createClient({ join: controller.joinString, config: configInput() })
  await client.start()
  try {
    await client.ready(AbortSignal.timeout(PATIENCE_MS))
    const fileBytes = Math.min(totalBytes, 100 * MB)
    await inParallel(2, Math.ceil(totalBytes / fileBytes), async (index) => {
      await client.upload(noise(fileBytes), { name: `${index}.bin` })
    })
    await until('every chunk has its copies', async () => (await controller.status()).chunksOwed === 0)
  } finally {
    await client.stop()
  }
}

/** From the first copy under way to the last one made. */
async function repaired(controller: RunningController): Promise<{ bytes: number; seconds: number }> {
  const status = async (): Promise<ClusterStatus['repair']> => (await controller.status()).repair
  const before = (await status()).copiedBytes
  await until('repair begins', async () => (await status()).running > 0)
  const startedAt = performance.now()
  let bytes = 0
  let seconds = 0
  await until('repair is done', async () => {
    const now = await status()
    if (now.copiedBytes - before > bytes) {
      bytes = now.copiedBytes - before
      seconds = (performance.now() - startedAt) / 1000
    }
    return now.looked === 1 && now.running + now.lastCopy + now.under === 0
  })
  return { bytes, seconds }
}

/** @param totalBytes uploaded before a node is killed; raw copying moves a quarter of it each time */
export async function measureRepair(totalBytes: number): Promise<RepairFigures> {
  const data = await mkdtemp(join(tmpdir(), 'peerbin-bench-repair-'))
  const controller = await createController({ data: join(data, 'controller'), config: configInput() })
  const nodes: NodeProcess[] = []
  try {
    await controller.start()
    for (let index = 0; index < NODES; index++) {
      nodes.push(await startNode(data, index, controller.joinString))
    }
    await until('the nodes are seen', () => controller.membership.active('node').length === NODES)
    await fill(controller, totalBytes)
    const [first, second, , dead] = nodes
    if (first === undefined || second === undefined || dead === undefined) throw new Error('too few nodes')
    const before = await rawCopying(controller, first.peer, second.peer, totalBytes / 4)
    await stopNode(dead, 'SIGKILL')
    const { bytes, seconds } = await repaired(controller)
    const after = await rawCopying(controller, first.peer, second.peer, totalBytes / 4)
    const repairMbPerSecond = bytes / MB / seconds
    return {
      rawMbPerSecond: [before, after],
      repairMbPerSecond,
      ratio: repairMbPerSecond / ((before + after) / 2),
      repairedMb: bytes / MB,
      repairSeconds: seconds
    }
  } finally {
    for (const node of nodes) await stopNode(node, 'SIGTERM')
    await controller.stop()
    await rm(data, { recursive: true, force: true })
  }
}

/** One line of standard output. */
export function printRepair(figures: RepairFigures): void {
  const { rawMbPerSecond, repairMbPerSecond, ratio, repairedMb, repairSeconds } = figures
  const [before, after] = rawMbPerSecond.map((rate) => rate.toFixed(1))
  console.log(
    `repair of a dead node: ${repairedMb.toFixed(0)} MB in ${repairSeconds.toFixed(1)} s, ${repairMbPerSecond.toFixed(1)} MB/s; ` +
      `raw copying between two nodes: ${before} MB/s before, ${after} MB/s after; ratio ${ratio.toFixed(2)} (goal: 0.50)`
  )
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: { quick: { type: 'boolean', default: false }, mb: { type: 'string' }, json: { type: 'string' } }
  })
  const figures = await measureRepair(Number(values.mb ?? (values.quick ? 200 : 1200)) * MB)
  printRepair(figures)
  if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(figures, null, 2)}\n`)
}
