/** Processes of the example: a cluster of its own on this machine, clients and servers. All of them end with it. */

import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'

const root = join(import.meta.dirname, '../..')
/** Tests run the program that they have bundled. */
const PROGRAM = process.env['TEST_PROGRAM'] ?? join(root, 'bin/peerbin.ts')
const OUTPUT_LENGTH_MAX = 64 * 1024
const READY_MS = 120_000

export class Running {
  readonly child: ChildProcess
  readonly name: string
  readonly ended: Promise<number | null>
  output = ''
  errors = ''
  isOver = false

  constructor(name: string, args: readonly string[], env: Readonly<Record<string, string>>) {
    this.name = name
    const { NODE_OPTIONS: _loaders, ...inherited } = process.env
    this.child = spawn(process.execPath, args, {
      env: { ...inherited, ...env },
      stdio: ['ignore', 'pipe', 'pipe']
    })
    const hear = (text: string): void => void (this.output = (this.output + text).slice(-OUTPUT_LENGTH_MAX))
    const hearError = (text: string): void =>
      void (this.errors = (this.errors + text).slice(-OUTPUT_LENGTH_MAX))
    this.child.stdout?.setEncoding('utf8').on('data', hear)
    this.child.stderr?.setEncoding('utf8').on('data', hearError)
    this.ended = new Promise((resolve) => {
      this.child.on('close', (code) => {
        this.isOver = true
        resolve(code)
      })
    })
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    if (!this.isOver) this.child.kill(signal)
    await this.ended
  }

  /** Ends well, or throws with what it wrote. */
  async finish(): Promise<string> {
    const code = await this.ended
    if (code !== 0) throw new Error(`${this.name} ended with ${code}:\n${this.output}\n${this.errors}`)
    return this.output
  }

  /** @throws with what it wrote when it ends before */
  async until(what: string, holds: () => boolean): Promise<void> {
    await until(`${this.name}: ${what}`, () => {
      if (!holds() && this.isOver) throw new Error(`${this.name} ended:\n${this.output}\n${this.errors}`)
      return holds()
    })
  }
}

export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  limitMs = READY_MS
): Promise<void> {
  const endsAt = performance.now() + limitMs
  while (!(await holds())) {
    if (performance.now() > endsAt) throw new Error(`this did not come about: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

const SETTINGS = {
  // a busy machine makes nobody look dead
  'heartbeat.suspectAfterMs': 6000,
  'heartbeat.downAfterMs': 10_000,
  // what is acknowledged is in a snapshot on nodes first: those are made often here
  'snapshot.intervalMs': 500,
  'account.registration': 'open',
  'account.passwordMemoryKiB': 1024,
  'account.signInsPerMinute': 0,
  'log.level': 'error'
}

/** A controller, nodes and edges, each a process that can be killed and started again on its folder. */
export class Cluster {
  readonly #folder: string
  readonly #running = new Map<string, Running>()
  readonly #ports = new Map<string, number>()
  #joinString = ''

  constructor(folder: string) {
    this.#folder = folder
  }

  get edges(): string[] {
    return [...this.#ports.values()].map((port) => `http://127.0.0.1:${port}`)
  }

  async start(): Promise<void> {
    const init = new Running('init', [PROGRAM, 'init', '--data', this.#home('controller')], {})
    this.#joinString = (await init.finish()).trim()
    await this.run('controller')
    for (const name of ['edge-1', 'edge-2']) this.#ports.set(name, await freePort())
    await Promise.all(['node-1', 'node-2', 'node-3', 'edge-1', 'edge-2'].map((name) => this.run(name)))
  }

  /** Starts it, again too, and waits until it is ready. */
  async run(name: string): Promise<void> {
    const [role = ''] = name.split('-')
    const port = this.#ports.get(name)
    const args = [
      role,
      '--name',
      name,
      '--data',
      this.#home(name),
      ...(port === undefined ? [] : ['--port', String(port)]),
      ...Object.entries(SETTINGS).flatMap(([key, value]) => ['--set', `${key}=${value}`])
    ]
    const env = role === 'controller' ? {} : { PEERBIN_JOIN: this.#joinString }
    const running = new Running(name, [PROGRAM, ...args], env)
    this.#running.set(name, running)
    await running.until('is ready', () => running.output.includes(' is ready: '))
  }

  /** Without any warning, as a power cut does it. */
  async kill(name: string): Promise<void> {
    await this.#running.get(name)?.kill('SIGKILL')
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#running.values()].map((each) => each.kill('SIGKILL')))
  }

  #home(name: string): string {
    return join(this.#folder, name)
  }
}

/** Both edges have to be found again after a restart. */
async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
