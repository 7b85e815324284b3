/** One process slot of a chaos run: a real process, which keeps its name, folder and address over all its lives. */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PROGRAM, WITHOUT_LOADERS } from '../kit/processes.ts'

const STOP_TIMEOUT_MS = 8_000
const READY = / is ready: (\S+) (\S+)/

export type ChaosRole = 'controller' | 'node' | 'edge'

/** How a life ended. */
export interface Exit {
  code: number | null
  signal: NodeJS.Signals | null
}

export interface ProcessDeps {
  name: string
  role: ChaosRole
  args: readonly string[]
  /** What stands before the program on the command line: `ip netns exec …`. */
  prefix: readonly string[]
  /** Home of the process; the role's own folder is in it. */
  home: string
  log: string
  /** Told when it ended without having been told to. */
  onDeath: (process: ChaosProcess, exit: Exit) => void
}

export class ChaosProcess {
  readonly name: string
  readonly role: ChaosRole
  /** Where its data is; a fault may move it to another machine. */
  home: string
  /** Arguments of every start; a fault may change them between two. */
  args: readonly string[]
  readonly #deps: ProcessDeps
  #child: ChildProcess | undefined
  #paused = false
  #expected = false
  /** How often it was started. */
  starts = 0
  /** Gone for good: never started again, never asked for. */
  gone = false

  constructor(deps: ProcessDeps) {
    this.#deps = deps
    this.name = deps.name
    this.role = deps.role
    this.home = deps.home
    this.args = deps.args
  }

  /** The role's own folder: identity, chunks, metadata. */
  get folder(): string {
    return join(this.home, this.role)
  }

  get running(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null
  }

  get pid(): number | undefined {
    return this.running ? this.#child?.pid : undefined
  }

  get paused(): boolean {
    return this.#paused
  }

  /** @param env on top of the usual environment, for this life only */
  start(env: Readonly<Record<string, string>> = {}): void {
    if (this.gone || this.running) return
    const log = openSync(this.#deps.log, 'a')
    const command = [...WITHOUT_LOADERS, ...this.#deps.prefix, process.execPath, PROGRAM]
    const child = spawn('env', [...command, ...this.args], {
      stdio: ['ignore', log, log],
      env: { ...process.env, ...env }
    })
    closeSync(log)
    this.#child = child
    this.#paused = false
    this.#expected = false
    this.starts++
    child.once('exit', (code, signal) => {
      if (!this.#expected) this.#deps.onDeath(this, { code, signal })
    })
  }

  /** SIGKILL: no handler runs, no buffer is flushed. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL')
  }

  async stop(): Promise<void> {
    this.resume()
    await this.#end('SIGTERM')
  }

  /** SIGSTOP: it keeps its sockets and its locks, and does nothing. */
  pause(): void {
    if (this.#child !== undefined && this.running) this.#paused = this.#child.kill('SIGSTOP')
  }

  resume(): void {
    if (this.#paused) this.#child?.kill('SIGCONT')
    this.#paused = false
  }

  /** What stands before a command that is to run on its machine. */
  get prefix(): readonly string[] {
    return this.#deps.prefix
  }

  /** Starts it; its end counts as meant until it is ready. @returns undefined when it is, or how it ended before */
  async startUntilReady(): Promise<Exit | undefined> {
    const before = (await this.#logText()).length
    this.start()
    this.#expected = true
    const child = this.#child
    while (this.running) {
      if (READY.test((await this.#logText()).slice(before))) {
        this.#expected = false
        return undefined
      }
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    return { code: child?.exitCode ?? null, signal: child?.signalCode ?? null }
  }

  /** Where peers reach it, as its latest life said. */
  async address(): Promise<string> {
    return (await this.#readyLine()).address
  }

  async peer(): Promise<string> {
    return (await this.#readyLine()).peer
  }

  async #readyLine(): Promise<{ peer: string; address: string }> {
    const [, peer, address] = [...(await this.#logText()).matchAll(new RegExp(READY, 'g'))].at(-1) ?? []
    if (peer === undefined || address === undefined) throw new Error(`${this.name} has never been ready`)
    return { peer, address }
  }

  /** Resolves when the present life has ended; its end counts as meant. */
  async ended(): Promise<Exit> {
    const child = this.#child
    this.#expected = true
    if (child !== undefined && this.running) await once(child, 'exit')
    return { code: child?.exitCode ?? null, signal: child?.signalCode ?? null }
  }

  /** The last line it logged, for a person. */
  async lastWords(): Promise<string> {
    return (await this.#logText()).trimEnd().split('\n').at(-1) ?? ''
  }

  async #logText(): Promise<string> {
    return await readFile(this.#deps.log, 'utf8').catch(() => '') // it may never have been started
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child
    if (child === undefined || !this.running) return
    this.#expected = true
    const exited = once(child, 'exit')
    child.kill(signal)
    const straggler = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS)
    await exited
    clearTimeout(straggler)
    this.#paused = false
  }
}
