/** The processes of a chaos run, their folders and their network. */

import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describeConfig } from '../../src/config.ts'
import { PROGRAM, WITHOUT_LOADERS } from '../kit/processes.ts'
import { ChaosProcess, type ChaosRole, type Exit } from './process.ts'
import { type TcpProxy, startProxy } from './proxy.ts'
import type { Wiring } from './wiring.ts'

const run = promisify(execFile)
const COMMAND_TIMEOUT_MS = 60_000

/** Short, so that the machinery of minutes and days runs in seconds. */
const SETTINGS = [
  'heartbeat.intervalMs=1000',
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
  'inventory.intervalMs=5000',
  'inventory.quarantineMs=3000',
  'scrub.intervalMs=20000',
  'scrub.newAfterMs=5000',
  'scrub.roundMs=1000',
  'scrub.quarantineMs=10000',
  'scrub.bytesPerSecond=67108864',
  'snapshot.recoverQuietMs=3000',
  'snapshot.gatherMs=5000',
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
  readonly #controllerHost: string
  /** Controllers there have been, each on a machine of its own. */
  #controllers = 1

  private constructor(
    options: ClusterOptions,
    joinFile: string,
    controller: ChaosProcess,
    controllerHost: string
  ) {
    this.#options = options
    this.#controllerHost = controllerHost
    this.#joinFile = joinFile
    this.wiring = options.wiring
    this.controller = controller
  }

  static async make(options: ClusterOptions): Promise<ChaosCluster> {
    const { folder, wiring } = options
    await mkdir(join(folder, 'logs'), { recursive: true })
    const place = await wiring.add('controller')
    const home = join(folder, 'controller')
    const command = [...WITHOUT_LOADERS, ...place.prefix, process.execPath, PROGRAM]
    const init = await run('env', [...command, 'init', '--data', home, '--listen', place.host])
    const joinFile = join(folder, 'join.txt')
    await writeFile(joinFile, init.stdout, { mode: 0o600 })
    const controller = makeProcess(options, { name: 'controller', role: 'controller', extra: [], place })
    const cluster = new ChaosCluster(options, joinFile, controller, place.host)
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

  /** The controller's machine is gone, with all that was on it; the process is another machine's now, which has nothing, and recovers at its starts. */
  async loseController(): Promise<void> {
    const { controller } = this
    await controller.kill()
    await rm(controller.home, { recursive: true })
    const peers = await Promise.all(this.living.map((node) => node.address()))
    controller.home = join(this.#options.folder, `controller-${++this.#controllers}`)
    const recovering = ['--recover', ...peers.flatMap((address) => ['--peer', address])]
    controller.args = [...this.#recoveredArgs(), '--join-file', this.#joinFile, ...recovering]
  }

  /** It has recovered: later starts are usual ones, and whoever joins is told of it. */
  async controllerRecovered(): Promise<void> {
    this.controller.args = this.#recoveredArgs()
    await writeFile(this.#joinFile, await runOn(this.controller, ['init']), { mode: 0o600 })
  }

  #recoveredArgs(): string[] {
    const extra = ['--listen', this.#controllerHost]
    return argsOf(this.#options, { role: 'controller', home: this.controller.home, extra })
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

function argsOf(
  options: ClusterOptions,
  { role, home, extra }: { role: ChaosRole; home: string; extra: readonly string[] }
): string[] {
  const settings = knownSettings([...SETTINGS, ...(options.settings ?? [])])
  return [role, '--data', home, ...extra, ...settings.flatMap((setting) => ['--set', setting])]
}

function makeProcess(options: ClusterOptions, { name, role, extra, place }: Slot): ChaosProcess {
  const home = join(options.folder, name)
  return new ChaosProcess({
    name,
    role,
    args: argsOf(options, { role, home, extra }),
    prefix: place.prefix,
    home,
    log: join(options.folder, 'logs', `${name}.log`),
    onDeath: options.onDeath
  })
}

/** Runs a command on the machine of a process, with its data folder. @returns what it wrote @throws when it failed */
export async function runOn(process: ChaosProcess, args: readonly string[]): Promise<string> {
  const command = [...WITHOUT_LOADERS, ...process.prefix, globalThis.process.execPath, PROGRAM]
  const { stdout } = await run('env', [...command, ...args, '--data', process.home], {
    timeout: COMMAND_TIMEOUT_MS
  })
  return stdout
}
