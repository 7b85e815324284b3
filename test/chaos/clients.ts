/** What the clients of a chaos run do over HTTP: upload, redeem, resume, through whichever edge answers. */

import { createHash, randomBytes } from 'node:crypto'
import { z } from 'zod'
import { contentOf, sha256Hex } from './content.ts'
import type { FileEntry, Redeemer } from './ledger.ts'
import type { Dice } from './random.ts'

const REQUEST_TIMEOUT_MS = 20_000
const PAUSE_MS = 150

const uploaded = z.object({ url: z.url() })
const problem = z.object({ code: z.string() })
export const clusterStatus = z.object({
  chunksOwed: z.number(),
  nodes: z.array(z.object({ liveness: z.string() }))
})

const pause = async (ms: number): Promise<void> => {
  await new Promise((resolve) => setTimeout(resolve, ms))
}

/** Uploads file `index`. An answer that is lost, or an error, leaves the outcome unknown. */
export async function uploadFile(
  seed: number,
  index: number,
  sizeBytes: number,
  urls: readonly string[],
  dice: Dice
): Promise<FileEntry> {
  const content = contentOf(seed, index, sizeBytes)
  const entry: FileEntry = {
    index,
    sizeBytes,
    sha256: sha256Hex(content),
    upload: 'unknown',
    reason: null,
    path: null,
    redeemers: []
  }
  try {
    const answer = await fetch(`${dice.pick(urls)}/file-${index}.bin`, {
      method: 'PUT',
      body: content,
      headers: { accept: 'application/json', 'content-type': 'application/octet-stream' },
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS)
    })
    const text = await answer.text()
    if (answer.status === 201) {
      entry.path = new URL(uploaded.parse(JSON.parse(text)).url).pathname
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

/** What a claimant keeps while it downloads. */
interface Progress {
  got: number
  hash: ReturnType<typeof createHash>
}

/** One request for what is still missing. True once everything is there; throws when the connection broke. */
async function fetchRest(
  url: string,
  claimPath: string,
  file: FileEntry,
  progress: Progress
): Promise<'done' | 'retry' | 'gone'> {
  const headers: Record<string, string> = { accept: '*/*' }
  if (progress.got > 0) headers['range'] = `bytes=${progress.got}-`
  const answer = await fetch(`${url}${claimPath}`, {
    headers,
    signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS)
  })
  if (answer.status === 410) {
    await answer.body?.cancel()
    return 'gone'
  }
  if (answer.status !== (progress.got > 0 ? 206 : 200) || answer.body === null) {
    await answer.body?.cancel()
    return 'retry'
  }
  for await (const piece of answer.body) {
    const bytes = piece as Uint8Array
    progress.hash.update(bytes)
    progress.got += bytes.byteLength
  }
  return progress.got === file.sizeBytes ? 'done' : 'retry'
}

/**
 * Redeems a link as one client with a claim secret of its own: asks until it is told yes or no by any edge, then downloads, resuming as
 * often as it takes. Gives up at `deadline` (ms, monotonic) and leaves the outcome open.
 */
export async function redeem(
  file: FileEntry,
  urls: readonly string[],
  dice: Dice,
  deadline: number
): Promise<void> {
  const redeemer: Redeemer = { outcome: 'open', bytes: 0, sha256: null, granted: false }
  file.redeemers.push(redeemer)
  const claim = randomBytes(32).toString('base64url')
  const progress: Progress = { got: 0, hash: createHash('sha256') }
  let claimPath: string | undefined
  while (performance.now() < deadline) {
    const url = dice.pick(urls)
    try {
      if (claimPath === undefined) {
        const answer = await fetch(`${url}${file.path}?claim=${claim}`, {
          method: 'POST',
          redirect: 'manual',
          headers: { accept: 'application/json' },
          signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS)
        })
        await answer.body?.cancel()
        if (answer.status === 303) claimPath = answer.headers.get('location') ?? undefined
        if (answer.status === 410) {
          redeemer.outcome = 'refused'
          return
        }
      }
      if (claimPath !== undefined) {
        redeemer.granted = true
        const result = await fetchRest(url, claimPath, file, progress)
        redeemer.bytes = progress.got
        if (result === 'done') {
          redeemer.sha256 = progress.hash.digest('hex')
          redeemer.outcome = 'won'
          return
        }
        if (result === 'gone') return
      }
    } catch {
      // a killed edge or a request that took too long: the same claim asks again, elsewhere
      redeemer.bytes = progress.got
    }
    await pause(PAUSE_MS)
  }
}

/** The cluster's own view, from any edge that answers; undefined when none does. */
export async function askStatus(
  urls: readonly string[]
): Promise<z.output<typeof clusterStatus> | undefined> {
  for (const url of urls) {
    try {
      const answer = await fetch(`${url}/status`, { signal: AbortSignal.timeout(3000) })
      if (answer.status === 200) return clusterStatus.parse(await answer.json())
      await answer.body?.cancel()
    } catch {
      // that edge is down: the next may answer
    }
  }
  return undefined
}

/** Whether that edge serves. */
export async function isAlive(url: string): Promise<boolean> {
  try {
    const answer = await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(3000) })
    await answer.body?.cancel()
    return answer.status === 200
  } catch {
    return false // that is the answer
  }
}
