/** The processes of a chaos run: real ones, which are killed with SIGKILL and started again on the same data. */

import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { openSync, closeSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { WITHOUT_LOADERS } from '../kit/processes.ts'

const BIN = join(import.meta.dirname, '../../bin/peerbin.ts')
const STOP_TIMEOUT_MS = 8_000

/** Short, so that the machinery of minutes runs in seconds. */
const SETTINGS = [
  'heartbeat.intervalMs=300',
  'heartbeat.suspectAfterMs=1500',
  'heartbeat.downAfterMs=5000',
  'replication.owedDelayMs=1000',
  'edge.uploadBytesMax=33554432',
  'edge.ratePerMinute=1000000',
  'link.reportIntervalMs=500'
]

export type ChaosRole = 'controller' | 'node' | 'edge'

/** One process slot: keeps its name, its folder and, for an edge, its port over all its lives. */
export class ChaosProcess {
  readonly name: string
  readonly role: ChaosRole
  readonly #args: readonly string[]
  readonly #log: string
  #child: ChildProcess | undefined
  /** How often it was started. */
  starts = 0

  constructor(name: string, role: ChaosRole, args: readonly string[], log: string) {
    this.name = name
    this.role = role
    this.#args = args
    this.#log = log
  }

  get running(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null
  }

  start(): void {
    const log = openSync(this.#log, 'a')
    this.#child = spawn('env', [...WITHOUT_LOADERS, process.execPath, BIN, ...this.#args], {
      stdio: ['ignore', log, log]
    })
    closeSync(log)
    this.starts++
  }

  /** SIGKILL: no handler runs, no buffer is flushed. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL')
  }

  async stop(): Promise<void> {
    await this.#end('SIGTERM')
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child
    if (child === undefined || !this.running) return
    const exited = once(child, 'exit')
    child.kill(signal)
    const straggler = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS)
    await exited
    clearTimeout(straggler)
  }
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

export interface ChaosCluster {
  readonly controller: ChaosProcess
  readonly nodes: readonly ChaosProcess[]
  readonly edges: readonly ChaosProcess[]
  /** Base URLs of the edges, in their order. */
  readonly urls: readonly string[]
  stop(): Promise<void>
}

/** Makes a cluster in `folder` and starts its processes; does not wait until it is ready. */
export async function startChaosCluster(
  folder: string,
  nodeCount: number,
  edgeCount: number,
  extraSettings: readonly string[] = []
): Promise<ChaosCluster> {
  const settings = [...SETTINGS, ...extraSettings].flatMap((setting) => ['--set', setting])
  const data = (name: string): string => join(folder, name)
  await mkdir(data('logs'), { recursive: true })
  const init = await promisify(execFile)('env', [
    ...WITHOUT_LOADERS,
    process.execPath,
    BIN,
    'init',
    '--data',
    data('controller')
  ])
  const joinFile = data('join.txt')
  await writeFile(joinFile, init.stdout, { mode: 0o600 })

  const slot = (name: string, role: ChaosRole, extra: readonly string[] = []): ChaosProcess => {
    const joining = role === 'controller' ? [] : ['--join-file', joinFile]
    return new ChaosProcess(
      name,
      role,
      [role, '--data', data(name), ...joining, ...extra, ...settings],
      data(`logs/${name}.log`)
    )
  }
  const names = (role: string, count: number): string[] =>
    Array.from({ length: count }, (_, i) => `${role}-${i + 1}`)
  const ports = await Promise.all(names('edge', edgeCount).map(freePort))
  const controller = slot('controller', 'controller')
  const nodes = names('node', nodeCount).map((name) => slot(name, 'node'))
  const edges = names('edge', edgeCount).map((name, i) => slot(name, 'edge', ['--port', String(ports[i])]))
  const all = [controller, ...nodes, ...edges]
  for (const process of all) process.start()
  return {
    controller,
    nodes,
    edges,
    urls: ports.map((port) => `http://127.0.0.1:${port}`),
    async stop() {
      await Promise.all(all.map((process) => process.stop()))
    }
  }
}
