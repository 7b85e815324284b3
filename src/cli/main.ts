import { PeerbinError } from '../errors.ts'
import { systemClock } from '../runtime/clock.ts'
import { systemRandom } from '../runtime/random.ts'
import type { CliContext, Roles, SupervisorLink } from './context.ts'
import { runCommandLine } from './program.ts'
import { processInput } from './stdin.ts'

/** Handles that somebody forgot may keep a finished process for so long; unref'd, so a clean one ends at once. */
const EXIT_GRACE_MS = 500

/** Between two looks whether npm's shell is still there; a stop has five seconds in all. */
const PARENT_LOOK_MS = 200

export interface MainDeps {
  /** Path of the executable, for child processes. */
  program: string
  roles: () => Promise<Roles>
}

/** Runs the process's command line and sets its exit code (EXIT in errors.ts). */
export async function main(deps: MainDeps): Promise<void> {
  ignoreClosedPipe(process.stdout)
  process.stderr.on('error', () => {}) // nobody can be told that nobody can be told
  const supervisor = supervisorLink()
  const interrupted = interruption(supervisor !== undefined)
  process.exitCode = await runCommandLine(process.argv.slice(2), {
    env: process.env,
    cwd: process.cwd(),
    stdout: {
      write: (text) => void process.stdout.write(text), // what a closed pipe does is ignored above
      writeBytes: (bytes) =>
        new Promise((resolve, reject) => {
          process.stdout.write(bytes, (error) => (error instanceof Error ? reject(error) : resolve()))
        }),
      isTTY: process.stdout.isTTY
    },
    stderr: process.stderr,
    stdin: processInput(process.stdin, process.stderr, interrupted),
    interrupted,
    program: deps.program,
    roles: deps.roles,
    supervisor,
    clock: systemClock,
    random: systemRandom
  } satisfies CliContext)
  if (process.connected) process.disconnect()
  systemClock.setTimer(EXIT_GRACE_MS, () => process.exit(), { unref: true })
}

/** `peerbin … | head` ends the reader early; that is no error of ours. */
function ignoreClosedPipe(stream: NodeJS.WriteStream): void {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
  })
}

/** The first SIGINT or SIGTERM asks for a clean end; a second one ends the process at once. */
function interruption(supervised: boolean): AbortSignal {
  const controller = new AbortController()
  const stop = (signal: NodeJS.Signals): void => {
    if (controller.signal.aborted) process.exit(130)
    controller.abort(new PeerbinError('shutting-down', `stopped by ${signal}`))
  }
  // Ctrl-C reaches the whole process group: a supervised process leaves it to the supervisor, which keeps the order of stopping
  process.on('SIGINT', supervised ? () => {} : stop)
  process.on('SIGTERM', stop)
  if (process.env['npm_lifecycle_event'] !== undefined) watchParent(() => stop('SIGHUP'))
  return controller.signal
}

/**
 * npm passes a SIGTERM on to the shell it runs a script in, and shells die of it without passing it on: `npm start` would leave a whole cluster
 * behind. Whoever is adopted by another process has lost the shell.
 */
function watchParent(onLost: () => void): void {
  const parent = process.ppid
  const look = (): void => {
    if (process.ppid === parent) systemClock.setTimer(PARENT_LOOK_MS, look, { unref: true })
    else onLost()
  }
  look()
}

function supervisorLink(): SupervisorLink | undefined {
  if (process.env['PEERBIN_SUPERVISED'] !== '1' || process.send === undefined) return undefined
  const controller = new AbortController()
  const stop = (): void => controller.abort(new PeerbinError('shutting-down'))
  process.on('disconnect', stop)
  process.on('message', (message: unknown) => {
    if (typeof message === 'object' && message !== null && 'type' in message && message.type === 'stop')
      stop()
  })
  return {
    // a supervisor that is gone is noticed by `disconnect`; a failed send says nothing new
    send: (message) => void process.send?.(message, () => {}),
    stop: controller.signal
  }
}
