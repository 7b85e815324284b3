/** The processes of a chaos run, their folders and their network. */

import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describeConfig } from '../../src/config.ts'
import { WITHOUT_LOADERS } from '../kit/processes.ts'
import { BIN, ChaosProcess, type ChaosRole, type Exit } from './process.ts'
import { type TcpProxy, startProxy } from './proxy.ts'
import type { Wiring } from './wiring.ts'

const run = promisify(execFile)

/** Short, so that the machinery of minutes and days runs in seconds. */
const SETTINGS = [
  'heartbeat.intervalMs=300',
  'heartbeat.suspectAfterMs=4000',
  'heartbeat.downAfterMs=8000',
  'heartbeat.dialTimeoutMs=2000',
  'replication.owedDelayMs=1000',
  'replication.putTimeoutMs=8000',
  'replication.getTimeoutMs=5000',
  'replication.slowReadMs=500',
  'node.reserveBytes=67108864',
  'node.ballastBytes=16777216',
  'controller.uploadTtlMs=30000',
  'repair.delayMs=3000',
  'repair.drainedDelayMs=5000',
  'repair.lostWindowMs=1000',
  'repair.pauseMs=2000',
  'repair.patrolMs=5000',
  'inventory.intervalMs=10000',
  'inventory.quarantineMs=5000',
  'scrub.intervalMs=20000',
  'scrub.newAfterMs=5000',
  'scrub.roundMs=1000',
  'scrub.bytesPerSecond=67108864',
  'snapshot.recoverQuietMs=3000',
  'edge.uploadBytesMax=33554432',
  'edge.ratePerMinute=1000000',
  'link.reportIntervalMs=500',
  'link.graceMs=20000'
]

/** Only those that this version has. */
export function knownSettings(settings: readonly string[]): string[] {
  const keys = new Set(describeConfig().map(({ key }) => key))
  return settings.filter((setting) => keys.has(setting.split('=')[0] ?? ''))
}

export interface ClusterOptions {
  folder: string
  nodes: number
  edges: number
  wiring: Wiring
  /** On top of the usual ones, as `section.key=value`. */
  settings?: readonly string[]
  onDeath: (process: ChaosProcess, exit: Exit) => void
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port to be had')
  return address.port
}

const names = (role: ChaosRole, count: number): string[] =>
  Array.from({ length: count }, (_, i) => `${role}-${i + 1}`)

/** One `make`, `start`, and at the end `stop`. */
export class ChaosCluster {
  readonly controller: ChaosProcess
  readonly nodes: ChaosProcess[] = []
  readonly edges: ChaosProcess[] = []
  /** One before each edge, in their order: what clients talk to. */
  readonly proxies: TcpProxy[] = []
  readonly wiring: Wiring
  readonly #options: ClusterOptions
  readonly #joinFile: string
  readonly #directUrls: string[] = []

  private constructor(options: ClusterOptions, joinFile: string, controller: ChaosProcess) {
    this.#options = options
    this.#joinFile = joinFile
    this.wiring = options.wiring
    this.controller = controller
  }

  static async make(options: ClusterOptions): Promise<ChaosCluster> {
    const { folder, wiring } = options
    await mkdir(join(folder, 'logs'), { recursive: true })
    const place = await wiring.add('controller')
    const home = join(folder, 'controller')
    const command = [...WITHOUT_LOADERS, ...place.prefix, process.execPath, BIN]
    const init = await run('env', [...command, 'init', '--data', home, '--listen', place.host])
    const joinFile = join(folder, 'join.txt')
    await writeFile(joinFile, init.stdout, { mode: 0o600 })
    const controller = makeProcess(options, { name: 'controller', role: 'controller', extra: [], place })
    const cluster = new ChaosCluster(options, joinFile, controller)
    for (const name of names('node', options.nodes)) await cluster.addNode(name)
    for (const name of names('edge', options.edges)) await cluster.#addEdge(name)
    return cluster
  }

  get all(): ChaosProcess[] {
    return [this.controller, ...this.nodes, ...this.edges]
  }

  /** Base URLs for clients, through the proxies. */
  get urls(): string[] {
    return this.proxies.map((proxy) => proxy.url)
  }

  /** Base URLs past the proxies, for the run itself. */
  get directUrls(): readonly string[] {
    return this.#directUrls
  }

  /** Nodes that are not gone for good. */
  get living(): ChaosProcess[] {
    return this.nodes.filter((node) => !node.gone)
  }

  async addNode(name: string): Promise<ChaosProcess> {
    const place = await this.wiring.add(name)
    // a machine each: copies must then be on two hosts before anything is acknowledged
    const extra = ['--join-file', this.#joinFile, '--listen', place.host, '--set', `network.machine=${name}`]
    const node = makeProcess(this.#options, { name, role: 'node', extra, place })
    this.nodes.push(node)
    return node
  }

  async #addEdge(name: string): Promise<void> {
    const place = await this.wiring.add(name)
    const port = await freePort()
    const http = ['--host', place.host, '--port', String(port)]
    const extra = ['--join-file', this.#joinFile, '--listen', place.host, ...http]
    this.edges.push(makeProcess(this.#options, { name, role: 'edge', extra, place }))
    this.#directUrls.push(`http://${place.host}:${port}`)
    this.proxies.push(await startProxy({ host: place.host, port }))
  }

  start(): void {
    for (const process of this.all) process.start()
  }

  async stop(): Promise<void> {
    await Promise.all(this.all.map((process) => process.stop()))
    await Promise.all(this.proxies.map((proxy) => proxy.close()))
    await this.wiring.close()
  }
}

interface Slot {
  name: string
  role: ChaosRole
  extra: readonly string[]
  place: { prefix: string[] }
}

function makeProcess(options: ClusterOptions, { name, role, extra, place }: Slot): ChaosProcess {
  const home = join(options.folder, name)
  const settings = knownSettings([...SETTINGS, ...(options.settings ?? [])])
  return new ChaosProcess({
    name,
    role,
    args: [role, '--data', home, ...extra, ...settings.flatMap((setting) => ['--set', setting])],
    prefix: place.prefix,
    home,
    log: join(options.folder, 'logs', `${name}.log`),
    onDeath: options.onDeath
  })
}
