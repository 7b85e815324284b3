/** HTTP of the command line: a request, its answer, and what went wrong in words. */

import { request as httpRequest } from 'node:http'
import type { Agent, ClientRequest, IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { z } from 'zod'
import { asPeerbinError, isErrorCode, PeerbinError } from '../../errors.ts'
import type { ErrorCode } from '../../errors.ts'

/** A connection on which nothing moves for so long is given up. */
const IDLE_MS = 60_000
/** A proxy may send from http to https, or add a slash; more than that is a loop. */
const REDIRECTS_MAX = 3
/** Answers that are read as text: a status of 1000 nodes stays well below. */
const TEXT_BYTES_MAX = 4 * 1024 * 1024

export interface HttpRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly url: URL
  readonly headers?: Readonly<Record<string, string>>
  /** Sent as it comes; its length must be given as `content-length`. */
  readonly body?: AsyncIterable<Uint8Array>
  readonly signal: AbortSignal
  /** A server of this machine that we started ourselves: its certificate is for other names. */
  readonly ownServer?: boolean
  /** Keeps connections for further requests; without it each has its own. */
  readonly agent?: Agent | undefined
}

export interface HttpAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: IncomingMessage
  /** Where the answer came from, after redirects. */
  readonly url: URL
}

/**
 * Sends a request and resolves with its answer, whatever the status; redirects of GET and HEAD within one origin are followed, and those from http to
 * https of one host unless a user's token goes with them. An answer that comes before the body was sent ends the sending.
 * @throws `server-unreachable`; the signal's reason; what the body throws
 */
export async function request(options: HttpRequest): Promise<HttpAnswer> {
  let { url } = options
  for (let redirects = 0; ; redirects++) {
    const body = await send({ ...options, url })
    const answer = { status: body.statusCode ?? 0, headers: body.headers, body, url }
    const target = redirectOf(options, answer)
    if (target === undefined || redirects >= REDIRECTS_MAX) return answer
    body.resume()
    url = target
  }
}

function redirectOf(options: HttpRequest, answer: HttpAnswer): URL | undefined {
  if (options.method !== 'GET' && options.method !== 'HEAD') return undefined
  const location = answer.headers.location
  if (![301, 302, 307, 308].includes(answer.status) || location === undefined) return undefined
  const target = URL.canParse(location, answer.url.href) ? new URL(location, answer.url) : undefined
  if (target === undefined || target.origin === answer.url.origin) return target
  // the address may hold a link's token and a claim, and the headers a user's: at another port of the machine somebody else may listen
  const hasToken = options.headers?.['authorization'] !== undefined
  return !hasToken && isUpgrade(answer.url, target) ? target : undefined
}

/** From http to https of one host, there at the port that is https's own. */
const isUpgrade = (from: URL, to: URL): boolean =>
  from.protocol === 'http:' && to.protocol === 'https:' && from.hostname === to.hostname && to.port === ''

async function send(options: HttpRequest): Promise<IncomingMessage> {
  const { url, signal } = options
  const open: typeof httpRequest = url.protocol === 'https:' ? httpsRequest : httpRequest
  const outgoing = open(url.href, {
    method: options.method,
    headers: { 'user-agent': 'peerbin', ...options.headers },
    timeout: IDLE_MS,
    signal,
    agent: options.agent ?? false,
    ...(options.ownServer === true ? { rejectUnauthorized: false } : {})
  })
  outgoing.on('timeout', () => outgoing.destroy(new Error('nothing moved for a minute')))
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.on('response', resolve)
    outgoing.on('error', (error) =>
      reject(signal.aborted ? asPeerbinError(signal.reason, 'aborted') : unreachable(url, error))
    )
  })
  if (options.body === undefined) outgoing.end()
  else {
    const sent = sendBody(outgoing, options.body, answered)
    // whichever fails first says why; the other is then of no interest
    await Promise.race([answered, sent.then(() => answered)])
  }
  return await answered
}

