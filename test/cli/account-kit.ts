/** Commands of accounts in this process, in a folder and with a configuration of their own. */

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runInProcess } from '../kit/cli-context.ts'
import type { CommandResult, InProcessOptions } from '../kit/cli-context.ts'

export type Json = Record<string, unknown>

export interface AccountCommands {
  /** Runs one to its end, whatever that is. */
  run: (argv: readonly string[], options?: InProcessOptions) => Promise<CommandResult>
  /** What a command says that must succeed. */
  done: (argv: readonly string[], options?: InProcessOptions) => Promise<string>
  /** The same of `--json`, an object for each line. */
  json: (argv: readonly string[], options?: InProcessOptions) => Promise<Json[]>
}

export const linesOf = (text: string): Json[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Json)

export function accountCommands(cwd: string, env: Record<string, string>): AccountCommands {
  const run = (argv: readonly string[], options: InProcessOptions = {}): Promise<CommandResult> =>
    runInProcess(argv, { cwd, ...options, env: { ...env, ...options.env } })
  const done = async (argv: readonly string[], options?: InProcessOptions): Promise<string> => {
    const { code, stdout, stderr } = await run(argv, options)
    if (code !== 0) throw new Error(`${argv.join(' ')}: ${stderr}`)
    return stdout
  }
  const json = async (argv: readonly string[], options?: InProcessOptions): Promise<Json[]> =>
    linesOf(await done([...argv, '--json'], options))
  return { run, done, json }
}

export const credentialsOf = (config: string): string => join(config, 'peerbin', 'credentials.json')

/** The token that is kept for a server. @param path of the file */
export async function tokenOf(path: string, url: string): Promise<string> {
  const { servers } = JSON.parse(await readFile(path, 'utf8')) as {
    servers: Record<string, { token: string }>
  }
  return servers[`${url}/`]?.token ?? ''
}
