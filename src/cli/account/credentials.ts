/**
 * The user's tokens, one for each server, in `peerbin/credentials.json` of their config folder. Whoever reads that file is the user: it is written with mode 0600
 * into a folder of mode 0700, and one that others can read is not used.
 */

import { constants } from 'node:fs'
import { mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, isAbsolute, join } from 'node:path'
import { z } from 'zod'
import { PeerbinError } from '../../errors.ts'
import type { CliContext } from '../context.ts'

const FOLDER_MODE = 0o700
const FILE_MODE = 0o600
/** What a group, or everybody, may do. */
const OTHERS = 0o077
/** Thousands of servers. */
const FILE_BYTES_MAX = 1024 * 1024

const entry = z.object({
  /** What goes to the server as a bearer token: of a session that `login` began, or an API key. */
  token: z.string().min(1),
  kind: z.enum(['session', 'key']),
  userId: z.string(),
  name: z.string(),
  /** ISO 8601; null: it does not expire. */
  expiresAt: z.string().nullable()
})
export type Credential = z.output<typeof entry>

const schema = z.object({
  version: z.literal(1),
  /** A key of `servers`. */
  default: z.string().nullable(),
  servers: z.record(z.string(), entry)
})
export type Credentials = z.output<typeof schema>

const NONE: Credentials = { version: 1, default: null, servers: {} }

/** How a server is called in the file: its address without what does not count. An edge may live below a path. */
export const serverKey = (server: URL): string =>
  server.origin + (server.pathname.endsWith('/') ? server.pathname : `${server.pathname}/`)

/** `$XDG_CONFIG_HOME/peerbin/credentials.json`, or below `~/.config`. */
export function credentialsPath({ env }: Pick<CliContext, 'env'>): string {
  const named = env['XDG_CONFIG_HOME'] ?? ''
  // a relative one is to be passed over (XDG Base Directory Specification)
  const folder = isAbsolute(named) ? named : join(env['HOME'] ?? homedir(), '.config')
  return join(folder, 'peerbin', 'credentials.json')
}

/** What is stored; nothing where there is no file. @throws `local-file` when it cannot be read, is not what it should be, or others can read or change it */
export async function readCredentials(context: Pick<CliContext, 'env'>): Promise<Credentials> {
  const path = credentialsPath(context)
  let text: string
  try {
    await using file = await open(path, constants.O_RDONLY)
    const found = await file.stat()
    checkOwn(path, found, FILE_MODE)
    checkOwn(dirname(path), await stat(dirname(path)), FOLDER_MODE)
    if (found.size > FILE_BYTES_MAX) throw new PeerbinError('local-file', `${path} is too large`)
    text = await file.readFile('utf8')
  } catch (error) {
    if (isCode(error, 'ENOENT')) return NONE
    throw asLocal(`cannot read ${path}`, error)
  }
  try {
    return schema.parse(JSON.parse(text))
  } catch {
    // what a parser says of it would show a piece of a token
    throw new PeerbinError('local-file', `${path} is damaged: delete it, and run \`peerbin login\` again`)
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

/** Changes what is stored: all of it or nothing, whenever the machine fails. Of two processes at once the last one wins. @throws `local-file` */
export async function changeCredentials(
  context: Pick<CliContext, 'env' | 'random'>,
  change: (credentials: Credentials) => Credentials
): Promise<void> {
  const path = credentialsPath(context)
  const next = change(await readCredentials(context))
  const fresh = `${path}.${Buffer.from(context.random.bytes(6)).toString('hex')}`
  try {
    await mkdir(dirname(path), { recursive: true, mode: FOLDER_MODE })
    checkOwn(dirname(path), await stat(dirname(path)), FOLDER_MODE)
    try {
      await writeNew(fresh, `${JSON.stringify(next, undefined, 2)}\n`)
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

/** Stores a token, and makes its server the one that is meant where none is named. */
export const storeCredential = async (
  server: URL,
  credential: Credential,
  context: Pick<CliContext, 'env' | 'random'>
): Promise<void> =>
  await changeCredentials(context, ({ servers }) => ({
    version: 1,
    default: serverKey(server),
    servers: { ...servers, [serverKey(server)]: credential }
  }))

/** Forgets the token of a server; another server becomes the default when only one is left. */
export const forgetCredential = async (
  server: URL,
  context: Pick<CliContext, 'env' | 'random'>
): Promise<void> =>
  await changeCredentials(context, (before) => {
    const { [serverKey(server)]: _gone, ...servers } = before.servers
    const left = Object.keys(servers)
    const kept = before.default === serverKey(server) ? null : before.default
    return { version: 1, default: kept ?? (left.length === 1 ? (left[0] ?? null) : null), servers }
  })

const isCode = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code

const asLocal = (what: string, error: unknown): PeerbinError =>
  error instanceof PeerbinError ? error : new PeerbinError('local-file', what, { cause: error })