/** Sends until everything is out, an answer is there, or the connection breaks (which `answered` reports). */
async function sendBody(
  outgoing: ClientRequest,
  body: AsyncIterable<Uint8Array>,
  answered: Promise<unknown>
): Promise<void> {
  let over = false
  const end = answered.then(
    () => void (over = true),
    () => void (over = true)
  )
  try {
    for await (const bytes of body) {
      if (over) return
      if (!outgoing.write(bytes)) {
        const drained = new Promise((resolve) => outgoing.once('drain', resolve))
        await Promise.race([drained, end])
      }
    }
    if (!over) outgoing.end()
  } catch (error) {
    outgoing.destroy()
    throw error
  }
}

function unreachable(url: URL, error: Error): PeerbinError {
  const why = 'code' in error && error.code === 'ECONNREFUSED' ? 'nothing listens there' : error.message
  return new PeerbinError('server-unreachable', `cannot reach ${url.origin}: ${why}`, { cause: error })
}

/** The body as text. @throws `server-unreachable` when the connection breaks, `protocol-violation` when it is too long */
export async function readText(answer: HttpAnswer): Promise<string> {
  const pieces: Uint8Array[] = []
  let size = 0
  try {
    for await (const piece of answer.body as AsyncIterable<Uint8Array>) {
      size += piece.byteLength
      if (size > TEXT_BYTES_MAX) throw new PeerbinError('protocol-violation', 'the answer is too long')
      pieces.push(piece)
    }
  } catch (error) {
    throw asPeerbinError(error, 'server-unreachable')
  }
  return Buffer.concat(pieces).toString('utf8')
}

/** The body as JSON. @throws as readText, and `protocol-violation` when it is none */
export async function readJson(answer: HttpAnswer): Promise<unknown> {
  const text = await readText(answer)
  try {
    return JSON.parse(text) as unknown
  } catch (error) {
    throw new PeerbinError(
      'protocol-violation',
      `${answer.url.origin} does not answer as a peerbin edge does`,
      {
        cause: error
      }
    )
  }
}

const problem = z.object({ code: z.string(), detail: z.string().optional(), title: z.string().optional() })

/** What an answer that is no success says, as an error with the code of the server (problem+json), or the nearest by its status. */
export async function failureOf(answer: HttpAnswer): Promise<PeerbinError> {
  const retryAfterMs = Number(answer.headers['retry-after']) * 1000
  const retry = Number.isFinite(retryAfterMs) && retryAfterMs >= 0 ? { retryAfterMs } : {}
  const parsed = problem.safeParse(await readJson(answer).catch(() => undefined)) // a proxy's page, or none
  if (parsed.success && isErrorCode(parsed.data.code))
    return new PeerbinError(parsed.data.code, printable(parsed.data.detail ?? parsed.data.title ?? ''), retry)
  return new PeerbinError(
    codeByStatus(answer.status),
    `${answer.url.origin} answered ${answer.status}${elsewhere(answer)}`,
    retry
  )
}

/** Where an answer would lead, if that is another place, to which nothing was sent. */
function elsewhere({ status, headers: { location = '' }, url }: HttpAnswer): string {
  if (status < 300 || status >= 400 || !URL.canParse(location, url.href)) return ''
  const { origin } = new URL(location, url)
  return origin === url.origin
    ? ''
    : `, which leads to ${origin}: nothing was sent there. If that is the server, give its address`
}

/** What comes from a server, or is a file's name, must not move a terminal's cursor, nor fill the screen. */
export const printable = (text: string): string =>
  text.replace(/[\p{Cc}\p{Zl}\p{Zp}\u202A-\u202E\u2066-\u2069]+/gu, ' ').slice(0, DETAIL_LENGTH_MAX)
const DETAIL_LENGTH_MAX = 500

const BY_STATUS: Readonly<Record<number, ErrorCode>> = {
  404: 'not-found',
  410: 'link-used',
  413: 'too-large',
  416: 'range-not-satisfiable',
  423: 'upload-busy',
  429: 'rate-limited',
  507: 'cluster-full'
}

const codeByStatus = (status: number): ErrorCode =>
  BY_STATUS[status] ?? (status >= 500 ? 'busy' : status >= 400 ? 'bad-request' : 'protocol-violation')
