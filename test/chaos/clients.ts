/** What the clients of a chaos run do over HTTP: upload, redeem, resume, withdraw, through whichever edge answers. */

import { createHash, randomBytes } from 'node:crypto'
import { z } from 'zod'
import { contentOf, sha256Hex } from './content.ts'
import type { History, RequestKind } from './history.ts'
import type { FileEntry, Redeemer } from './ledger.ts'
import type { Dice } from './random.ts'

const REQUEST_TIMEOUT_MS = 20_000
const PAUSE_MS = 150

const uploaded = z.object({ id: z.string(), url: z.url(), deleteUrl: z.url() })
const problem = z.object({ code: z.string() })

const pause = async (ms: number): Promise<void> => {
  await new Promise((resolve) => setTimeout(resolve, ms))
}

export interface ClientDeps {
  readonly urls: readonly string[]
  readonly dice: Dice
  readonly history: History
}

/** One request, counted. A body that is not wanted is cancelled by the caller. */
async function ask(
  { history }: ClientDeps,
  kind: RequestKind,
  url: string,
  init: RequestInit
): Promise<Response> {
  const startedMs = history.now()
  try {
    const answer = await fetch(url, { ...init, signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS) })
    // that a link is used is an answer as good as any
    history.request(kind, startedMs, answer.status < 400 || answer.status === 410 ? 'ok' : 'failed')
    return answer
  } catch (error) {
    history.request(kind, startedMs, reasonOf(error) === 'ECONNREFUSED' ? 'failed' : 'unknown')
    throw error
  }
}

export interface NewFile {
  seed: number
  index: number
  /** Which content: as `index`, or that of an earlier file. */
  content: number
  sizeBytes: number
}

/** Uploads a file. An answer that is lost, or an error, leaves the outcome unknown. */
export async function uploadFile(deps: ClientDeps, file: NewFile): Promise<FileEntry> {
  const content = contentOf(file.seed, file.content, file.sizeBytes)
  const entry: FileEntry = {
    index: file.index,
    content: file.content,
    sizeBytes: file.sizeBytes,
    sha256: sha256Hex(content),
    upload: 'unknown',
    reason: null,
    fileId: null,
    path: null,
    deletePath: null,
    acknowledgedMs: 0,
    revoked: 'no',
    revokedMs: 0,
    suspended: 'no',
    redeemers: []
  }
  try {
    const answer = await ask(deps, 'upload', `${deps.dice.pick(deps.urls)}/file-${file.index}.bin`, {
      method: 'PUT',
      body: new Uint8Array(content),
      headers: { accept: 'application/json', 'content-type': 'application/octet-stream' }
    })
    const text = await answer.text()
    if (answer.status === 201) {
      const { id, url, deleteUrl } = uploaded.parse(JSON.parse(text))
      entry.fileId = id
      entry.path = new URL(url).pathname
      entry.deletePath = new URL(deleteUrl).pathname + new URL(deleteUrl).search
      entry.acknowledgedMs = deps.history.now()
      entry.upload = 'acknowledged'
      return entry
    }
    if (answer.status < 500) entry.upload = 'refused'
    entry.reason = `${answer.status} ${problem.safeParse(parsed(text)).data?.code ?? 'without a code'}`
  } catch (error) {
    // the edge was killed or too slow: nobody knows what became of the upload, but if nobody listened
    entry.reason = reasonOf(error)
    if (entry.reason === 'ECONNREFUSED') entry.upload = 'refused'
  }
  return entry
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined // no JSON: an answer without a code
  }
}

/** `ECONNREFUSED`, `UND_ERR_SOCKET`, `TimeoutError`: what fetch hides in its causes. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error.cause instanceof Error) return reasonOf(error.cause)
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name
}

/** Withdraws a link. */
export async function revoke(deps: ClientDeps, file: FileEntry): Promise<void> {
  file.revoked = 'unknown'
  try {
    const answer = await ask(deps, 'revoke', `${deps.dice.pick(deps.urls)}${file.deletePath}`, {
      method: 'DELETE'
    })
    await answer.body?.cancel()
    if (answer.status !== 204) return
    file.revoked = 'acknowledged'
    file.revokedMs = deps.history.now()
  } catch {
    // lost on the way: it may be withdrawn or not
  }
}

/** What a claimant keeps while it downloads. */
interface Progress {
  got: number
  hash: ReturnType<typeof createHash>
}

