/** What a command may touch of the world around it. Tests hand in their own. */

import type * as roles from '../compose/roles.ts'
import type { Clock, Random } from '../interfaces.ts'

/** The composition, loaded only by commands that start or make something: it pulls in libp2p, LevelDB and Fastify. */
export type Roles = typeof roles

export interface Output {
  write(text: string): void
  /** A person is looking: progress may be shown. */
  readonly isTTY?: boolean
  readonly columns?: number
}

export interface Input {
  /** A person is there, who can be asked. */
  readonly isTTY?: boolean
  /** Everything up to its end, as text. */
  readAll(): Promise<string>
  /** One line that is not shown while it is typed, unless it may be. @throws the reason of an interruption */
  ask(question: string, isShown?: boolean): Promise<string>
}

/** What came from and goes to a process that supervises this one. */
export interface SupervisorLink {
  send(message: object): void
  /** Aborts when the supervisor asks to stop, or is gone. */
  readonly stop: AbortSignal
}

export interface CliContext {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  readonly stdout: Output & { writeBytes(bytes: Uint8Array): Promise<void> }
  readonly stderr: Output
  readonly stdin: Input
  /** Aborts at SIGINT or SIGTERM. */
  readonly interrupted: AbortSignal
  /** The executable's own file: child processes are started from it. */
  readonly program: string
  readonly roles: () => Promise<Roles>
  /** Present when `peerbin up` started this process. */
  readonly supervisor: SupervisorLink | undefined
  readonly clock: Clock
  readonly random: Random
}

/** A line for a person, on standard error: standard output belongs to results. */
export const say = (context: CliContext, text: string): void => context.stderr.write(`peerbin: ${text}\n`)
