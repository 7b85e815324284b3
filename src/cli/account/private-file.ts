/** Files of the user's own that hold secrets: for them alone, and written whole or not at all. */

import { constants } from 'node:fs'
import { mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, isAbsolute, join } from 'node:path'
import type { z } from 'zod'
import { PeerbinError } from '../../errors.ts'
import type { Random } from '../../interfaces.ts'
import type { CliContext } from '../context.ts'

const FOLDER_MODE = 0o700
const FILE_MODE = 0o600
/** What a group, or everybody, may do. */
const OTHERS = 0o077
/** Thousands of servers. */
const FILE_BYTES_MAX = 1024 * 1024

/** `$XDG_CONFIG_HOME/peerbin`, or below `~/.config`. */
export const configFolder = (context: Pick<CliContext, 'env'>): string =>
  userFolder(context, 'XDG_CONFIG_HOME', '.config')

/** `$XDG_STATE_HOME/peerbin`, or below `~/.local/state`. */
export const stateFolder = (context: Pick<CliContext, 'env'>): string =>
  userFolder(context, 'XDG_STATE_HOME', join('.local', 'state'))

function userFolder({ env }: Pick<CliContext, 'env'>, variable: string, fallback: string): string {
  const named = env[variable] ?? ''
  // a relative one is to be passed over (XDG Base Directory Specification)
  return join(isAbsolute(named) ? named : join(env['HOME'] ?? homedir(), fallback), 'peerbin')
}

/**
 * What is stored; undefined where there is no file. @param advice what to do about one that is damaged
 * @throws `local-file` when it cannot be read, is not what it should be, or others can read or change it
 */
export async function readPrivate<S extends z.ZodType>(
  path: string,
  schema: S,
  advice: string
): Promise<z.output<S> | undefined> {
  let text: string
  try {
    await using file = await open(path, constants.O_RDONLY)
    const found = await file.stat()
    checkOwn(path, found, FILE_MODE)
    checkOwn(dirname(path), await stat(dirname(path)), FOLDER_MODE)
    if (found.size > FILE_BYTES_MAX) throw new PeerbinError('local-file', `${path} is too large`)
    text = await file.readFile('utf8')
  } catch (error) {
    if (isCode(error, 'ENOENT')) return undefined
    throw asLocal(`cannot read ${path}`, error)
  }
  try {
    return schema.parse(JSON.parse(text))
  } catch {
    // what a parser says of it would show a piece of a token
    throw new PeerbinError('local-file', `${path} is damaged: ${advice}`)
  }
}

/** @throws `local-file` for what others can get at; systems without such modes have nothing to look at */
function checkOwn(path: string, found: { mode: number; uid: number }, mode: number): void {
  const uid = process.getuid?.()
  if (uid === undefined) return
  if (found.uid !== uid)
    throw new PeerbinError('local-file', `${path} belongs to another user of this machine: it is not used`)
  if ((found.mode & OTHERS) !== 0)
    throw new PeerbinError(
      'local-file',
      `${path} can be read or changed by other users of this machine: make it yours alone (chmod ${mode.toString(8)} ${path}), and if it was so for long, \`peerbin logout\` and in again`
    )
}

/** All of it or nothing, whenever the machine fails. @throws `local-file` */
export async function writePrivate(path: string, value: unknown, random: Random): Promise<void> {
  const fresh = `${path}.${Buffer.from(random.bytes(6)).toString('hex')}`
  try {
    await mkdir(dirname(path), { recursive: true, mode: FOLDER_MODE })
    checkOwn(dirname(path), await stat(dirname(path)), FOLDER_MODE)
    try {
      await writeNew(fresh, `${JSON.stringify(value, undefined, 2)}\n`)
      await rename(fresh, path)
    } catch (error) {
      await rm(fresh, { force: true })
      throw error
    }
    await using folder = await open(dirname(path), 'r')
    await folder.sync()
  } catch (error) {
    throw asLocal(`cannot write ${path}`, error)
  }
}

async function writeNew(path: string, text: string): Promise<void> {
  const { O_WRONLY, O_CREAT, O_EXCL } = constants
  await using file = await open(path, O_WRONLY | O_CREAT | O_EXCL, FILE_MODE)
  await file.writeFile(text)
  await file.sync()
}

const isCode = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code

const asLocal = (what: string, error: unknown): PeerbinError =>
  error instanceof PeerbinError ? error : new PeerbinError('local-file', what, { cause: error })
