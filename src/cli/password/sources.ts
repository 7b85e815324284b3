/** Where the command line gets a password from: a file, standard input, or the person at the terminal. Never an argument: other users of the machine can see those. */

import { Option } from 'commander'
import type { Command } from 'commander'
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { PeerbinError } from '../../errors.ts'
import { PASSWORD_BYTES_MAX } from '../../protocol/limits.ts'
import { cleanPassword } from '../../protocol/password.ts'
import type { CliContext } from '../context.ts'

export interface PasswordOptions {
  passwordFile?: string
  passwordStdin?: boolean
  askPassword?: boolean
}

/** `--password-file`, `--password-stdin` and, where it makes sense, `--ask-password`; one of them at most. */
export const addPasswordOptions = (command: Command, what: string): Command =>
  command
    .addOption(
      new Option('--password-file <file>', `${what}: the first line of a file`).conflicts([
        'passwordStdin',
        'askPassword'
      ])
    )
    .addOption(
      new Option('--password-stdin', `${what}: the first line of standard input`).conflicts('askPassword')
    )

/**
 * The password that the options name; undefined when they name none.
 * @throws `local-file` when the file cannot be read, `usage` for an empty or overlong password
 */
export async function namedPassword(
  options: PasswordOptions,
  context: CliContext
): Promise<string | undefined> {
  if (options.passwordFile !== undefined)
    return await passwordOfFile(options.passwordFile, '--password-file', context)
  if (options.passwordStdin === true) return usable(await context.stdin.readAll(), '--password-stdin')
  return undefined
}

/** Asks at the terminal, without showing what is typed. @throws `usage` where no person is there; the reason of an interruption */
export async function askPassword(question: string, context: CliContext): Promise<string> {
  if (context.stdin.isTTY !== true)
    throw new PeerbinError(
      'usage',
      'a password is needed, and there is no terminal to ask at: give --password-file or --password-stdin'
    )
  return usable(await context.stdin.ask(question), 'the password')
}

/** For a password that is chosen: a slip of the finger would keep everybody out. */
export async function askTwice(context: CliContext, question = 'Password for the link: '): Promise<string> {
  const first = await askPassword(question, context)
  if ((await askPassword('The same again: ', context)) === first) return first
  throw new PeerbinError('usage', 'the two passwords are not the same')
}

/** The first line, without its end: editors and `echo` add one. */
function usable(text: string, source: string): string {
  const line = /^[^\r\n]*/.exec(text)?.[0] ?? ''
  if (line === '') throw new PeerbinError('usage', `${source}: there is no password in the first line`)
  try {
    return cleanPassword(line)
  } catch (error) {
    throw new PeerbinError('usage', `${source}: a password has at most ${PASSWORD_BYTES_MAX} bytes`, {
      cause: error
    })
  }
}

/** The first line of a file that holds a password, a key or the like. @throws `local-file`, `usage` */
export async function passwordOfFile(file: string, option: string, context: CliContext): Promise<string> {
  const path = resolve(context.cwd, file)
  return usable(await readText(path), `${option} ${path}`)
}

/** Several secrets from standard input, a line each. @throws `usage` when one of them is missing */
export async function passwordLines(names: readonly string[], context: CliContext): Promise<string[]> {
  const lines = (await context.stdin.readAll()).split(/\r\n|\r|\n/)
  return names.map((name, at) => usable(lines[at] ?? '', `--password-stdin, ${name}`))
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    throw new PeerbinError('local-file', `cannot read ${path}`, { cause: error })
  }
}

/** Blanks at the ends of a header's value are no part of it, and control characters cannot stand in one. */
const UNFIT = /^[ \t]|[ \t]$|[^\t\x20-\x7E\x80-\xFF]/

/** The header in which a password goes; bytes of UTF-8, as the server expects them. What does not fit goes as credentials, in base64. */
export function passwordHeaders(password: string | undefined): Record<string, string> {
  if (password === undefined) return {}
  const bytes = Buffer.from(password, 'utf8')
  const text = bytes.toString('latin1')
  return UNFIT.test(text)
    ? { authorization: `Basic ${Buffer.concat([Buffer.from(':'), bytes]).toString('base64')}` }
    : { 'x-password': text }
}
