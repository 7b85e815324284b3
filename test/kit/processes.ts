/** Real peerbin processes for tests: run a command to its end, or a whole cluster until the test is over. */

import { type ChildProcess, spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { until } from './until.ts'

/** What processes of tests run: of this checkout as it is, or what scripts/test.ts has bundled of it. */
export const PROGRAM = process.env['TEST_PROGRAM'] ?? join(import.meta.dirname, '../../bin/peerbin.ts')

/** A busy machine may take long to start six processes. */
const READY_LIMIT_MS = 90_000

export interface RunOptions {
  cwd?: string
  env?: Record<string, string>
  /** The executable's file; default: PROGRAM. */
  program?: string
}

/** A process with what it has written so far. */
export class PeerbinProcess {
  readonly child: ChildProcess
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>
  stdout = ''
  stderr = ''
  isOver = false

  constructor(args: readonly string[], options: RunOptions = {}) {
    this.child = spawn('env', [...WITHOUT_LOADERS, process.execPath, options.program ?? PROGRAM, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...cleanEnvironment(), ...options.env },
      ...(options.cwd === undefined ? {} : { cwd: options.cwd })
    })
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.stdout += text))
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.stderr += text))
    this.ended = new Promise((resolve, reject) => {
      this.child.on('error', reject)
      this.child.on('close', (code, signal) => {
        this.isOver = true
        resolve({ code, signal })
      })
    })
  }

  /** Waits until something holds; fails at once, with all that was written, when the process ends before. */
  async until(
    what: string,
    holds: () => boolean | Promise<boolean>,
    limitMs = READY_LIMIT_MS
  ): Promise<void> {
    await until(
      what,
      async () => {
        if (await holds()) return true
        if (this.isOver) throw new Error(`the process ended before: ${what}\n${this.stdout}${this.stderr}`)
        return false
      },
      limitMs
    )
  }

  /** Ends it and waits; harmless when it has ended. */
  async stop(
    signal: NodeJS.Signals = 'SIGTERM'
  ): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
    if (!this.isOver) this.child.kill(signal)
    return await this.ended
  }
}

/**
 * tap puts its loaders into the environment of whatever a test spawns, and they catch signals: what runs then is not the product. Arguments of env(1), which becomes
 * the program itself.
 */
export const WITHOUT_LOADERS = ['-u', 'NODE_OPTIONS'] as const

/** The test's own environment could carry settings of the person who runs it. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(?:PEERBIN_|PORT$|NODE_CHANNEL_FD$)/.test(name)
  )
  return Object.fromEntries(kept)
}

/** Runs a command to its end. */
export async function runPeerbin(
  args: readonly string[],
  options: RunOptions = {}
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const running = new PeerbinProcess(args, options)
  const { code } = await running.ended
  return { code, stdout: running.stdout, stderr: running.stderr }
}

const clusterFile = z.strictObject({
  processes: z.array(
    z.strictObject({
      role: z.enum(['controller', 'node', 'edge']),
      name: z.string(),
      pid: z.number(),
      state: z.enum(['starting', 'running', 'stopped', 'died']),
      peerId: z.string().nullable(),
      addresses: z.array(z.string())
    })
  )
})
export type ListedProcess = z.output<typeof clusterFile>['processes'][number]

/** What `cluster.json` in a data folder lists. */
export async function listedProcesses(data: string): Promise<ListedProcess[]> {
  return clusterFile.parse(JSON.parse(await readFile(join(data, 'cluster.json'), 'utf8'))).processes
}

/** Whether a process with that id runs. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false // no such process
  }
}

export interface UpCluster {
  readonly up: PeerbinProcess
  readonly data: string
  /** Of the edge, `http://127.0.0.1:PORT`. */
  readonly url: string
}

/** `peerbin up` on a folder, any port, ready for uploads. Stop it with `up.stop()`. */
export async function startUp(data: string, args: readonly string[] = []): Promise<UpCluster> {
  const up = new PeerbinProcess(['up', '--data', data, '--port', '0', ...args])
  try {
    await up.until('the ready line', () => up.stdout.includes('\n'))
  } catch (error) {
    await up.stop('SIGKILL')
    throw error
  }
  return { up, data, url: /http:\S+/.exec(up.stdout)?.[0] ?? '' }
}
