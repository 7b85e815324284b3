/**
 * A download that is not whole yet: `NAME.peerbin-part` holds its bytes from the start, `NAME.peerbin-part.json` what is needed to go on. The claim secret in
 * it is the right to the rest of the file, so it is on disk before the server hears of it, and only its owner can read it.
 */

import { createHash } from 'node:crypto'
import type { Hash } from 'node:crypto'
import { link, open, readFile, readdir, rename, rm, stat } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { z } from 'zod'
import { PeerbinError } from '../../errors.ts'
import { count, secretHash, sha256Hex } from '../../protocol/schema.ts'
import { isClaimSecret } from '../../protocol/secrets.ts'
import type { SecretHash } from '../../types.ts'

const PART = '.peerbin-part'
const STATE = `${PART}.json`
const OWNER_ONLY = 0o600
const READ_BYTES = 1024 * 1024

const schema = z.object({
  version: z.literal(1),
  tokenHash: secretHash,
  claim: z.string().refine(isClaimSecret),
  sizeBytes: count,
  /** Of the whole file; null when the server did not say. */
  sha256: sha256Hex.nullable()
})
export type PartState = z.output<typeof schema>

const isCode = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code

const local = (what: string, error: unknown): PeerbinError =>
  error instanceof PeerbinError ? error : new PeerbinError('local-file', what, { cause: error })

async function readState(path: string): Promise<PartState | undefined> {
  try {
    return schema.safeParse(JSON.parse(await readFile(path, 'utf8'))).data
  } catch (error) {
    if (isCode(error, 'ENOENT') || error instanceof SyntaxError) return undefined // a new download begins
    throw local(`cannot read ${path}`, error)
  }
}

/** The file that an unfinished download of this link will become: `target` itself, or one in its folder when only that is known. */
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

/** An open part file; `close` leaves it for a later run. */
export class PartFile {
  readonly target: string
  readonly state: PartState
  readonly #file: FileHandle
  #hash: Hash
  #sizeBytes: number

  private constructor(
    target: string,
    state: PartState,
    opened: { file: FileHandle; hash: Hash; sizeBytes: number }
  ) {
    this.target = target
    this.state = state
    this.#file = opened.file
    this.#hash = opened.hash
    this.#sizeBytes = opened.sizeBytes
  }

  /** Bytes that are there, from the start of the file. */
  get sizeBytes(): number {
    return this.#sizeBytes
  }

  /** Begins a download: the state is durable when it resolves. @throws `local-file` */
  static async begin(target: string, state: PartState): Promise<PartFile> {
    try {
      {
        await using file = await open(target + STATE, 'w', OWNER_ONLY)
        await file.chmod(OWNER_ONLY)
        await file.writeFile(`${JSON.stringify(state)}\n`)
        await file.sync()
      }
      const file = await open(target + PART, 'w', OWNER_ONLY)
      return new PartFile(target, state, { file, hash: createHash('sha256'), sizeBytes: 0 })
    } catch (error) {
      throw local(`cannot write ${target}${PART}`, error)
    }
  }

  /** Goes on with one that was begun: what is there is read once, for the digest. @throws `local-file` */
  static async resume(target: string, state: PartState): Promise<PartFile> {
    try {
      const file = await open(target + PART, 'r+').catch((error: unknown) => {
        if (isCode(error, 'ENOENT')) return open(target + PART, 'w+', OWNER_ONLY)
        throw error
      })
      const hash = createHash('sha256')
      const buffer = Buffer.allocUnsafe(READ_BYTES)
      let sizeBytes = 0
      while (sizeBytes < state.sizeBytes) {
        const wanted = Math.min(READ_BYTES, state.sizeBytes - sizeBytes)
        const { bytesRead } = await file.read(buffer, 0, wanted, sizeBytes)
        if (bytesRead === 0) break
        hash.update(buffer.subarray(0, bytesRead))
        sizeBytes += bytesRead
      }
      await file.truncate(sizeBytes)
      return new PartFile(target, state, { file, hash, sizeBytes })
    } catch (error) {
      throw local(`cannot read ${target}${PART}`, error)
    }
  }

  async append(bytes: Uint8Array): Promise<void> {
    if (this.#sizeBytes + bytes.byteLength > this.state.sizeBytes)
      throw new PeerbinError('protocol-violation', 'the server sent more bytes than the file has')
    try {
      let written = 0
      while (written < bytes.byteLength) {
        const left = bytes.byteLength - written
        const result = await this.#file.write(bytes, written, left, this.#sizeBytes + written)
        written += result.bytesWritten
      }
    } catch (error) {
      throw local(`cannot write ${this.target}${PART}`, error)
    }
    this.#hash.update(bytes)
    this.#sizeBytes += bytes.byteLength
  }

  /** Whether all bytes are there and match the digest, as far as one is known. */
  get matches(): boolean {
    if (this.#sizeBytes !== this.state.sizeBytes) return false
    return this.state.sha256 === null || this.#hash.copy().digest('hex') === this.state.sha256
  }

  /** Drops the bytes and keeps the claim. */
  async restart(): Promise<void> {
    await this.#file.truncate(0)
    this.#hash = createHash('sha256')
    this.#sizeBytes = 0
  }

  /** Gives the file its name. Never over one that is there, unless `force`. @throws `local-file` */
  async finish(force: boolean): Promise<void> {
    try {
      await this.#file.sync()
      await this.#file.close()
      if (force) await rename(this.target + PART, this.target)
      else await renameToNew(this.target + PART, this.target)
      await rm(this.target + STATE, { force: true })
      await using folder = await open(dirname(this.target), 'r')
      await folder.sync()
    } catch (error) {
      throw local(`cannot save ${this.target}; its bytes are in ${basename(this.target)}${PART}`, error)
    }
  }

  async close(): Promise<void> {
    await this.#file.close()
  }

  /** Leaves nothing behind. */
  async discard(): Promise<void> {
    await this.close()
    await rm(this.target + PART, { force: true })
    await rm(this.target + STATE, { force: true })
  }
}

/** Fails when `to` exists, also when it appeared a moment ago. */
async function renameToNew(from: string, to: string): Promise<void> {
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
    {
      cause
    }
  )

/** @throws `local-file` when something has that name */
export async function refuseExisting(target: string): Promise<void> {
  const found = await stat(target).catch((error: unknown) => {
    if (isCode(error, 'ENOENT')) return undefined
    throw local(`cannot look at ${target}`, error)
  })
  if (found !== undefined) throw existsError(target)
}
