/** A command line inside the test's own process: what it writes is gathered. */

import type { CliContext } from '../../src/cli/context.ts'
import { runCommandLine } from '../../src/cli/program.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import { systemRandom } from '../../src/runtime/random.ts'

export interface CommandResult {
  code: number
  stdout: string
  stderr: string
}

export interface InProcessOptions {
  cwd?: string
  env?: Record<string, string>
  /** Standard input. */
  input?: string
  /** What a person types when asked; given, standard input is a terminal. */
  answers?: string[]
  /** Gets what goes to standard output as bytes; they are not in `stdout` then. */
  onBytes?: (bytes: Uint8Array) => void
  /** Ctrl-C. */
  interrupted?: AbortSignal
}

export async function runInProcess(
  argv: readonly string[],
  options: InProcessOptions = {}
): Promise<CommandResult> {
  const result: CommandResult = { code: -1, stdout: '', stderr: '' }
  result.code = await runCommandLine(argv, contextOf(result, options))
  return result
}

/** What a command touches of the world; what it writes is added to `result`. */
export function contextOf(result: CommandResult, options: InProcessOptions = {}): CliContext {
  const answers = [...(options.answers ?? [])]
  return {
    env: options.env ?? {},
    cwd: options.cwd ?? process.cwd(),
    stdout: {
      write: (text) => void (result.stdout += text),
      writeBytes: async (bytes) => {
        if (options.onBytes === undefined) result.stdout += Buffer.from(bytes).toString('utf8')
        else options.onBytes(new Uint8Array(bytes))
      }
    },
    stderr: { write: (text) => void (result.stderr += text) },
    stdin: {
      isTTY: options.answers !== undefined,
      readAll: async () => options.input ?? '',
      ask: async () => answers.shift() ?? ''
    },
    interrupted: options.interrupted ?? new AbortController().signal,
    program: '/nowhere',
    roles: () => import('../../src/compose/roles.ts'),
    supervisor: undefined,
    clock: systemClock,
    random: systemRandom
  }
}
