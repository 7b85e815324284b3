/** Gets the bytes of a link, however often the connection breaks. */

import { z } from 'zod'
import { asPeerbinError, EXIT, hasCode, PeerbinError } from '../../errors.ts'
import { count, sha256Hex } from '../../protocol/schema.ts'
import { sleep } from '../../runtime/deadline.ts'
import type { CliContext } from '../context.ts'
import { failureOf, readJson, request } from '../http/request.ts'
import type { HttpAnswer } from '../http/request.ts'
import { claimUrl } from './link.ts'
import type { ShareLink } from './link.ts'
import { passwordHeaders } from '../password/sources.ts'
import { dispositionName } from './file-name.ts'
import type { LinkPassword } from './link-password.ts'

/** Attempts in a row that brought nothing. */
const ATTEMPTS_MAX = 6
const PAUSE_FIRST_MS = 300
const PAUSE_MAX_MS = 10_000

const ACCEPT = 'application/problem+json, application/json;q=0.9, */*;q=0.1'

/** What is behind a link. */
export interface LinkInfo {
  /** As the server says it: not safe to use as a file name. */
  readonly name: string
  readonly sizeBytes: number
  /** Lower-case hex; null when the server does not say. */
  readonly sha256: string | null
}

/** What a link says of its file to whoever gives the right password. */
const told = z.object({ name: z.string(), size: count, sha256: sha256Hex })

/** Looks at a link without spending it. @throws `password-wrong`, `password-attempts`, and what else the server says */
export async function lookAt(
  link: ShareLink,
  password: LinkPassword,
  context: CliContext
): Promise<LinkInfo> {
  return await retrying(context, async () => {
    const answer = await request({
      method: 'HEAD',
      url: link.download,
      signal: context.interrupted,
      headers: { accept: ACCEPT }
    })
    if (answer.status === 200) {
      answer.body.resume()
      return infoOf(answer)
    }
    answer.body.resume()
    if (answer.status === 401) return await lookWithPassword(link, await password.get(), context)
    // an answer to HEAD has no body that says why: ask for what is safe to ask for
    throw await whyNot(link, context)
  })
}

/** Asks for what is safe to ask for. */
async function askPage(link: ShareLink, password: string | undefined, context: CliContext) {
  const page = new URL(link.download)
  page.pathname = page.pathname.replace(/\/download\/([^/]+)$/, '/d/$1')
  return await request({
    method: 'GET',
    url: page,
    signal: context.interrupted,
    headers: { accept: 'application/problem+json, application/json', ...passwordHeaders(password) }
  })
}

async function lookWithPassword(link: ShareLink, password: string, context: CliContext): Promise<LinkInfo> {
  const answer = await askPage(link, password, context)
  if (answer.status !== 200) throw await failureOf(answer)
  const parsed = told.safeParse(await readJson(answer))
  if (!parsed.success)
    throw new PeerbinError(
      'protocol-violation',
      `${link.download.origin} does not answer as a peerbin edge does`
    )
  const { name, size, sha256 } = parsed.data
  return { name, sizeBytes: size, sha256 }
}

async function whyNot(link: ShareLink, context: CliContext): Promise<PeerbinError> {
  const answer = await askPage(link, undefined, context)
  if (answer.status !== 200) return await failureOf(answer)
  answer.body.resume()
  return new PeerbinError(
    'protocol-violation',
    `${link.download.origin} does not answer as a peerbin edge does`
  )
}

function infoOf(answer: HttpAnswer): LinkInfo {
  const sizeBytes = Number(answer.headers['content-length'])
  if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0)
    throw new PeerbinError('protocol-violation', `${answer.url.origin} does not say how large the file is`)
  return {
    name: dispositionName(answer.headers['content-disposition']),
    sizeBytes,
    sha256: digestOf(answer)
  }
}

/** SHA-256 of the whole file (RFC 9530), in hex. */
function digestOf(answer: HttpAnswer): string | null {
  const header = answer.headers['repr-digest']
  const text = Array.isArray(header) ? header.join(',') : (header ?? '')
  const base64 = /sha-256=:([A-Za-z0-9+/]{43}=):/.exec(text)?.[1]
  return base64 === undefined ? null : Buffer.from(base64, 'base64').toString('hex')
}

/** Where the bytes go. */
export interface Sink {
  /** Bytes that are there; the download goes on behind them. */
  readonly sizeBytes: number
  append(bytes: Uint8Array): Promise<void>
}

/**
 * Fetches from where the sink stands to the end of the file, and resolves when all is there. The same claim is asked for again after every break: it is the
 * same redemption. @throws what the server says; `server-unreachable` when several attempts in a row brought nothing
 */
export async function fetchRest(
  link: ShareLink,
  claim: string,
  info: Pick<LinkInfo, 'sizeBytes'>,
  sink: Sink,
  password: LinkPassword,
  context: CliContext
): Promise<void> {
  while (sink.sizeBytes < info.sizeBytes) {
    const before = sink.sizeBytes
    await retrying(context, async () => {
      try {
        await fetchOnce(link, claim, info, sink, password, context)
      } catch (error) {
        // something came: the count of attempts that brought nothing starts anew
        if (sink.sizeBytes > before && isPassing(error)) return
        throw error
      }
    })
  }
}

async function fetchOnce(
  link: ShareLink,
  claim: string,
  info: Pick<LinkInfo, 'sizeBytes'>,
  sink: Sink,
  password: LinkPassword,
  context: CliContext
): Promise<void> {
  const from = sink.sizeBytes
  const ask = () =>
    request({
      method: 'GET',
      url: claimUrl(link, claim),
      signal: context.interrupted,
      headers: {
        accept: ACCEPT,
        ...(from === 0 ? {} : { range: `bytes=${from}-` }),
        ...passwordHeaders(password.known)
      }
    })
  let answer = await ask()
  if (answer.status === 401 && password.known === undefined) {
    // an earlier run got no further than to choose its claim
    answer.body.resume()
    await password.get()
    answer = await ask()
  }
  if (answer.status !== 200 && answer.status !== 206) throw await failureOf(answer)
  checkRange(answer, from, info.sizeBytes)
  try {
    for await (const bytes of answer.body as AsyncIterable<Uint8Array>) await sink.append(bytes)
  } catch (error) {
    if (context.interrupted.aborted) throw asPeerbinError(context.interrupted.reason, 'aborted')
    throw asPeerbinError(error, 'server-unreachable')
  } finally {
    answer.body.destroy()
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

/** Breaks, and servers that are busy for the moment. */
const isPassing = (error: unknown): error is PeerbinError =>
  hasCode(error) && error.retryable && (error.exitCode === EXIT.unreachable || error.exitCode === EXIT.busy)

async function retrying<T>(context: CliContext, attempt: () => Promise<T>): Promise<T> {
  for (let attempts = 1; ; attempts++) {
    try {
      return await attempt()
    } catch (error) {
      if (context.interrupted.aborted || !isPassing(error) || attempts >= ATTEMPTS_MAX) throw error
      const backoffMs = Math.min(PAUSE_MAX_MS, PAUSE_FIRST_MS * 2 ** (attempts - 1))
      const pauseMs = Math.min(PAUSE_MAX_MS, Math.max(backoffMs, error.retryAfterMs ?? 0))
      await sleep(context.clock, pauseMs, context.interrupted)
    }
  }
}