/** One request for what is still missing. Throws when the connection broke. */
async function fetchRest(
  deps: ClientDeps,
  url: string,
  file: FileEntry,
  progress: Progress
): Promise<'done' | 'retry' | 'gone' | 'suspended'> {
  const headers: Record<string, string> = { accept: 'application/json' }
  if (progress.got > 0) headers['range'] = `bytes=${progress.got}-`
  // some leave in the middle by themselves, and come back elsewhere
  const leavesAt = deps.dice.fraction() < 0.15 ? deps.dice.whole(1, file.sizeBytes) : file.sizeBytes
  const answer = await ask(deps, 'download', url, { headers })
  if (answer.status === 410) {
    await answer.body?.cancel()
    return 'gone'
  }
  if (answer.status !== (progress.got > 0 ? 206 : 200) || answer.body === null)
    return (await isSuspended(answer)) ? 'suspended' : 'retry'
  for await (const piece of answer.body) {
    const bytes = piece as Uint8Array
    progress.hash.update(bytes)
    progress.got += bytes.byteLength
    if (progress.got > leavesAt && progress.got < file.sizeBytes) return 'retry'
  }
  return progress.got === file.sizeBytes ? 'done' : 'retry'
}

/** Reads an answer that has no file in it. */
async function isSuspended(answer: Response): Promise<boolean> {
  if (answer.status !== 503) {
    await answer.body?.cancel()
    return false
  }
  return problem.safeParse(parsed(await answer.text())).data?.code === 'link-suspended'
}

/** Asks for a claim with that secret. @returns its path when it was granted */
async function claimAt(
  deps: ClientDeps,
  url: string,
  file: FileEntry,
  secret: string
): Promise<{ path: string } | 'refused' | 'suspended' | undefined> {
  const answer = await ask(deps, 'claim', `${url}${file.path}?claim=${secret}`, {
    method: 'POST',
    redirect: 'manual',
    headers: { accept: 'application/json' }
  })
  if (await isSuspended(answer)) return 'suspended'
  if (answer.status === 410) return 'refused'
  const path = answer.status === 303 ? answer.headers.get('location') : null
  return path === null ? undefined : { path }
}

const newSecret = (): string => randomBytes(32).toString('base64url')

/**
 * Redeems a link as one client with a claim secret of its own: asks until it is told yes or no by any edge, then downloads, resuming as
 * often as it takes. Gives up at `deadline` (ms of performance.now(), asked for each time) and leaves the outcome open.
 */
export async function redeem(deps: ClientDeps, file: FileEntry, deadline: () => number): Promise<void> {
  const startedMs = deps.history.now()
  const redeemer: Redeemer = { outcome: 'open', bytes: 0, sha256: null, granted: false, startedMs }
  file.redeemers.push(redeemer)
  const secret = newSecret()
  const progress: Progress = { got: 0, hash: createHash('sha256') }
  let claimPath: string | undefined
  while (performance.now() < deadline()) {
    const url = deps.dice.pick(deps.urls)
    try {
      if (claimPath === undefined) {
        const answer = await claimAt(deps, url, file, secret)
        if (answer === 'refused' || answer === 'suspended') {
          redeemer.outcome = answer
          return
        }
        claimPath = answer?.path
      }
      if (claimPath !== undefined) {
        redeemer.granted = true
        const result = await fetchRest(deps, `${url}${claimPath}`, file, progress)
        redeemer.bytes = progress.got
        if (result === 'done') {
          redeemer.sha256 = progress.hash.digest('hex')
          redeemer.outcome = 'won'
          return
        }
        if (result === 'suspended') redeemer.outcome = 'suspended'
        if (result === 'gone' || result === 'suspended') return
      }
    } catch {
      // a killed edge or a request that took too long: the same claim asks again, elsewhere
      redeemer.bytes = progress.got
    }
    await pause(PAUSE_MS)
  }
}

/** A stranger asks for a link that is used or withdrawn: it must be refused. */
export async function tryAgain(deps: ClientDeps, file: FileEntry, deadline: number): Promise<void> {
  file.afterwards = 'no answer'
  const secret = newSecret()
  while (performance.now() < deadline) {
    try {
      const answer = await claimAt(deps, deps.dice.pick(deps.urls), file, secret)
      if (answer !== undefined) {
        file.afterwards = typeof answer === 'string' ? answer : 'granted'
        return
      }
    } catch {
      // asked again
    }
    await pause(PAUSE_MS)
  }
}
