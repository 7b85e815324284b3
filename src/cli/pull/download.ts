/** Gets the bytes of a link, however often the connection breaks. */

import { asPeerbinError, PeerbinError } from '../../errors.ts'
import type { CliContext } from '../context.ts'
import { failureOf, request } from '../http/request.ts'
import type { HttpAnswer } from '../http/request.ts'
import { isPassing } from '../http/retry.ts'
import { passwordHeaders } from '../password/sources.ts'
import type { Feed } from './feed.ts'
import type { LinkPassword } from './link-password.ts'
import { claimUrl } from './link.ts'
import type { ShareLink } from './link.ts'
import { retrying } from '../http/retrying.ts'

/** A file, or what is wrong as JSON. */
export const ACCEPT_FILE = 'application/problem+json, application/json;q=0.9, */*;q=0.1'

/** Where the bytes go. */
export interface Sink {
  /** Bytes of the payload that are there; the download goes on behind them. */
  readonly position: number
  append(bytes: Uint8Array): Promise<void>
}

/** Where they come from. */
export interface Source {
  readonly feed: Feed
  /** Of the payload, decrypted. */
  readonly sizeBytes: number
  /** Asks for the bytes from `from` on. Resolves with status 200 or 206. @throws what the server says else */
  readonly ask: (from: number) => Promise<HttpAnswer>
}

/** One redemption. */
export interface Redemption {
  readonly link: ShareLink
  readonly claim: string
  /** Of an encrypted link: without it nothing is redeemed. */
  readonly proof: string | undefined
  readonly password: LinkPassword
  readonly feed: Feed
  /** Of the payload, decrypted. */
  readonly sizeBytes: number
}

/**
 * Fetches from where the sink stands to the end of the file, and resolves when all is there. The same is asked for again after every break.
 * @throws what the source, the feed and the sink say; `server-unreachable` when several attempts in a row brought nothing
 */
export async function fetchRest(source: Source, sink: Sink, context: CliContext): Promise<void> {
  while (sink.position < source.sizeBytes) {
    const before = sink.position
    await retrying(context, async () => {
      try {
        await fetchOnce(source, sink, context)
      } catch (error) {
        // something came: the count of attempts that brought nothing starts anew
        if (sink.position > before && isPassing(error)) return
        throw error
      }
    })
  }
}

async function fetchOnce({ feed, ask }: Source, sink: Sink, context: CliContext): Promise<void> {
  const payloadAt = sink.position
  const from = feed.start(payloadAt)
  const answer = await ask(from)
  checkRange(answer, from, feed.sizeBytes)
  try {
    for await (const bytes of feed.read(bodyOf(answer, context), payloadAt)) await sink.append(bytes)
  } finally {
    answer.body.destroy()
  }
  // a part may be shorter than what was asked for; with nothing in it, again and again, it would be asked for without end and without a pause
  if (sink.position === payloadAt)
    throw new PeerbinError('server-unreachable', 'the server answered without a byte of the file')
}

/** What a link leads to. The same claim is asked for again after every break: it is the same redemption. */
export const linkSource = (redemption: Redemption, context: CliContext): Source => ({
  feed: redemption.feed,
  sizeBytes: redemption.sizeBytes,
  ask: (from) => askLink(redemption, from, context)
})

async function askLink(
  { link, claim, proof, password }: Redemption,
  from: number,
  context: CliContext
): Promise<HttpAnswer> {
  const ask = () =>
    request({
      method: 'GET',
      url: claimUrl(link, claim),
      signal: context.interrupted,
      headers: {
        accept: ACCEPT_FILE,
        ...(from === 0 ? {} : { range: `bytes=${from}-` }),
        ...(proof === undefined ? {} : { 'x-proof': proof }),
        ...passwordHeaders(password.known)
      }
    })
  let answer = await ask()
  if (answer.status === 401) {
    const failure = await failureOf(answer)
    if (failure.code !== 'password-required' || password.known !== undefined) throw failure
    // an earlier run got no further than to choose its claim
    await password.get()
    answer = await ask()
  }
  if (answer.status !== 200 && answer.status !== 206) throw await failureOf(answer)
  return answer
}

/** The body; when it breaks off, an error that says so. */
async function* bodyOf(answer: HttpAnswer, context: CliContext): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    for await (const bytes of answer.body as AsyncIterable<Uint8Array>) yield bytes
  } catch (error) {
    if (context.interrupted.aborted) throw asPeerbinError(context.interrupted.reason, 'aborted')
    throw asPeerbinError(error, 'server-unreachable')
  }
}

function checkRange(answer: HttpAnswer, from: number, sizeBytes: number): void {
  const range = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(answer.headers['content-range'] ?? '')
  const fits =
    answer.status === 206
      ? Number(range?.[1]) === from && Number(range?.[3]) === sizeBytes
      : from === 0 && Number(answer.headers['content-length']) === sizeBytes
  if (fits) return
  answer.body.destroy()
  throw new PeerbinError(
    'protocol-violation',
    'the server answered with another part of the file, or another file'
  )
}
