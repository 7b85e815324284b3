/** A command that works on a group: a shell line in a process group of its own, so that all of it can be ended. */

import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import type { Clock } from '../../interfaces.ts'
import { deadline } from '../../runtime/deadline.ts'

/** Between asking it to end and ending it. */
const GRACE_MS = 5000
/** The end of what it wrote to standard error. */
const TAIL_BYTES = 4096
/** EX_DATAERR of sysexits.h: the files are what is wrong, and trying again would not help. */
export const FINAL_STATUS = 65

export interface RunCommand {
  readonly command: string
  readonly cwd: string
  readonly env: Readonly<Record<string, string | undefined>>
  readonly signal: AbortSignal
  /** Undefined: none. */
  readonly limitMs: number | undefined
  /** Hears what it writes, to standard output and error. */
  readonly onText: (text: string) => void
  readonly clock: Clock
}

export interface CommandEnd {
  /** Undefined: it went well. */
  readonly failure: string | undefined
  readonly isFinal: boolean
}

/** Resolves when the process has ended, of itself or by force; never rejects. */
export async function runCommand(options: RunCommand): Promise<CommandEnd> {
  const { command, cwd, signal, clock, limitMs } = options
  const child = spawn(command, {
    shell: true,
    cwd,
    env: options.env,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true
  })
  let tail = ''
  const hear = (text: string): void => {
    tail = (tail + text).slice(-TAIL_BYTES)
    options.onText(text)
  }
  child.stdout.setEncoding('utf8').on('data', (text: string) => options.onText(text))
  child.stderr.setEncoding('utf8').on('data', hear)
  const ended = new Promise<{ code: number | null; by: string | null; error?: Error }>((resolve) => {
    child.on('error', (error) => resolve({ code: null, by: null, error }))
    child.on('close', (code, by) => resolve({ code, by }))
  })
  using limit = limitMs === undefined ? NO_LIMIT : deadline(clock, limitMs)
  const stopped = AbortSignal.any([signal, limit.signal])
  const onStop = (): void => end(child, clock, ended)
  if (stopped.aborted) onStop()
  else stopped.addEventListener('abort', onStop, { once: true })
  const { code, by, error } = await ended
  stopped.removeEventListener('abort', onStop)
  if (error !== undefined)
    return { failure: `the command could not be started: ${error.message}`, isFinal: false }
  if (limit.signal.aborted)
    return { failure: failureText(`it took longer than ${(limitMs ?? 0) / 1000} s`, tail), isFinal: false }
  if (code === 0) return { failure: undefined, isFinal: false }
  const how = by === null ? `exit status ${code ?? ''}` : `ended by ${by}`
  return { failure: failureText(how, tail), isFinal: code === FINAL_STATUS }
}

const NO_LIMIT = { signal: new AbortController().signal, [Symbol.dispose]: () => {} }

function failureText(how: string, tail: string): string {
  const lines = tail.trim().split('\n').slice(-10).join('\n')
  return lines === '' ? how : `${how}: ${lines}`
}

/** First it is asked, then it has no choice. */
function end(child: ChildProcess, clock: Clock, ended: Promise<unknown>): void {
  kill(child, 'SIGTERM')
  const timer = clock.setTimer(GRACE_MS, () => kill(child, 'SIGKILL'))
  void ended.then(() => timer.cancel()) // never rejects
}

function kill(child: ChildProcess, by: NodeJS.Signals): void {
  if (child.pid === undefined) return
  try {
    // the shell and what it started
    process.kill(-child.pid, by)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}
