/** Fetches a result as clients of pools do, without keeping it. */

import { createHash } from 'node:crypto'
import type { Hash } from 'node:crypto'
import { once } from 'node:events'
import { Agent, request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'

/** Attempts one after another that bring nothing. */
const ATTEMPTS_MAX = 10
const PAUSE_MS = 300

export interface Fetched {
  readonly ms: number
  /** Empty: all of it came. */
  readonly failure: string
  /** What made it ask again. */
  readonly passing: readonly string[]
}

/** What came of a result so far. */
interface Part {
  readonly hash: Hash
  bytes: number
  tag: string | undefined
  isWhole: boolean
}

/** As clients of pools do: what is busy is asked again when it says, and a connection that broke goes on where it ended. */
export async function fetchAll(url: string, token: string, sha256: string): Promise<Fetched> {
  const startedAt = performance.now()
  const part: Part = { hash: createHash('sha256'), bytes: 0, tag: undefined, isWhole: false }
  const passing: string[] = []
  let pauseMs = 0
  for (let attempt = 0; attempt < ATTEMPTS_MAX && !part.isWhole; attempt++) {
    await pause(pauseMs)
    const { bytes } = part
    try {
      const { why, retryAfterMs } = await fetchRest(url, token, part)
      if (why !== '') passing.push(why)
      pauseMs = Math.max(retryAfterMs, PAUSE_MS)
    } catch (error) {
      passing.push(String(error))
      pauseMs = PAUSE_MS
    }
    if (part.bytes > bytes) attempt = 0
  }
  const isRight = part.isWhole && part.hash.digest('hex') === sha256
  return {
    ms: performance.now() - startedAt,
    failure: isRight ? '' : (passing.at(-1) ?? 'other bytes'),
    passing
  }
}

/** One connection. @returns why it brought nothing */
async function fetchRest(
  url: string,
  token: string,
  part: Part
): Promise<{ why: string; retryAfterMs: number }> {
  const { bytes, tag } = part
  const rest = bytes > 0 && tag !== undefined && { range: `bytes=${bytes}-`, 'if-range': tag }
  const asked = request(url, { headers: { authorization: `Bearer ${token}`, ...rest }, agent: new Agent() })
  asked.end()
  const [answer] = (await once(asked, 'response')) as [IncomingMessage]
  const { statusCode = 0, headers } = answer
  if (statusCode !== (bytes > 0 ? 206 : 200)) {
    let text = ''
    for await (const piece of answer) text += (piece as Buffer).toString()
    const [, code = ''] = /"code":"([^"]+)"/.exec(text) ?? []
    return { why: `${statusCode} ${code}`, retryAfterMs: Number(headers['retry-after'] ?? 0) * 1000 }
  }
  part.tag = headers.etag
  for await (const piece of answer) {
    part.hash.update(piece as Buffer)
    part.bytes += (piece as Buffer).length
  }
  part.isWhole = true
  return { why: '', retryAfterMs: 0 }
}
