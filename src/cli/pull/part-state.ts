/**
 * What is needed to go on with a download that is not whole yet: it stands beside its bytes, in `NAME.peerbin-part.json`. The claim secret in it, of a link, is the right to the rest, so it is on disk
 * before the server hears of it, and only its owner can read it. The key of an encrypted link is not in it: whoever goes on gives the link again.
 */

import { constants } from 'node:fs'
import { link, lstat, open, readFile, readdir, rename, rm, stat } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { ENCRYPTION } from '../../encryption/scheme.ts'
import { PeerbinError } from '../../errors.ts'
import { count, secretHash, sha256Hex } from '../../protocol/schema.ts'
import { isClaimSecret } from '../../protocol/secrets.ts'
import type { SecretHash } from '../../types.ts'

export const PART = '.peerbin-part'
export const STATE = `${PART}.json`
export const OWNER_ONLY = 0o600
/** Of what is whole, as any other program makes it: less what the user's umask takes away. */
export const FILE_MODE = 0o666
export const FOLDER_MODE = 0o777
const { O_WRONLY, O_CREAT, O_TRUNC, O_NOFOLLOW } = constants

const common = {
  /** What it is a download of: hash of the link's token, or of what names a version of an account's file. */
  tokenHash: secretHash,
  claim: z.string().refine(isClaimSecret),
  /** Of the payload, decrypted. */
  sizeBytes: count,
  /** Of the whole file; null when the server did not say. */
  sha256: sha256Hex.nullable()
}
/** A plain file. */
const version1 = z.object({ version: z.literal(1), ...common })
/** All others. */
const version2 = z.object({
  version: z.literal(2),
  ...common,
  shape: z.enum(['file', 'folder', 'zip']),
  encryption: z.literal(ENCRYPTION).nullable(),
  /** The list of files, decrypted; null for a plain file. */
  indexText: z.string().nullable()
})
/** A file of an account: whoever goes on shows who they are. */
const version3 = z.object({ version: z.literal(3), ...common, claim: z.null() })
const PLAIN = { shape: 'file', encryption: null, indexText: null } as const
const schema = z.union([
  version1.transform((state) => ({ ...state, ...PLAIN })),
  version2,
  version3.transform((state) => ({ ...state, ...PLAIN }))
])

export type PartState = Omit<z.output<typeof version2>, 'version' | 'claim'> & {
  /** The right to the rest of a link's download; null for a file of an account. */
  claim: string | null
}
export type Shape = PartState['shape']

export const isCode = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code

export const local = (what: string, error: unknown): PeerbinError =>
  error instanceof PeerbinError ? error : new PeerbinError('local-file', what, { cause: error })

/** What was its owner's only while it was not whole becomes a file, or a folder, like others. */
export async function release(part: Pick<FileHandle, 'chmod'>, mode: number): Promise<void> {
  // a file system without modes refuses, and has given it one already
  await part.chmod(mode & ~process.umask()).catch(() => undefined)
}

export async function readState(path: string): Promise<PartState | undefined> {
  try {
    const state = schema.safeParse(JSON.parse(await readFile(path, 'utf8'))).data
    if (state === undefined) return undefined
    const { version: _version, ...rest } = state
    return rest
  } catch (error) {
    if (isCode(error, 'ENOENT') || error instanceof SyntaxError) return undefined // a new download begins
    throw local(`cannot read ${path}`, error)
  }
}

/** Durable when it resolves. @throws what the file system says */
export async function writeState(target: string, state: PartState): Promise<void> {
  const { shape, encryption, indexText, ...rest } = state
  const isPlain = shape === 'file' && encryption === null && indexText === null
  const record = isPlain ? { version: rest.claim === null ? 3 : 1, ...rest } : { version: 2, ...state }
  await using file = await open(target + STATE, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, OWNER_ONLY)
  await file.chmod(OWNER_ONLY)
  await file.writeFile(`${JSON.stringify(record)}\n`)
  await file.sync()
}

/** What an unfinished download of this link will become: `target` itself, or something in its folder when only that is known. */
export async function findPart(
  where: { readonly target: string } | { readonly folder: string },
  tokenHash: SecretHash
): Promise<{ target: string; state: PartState } | undefined> {
  const candidates =
    'target' in where
      ? [where.target]
      : (await readdir(where.folder).catch(() => [])) // no folder: nothing was begun there
          .filter((name) => name.endsWith(STATE))
          .map((name) => join(where.folder, name.slice(0, -STATE.length)))
  for (const target of candidates) {
    const state = await readState(target + STATE)
    if (state?.tokenHash === tokenHash) return { target, state }
  }
  return undefined
}

/** Fails when `to` exists, also when it appeared a moment ago. */
export async function renameToNew(from: string, to: string): Promise<void> {
  try {
    await link(from, to) // unlike rename, this never replaces
  } catch (error) {
    if (isCode(error, 'EEXIST')) throw existsError(to, error)
    await refuseExisting(to) // a file system without hard links: nearly as good
    await rename(from, to)
    return
  }
  await rm(from)
}

const existsError = (target: string, cause?: unknown): PeerbinError =>
  new PeerbinError(
    'local-file',
    `${target} exists already; use --force to replace it, or -o for another name`,
    { cause }
  )

/** @throws `local-file` when something has that name */
export async function refuseExisting(target: string): Promise<void> {
  const found = await stat(target).catch((error: unknown) => {
    if (isCode(error, 'ENOENT')) return undefined
    throw local(`cannot look at ${target}`, error)
  })
  if (found !== undefined) throw existsError(target)
}

/** A folder is never replaced, and a file not by a folder. @throws `local-file` */
export async function refuseFolder(target: string): Promise<void> {
  const found = await lstat(target).catch(() => undefined) // what cannot be looked at is reported when it is written
  if (found?.isDirectory() === true)
    throw new PeerbinError('local-file', `${target} is a folder that exists already; use -o for another name`)
}

export async function syncFolder(path: string): Promise<void> {
  await using folder = await open(path, 'r')
  await folder.sync()
}

/** @throws `internal` */
export function requireWhole(part: {
  readonly position: number
  readonly goodTo: number
  readonly state: PartState
}): void {
  const { sizeBytes } = part.state
  if (part.position !== sizeBytes || part.goodTo !== sizeBytes)
    throw new PeerbinError('internal', 'the download is not whole')
}
