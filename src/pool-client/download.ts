/** A download to this machine's disk: it goes on after a break, also one of this process, and the file gets its name when all of it is there and right. */

import { createHash } from 'node:crypto'
import type { Hash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { hasCode, PeerbinError } from '../errors.ts'
import { sleep, throwIfAborted } from '../runtime/deadline.ts'
import type { PoolHttp, PoolRequest } from './http.ts'
import { isPassing, pauseMs } from './retry.ts'

/** What stands beside a file that is not complete. */
export const PART = '.peerbin-part'
const ABOUT = '.peerbin-part-tag'
const TAG_LENGTH_MAX = 200

export interface Wanted {
  readonly http: PoolHttp
  readonly request: PoolRequest
  readonly path: string
  /** Undefined where only the server knows: then its ETag says whether it is still the same. */
  readonly sha256?: string | undefined
  readonly sizeBytes?: number | undefined
  /** A server that is away is asked for so long since the last bytes came; ms. */
  readonly limitMs: number
  readonly onProgress?: ((bytes: number) => void) | undefined
}

/** @throws `checksum-mismatch`, `local-file`, `local-full`, what the server says */
export async function download(wanted: Wanted): Promise<void> {
  try {
    await mkdir(dirname(wanted.path), { recursive: true })
    const mismatches = await attempts(wanted, 0)
    if (mismatches > 0) await attempts(wanted, 1)
  } catch (error) {
    throw asLocal(error, wanted.path)
  }
}

/** @returns 1 where what had been begun did not fit, and all of it has to come anew */
async function attempts(wanted: Wanted, mismatches: number): Promise<number> {
  const { http, request, limitMs } = wanted
  const { clock, random } = http.deps
  let tries = 0
  let endsAt = clock.monotonic() + limitMs
  for (;;) {
    const before = await sizeOf(wanted.path + PART)
    try {
      const sha256 = await fetchRest(wanted)
      if (wanted.sha256 === undefined || sha256 === wanted.sha256) {
        await settle(wanted.path)
        return 0
      }
      await forget(wanted.path)
      if (mismatches > 0)
        throw new PeerbinError('checksum-mismatch', `${wanted.path} did not arrive as it was sent`)
      return 1
    } catch (error) {
      throwIfAborted(request.signal)
      if (!isPassing(error)) throw error
      if ((await sizeOf(wanted.path + PART)) > before) {
        tries = 0
        endsAt = clock.monotonic() + limitMs
      }
      const waitMs = pauseMs(++tries, error, random)
      if (clock.monotonic() + waitMs >= endsAt) throw error
      await sleep(clock, waitMs, request.signal)
    }
  }
}

/** One connection. @returns the digest of all bytes */
async function fetchRest(wanted: Wanted): Promise<string> {
  const { http, request, path } = wanted
  const hash = createHash('sha256')
  await using file = await open(path + PART, 'a+')
  let at = await begun(file, wanted, hash)
  if (at > 0 && at === wanted.sizeBytes) return hash.digest('hex')
  const tag = wanted.sha256 === undefined ? await tagOf(path) : undefined
  if (at > 0 && wanted.sha256 === undefined && tag === undefined) at = await restart(file)
  const headers = {
    ...request.headers,
    ...(at > 0 && { range: `bytes=${at}-`, ...(tag !== undefined && { 'if-range': tag }) })
  }
  let answer: Response
  try {
    answer = await http.send({ ...request, headers })
  } catch (error) {
    if (!hasCode(error, 'range-not-satisfiable')) throw error
    await forget(path)
    throw new PeerbinError('upload-incomplete', 'what was begun does not fit', { cause: error })
  }
  const isRest = answer.status === 206 && at > 0
  const digest = at > 0 && !isRest ? createHash('sha256') : hash
  if (at > 0 && !isRest) at = await restart(file)
  await keepTag(path, answer, wanted)
  const total = totalOf(answer, at)
  for await (const piece of http.pieces(answer, request.signal)) {
    await file.write(piece)
    digest.update(piece)
    at += piece.byteLength
    wanted.onProgress?.(at)
  }
  if (total !== undefined && at < total) throw new PeerbinError('server-unreachable', 'the connection broke')
  await file.sync()
  return digest.digest('hex')
}

/** Bytes of an earlier attempt, which count. */
async function begun(file: FileHandle, { path, sizeBytes }: Wanted, hash: Hash): Promise<number> {
  const { size } = await file.stat()
  if (sizeBytes !== undefined && size > sizeBytes) return await restart(file)
  if (size > 0) for await (const piece of createReadStream(path + PART)) hash.update(piece as Uint8Array)
  return size
}

async function restart(file: FileHandle): Promise<0> {
  await file.truncate(0)
  return 0
}

/** How long all of it is, as the answer says. */
function totalOf(answer: Response, at: number): number | undefined {
  const length = Number(answer.headers.get('content-length') ?? Number.NaN)
  return Number.isFinite(length) ? at + length : undefined
}

async function keepTag(path: string, answer: Response, { sha256 }: Wanted): Promise<void> {
  const tag = answer.headers.get('etag')
  if (sha256 !== undefined || tag === null || tag.length > TAG_LENGTH_MAX || tag.startsWith('W/')) return
  await writeFile(path + ABOUT, tag)
}

async function tagOf(path: string): Promise<string | undefined> {
  const text = await readFile(path + ABOUT, 'utf8').catch(() => '') // one that is not there says nothing
  return text === '' ? undefined : text.slice(0, TAG_LENGTH_MAX)
}

async function settle(path: string): Promise<void> {
  await rename(path + PART, path)
  await rm(path + ABOUT, { force: true })
  await using folder = await open(dirname(path), 'r')
  await folder.sync()
}

async function forget(path: string): Promise<void> {
  await rm(path + PART, { force: true })
  await rm(path + ABOUT, { force: true })
}

const sizeOf = async (path: string): Promise<number> => {
  const found = await stat(path).catch(() => undefined) // not begun
  return found?.size ?? 0
}

export function asLocal(error: unknown, path: string): PeerbinError {
  if (error instanceof PeerbinError) return error
  const isFull = error instanceof Error && 'code' in error && error.code === 'ENOSPC'
  return new PeerbinError(isFull ? 'local-full' : 'local-file', `cannot write ${path}`, { cause: error })
}
