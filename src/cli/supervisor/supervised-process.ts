import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { constants } from 'node:os'
import { PeerbinError } from '../../errors.ts'
import type { ProcessEntry, ProcessState } from './cluster-file.ts'
import { openLogFile } from './log-file.ts'
import { readChildMessage, STOP_MESSAGE } from './messages.ts'
import type { ReadyMessage } from './messages.ts'

/**
 * V8 counts buffers outside its heap against its own limit (a quarter less time in the collector while chunks are stored, measured on a prototype), and a
 * small young generation gives socket buffers back early (half the memory of an idle process; no difference in CPU time was seen).
 */
const V8_FLAGS = ['--external-memory-accounted-in-global-limit', '--max-semi-space-size=4']

/** glibc would keep freed buffers in arenas of each thread; with these it gives them back to the system. Other C libraries ignore them. */
const MALLOC_ENV = { MALLOC_ARENA_MAX: '1', MALLOC_TRIM_THRESHOLD_: '131072' }

export interface ProcessPlan {
  readonly role: ProcessEntry['role']
  readonly name: string
  /** Arguments of the peerbin command. */
  readonly args: readonly string[]
  readonly logPath: string
}

export interface ProcessDeps {
  /** The executable's own file. */
  readonly program: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** Something that cluster.json shows has changed. */
  readonly onChange: () => void
}

/** How a process ended. */
export interface Ending {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** What it said itself before it ended. */
  readonly failure: PeerbinError | undefined
  /** It was asked for. */
  readonly expected: boolean
}

/** One process of the cluster, started at construction. */
export class SupervisedProcess {
  readonly plan: ProcessPlan
  /** Resolves when it serves; never rejects: see `ended`. */
  readonly ready: Promise<ReadyMessage>
  readonly ended: Promise<Ending>
  readonly #child: ChildProcess
  #state: ProcessState = 'starting'
  #about: ReadyMessage | undefined
  #failure: PeerbinError | undefined
  #setupSecret: string | undefined
  #stopAsked = false

  constructor(plan: ProcessPlan, deps: ProcessDeps) {
    this.plan = plan
    const log = openLogFile(plan.logPath)
    try {
      this.#child = spawn(process.execPath, [...V8_FLAGS, deps.program, ...plan.args], {
        stdio: ['ignore', log.fd, log.fd, 'ipc'],
        env: { ...MALLOC_ENV, ...deps.env, PEERBIN_SUPERVISED: '1' }
      })
    } finally {
      log.close() // the child has its own by now
    }
    this.ready = new Promise((resolve) => {
      this.#child.on('message', (raw) => {
        const message = readChildMessage(raw)
        if (message?.type === 'failed') this.#failure = new PeerbinError(message.code, message.message)
        if (message?.type === 'setup') this.#setupSecret = message.secret
        if (message?.type !== 'ready') return
        this.#about = message
        this.#state = 'running'
        deps.onChange()
        resolve(message)
      })
    })
    this.ended = new Promise((resolve) => {
      const end = (code: number | null, signal: NodeJS.Signals | null): void => {
        this.#state = this.#stopAsked || code === 0 ? 'stopped' : 'died'
        deps.onChange()
        resolve({ code, signal, failure: this.#failure, expected: this.#stopAsked })
      }
      this.#child.on('exit', end)
      // it could not be started, or a message could not be sent to it; only the first means that it does not run
      this.#child.on('error', (error) => {
        if (this.#child.pid !== undefined) return
        this.#failure ??= new PeerbinError('internal', `cannot start a process: ${error.message}`)
        end(null, null)
      })
    })
  }

  get entry(): ProcessEntry {
    const { role, name } = this.plan
    return {
      role,
      name,
      pid: this.#child.pid ?? null,
      state: this.#state,
      peerId: this.#about?.peerId ?? null,
      addresses: this.#about?.addresses ?? []
    }
  }

  /** What a controller told when it started without an administrator. */
  get setupSecret(): string | undefined {
    return this.#setupSecret
  }

  get alive(): boolean {
    return this.#state === 'starting' || this.#state === 'running'
  }

  /** From now on its end is no accident: it may have been told to stop together with us. */
  expectEnd(): void {
    this.#stopAsked = true
  }

  /** Asks for a clean end. */
  stop(): void {
    if (!this.alive) return
    this.expectEnd()
    if (this.#child.connected) this.#child.send(STOP_MESSAGE, () => {}) // one that cannot be sent: it is ending already
    else this.#child.kill('SIGTERM')
  }

  kill(): void {
    if (!this.alive) return
    this.expectEnd()
    this.#child.kill('SIGKILL')
  }
}

/** `killed by SIGKILL`, `ended with exit code 7: <what it said>`. */
export function describeEnding(ending: Ending): string {
  const how =
    ending.signal !== null
      ? `killed by ${ending.signal} (${constants.signals[ending.signal]})`
      : `ended with exit code ${ending.code ?? 'unknown'}`
  return ending.failure === undefined ? how : `${how}: ${ending.failure.message} (${ending.failure.code})`
}
