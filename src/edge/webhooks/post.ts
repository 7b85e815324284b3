/**
 * One request to an address that a stranger chose. Every address that the name leads to is judged before a connection is made, in the look-up of that very connection, so that no second
 * answer of a name server can slip in between. Redirects are answers like others and never followed; no proxy of the environment is asked; whatever comes back is bounded in time and in bytes.
 */

import { Agent as HttpAgent, request as httpRequest } from 'node:http'
import type { ClientRequest, IncomingMessage, RequestOptions } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import type { LookupFunction } from 'node:net'
import { hasCode } from '../../errors.ts'
import type { Clock } from '../../interfaces.ts'
import { deadline } from '../../runtime/deadline.ts'
import type { Delivery } from '../../webhooks.ts'
import { literalAddress } from './addresses.ts'
import type { AddressCheck } from './addresses.ts'
import type { ResolveName } from './names.ts'

/** Of an answer's body: enough for whoever sends one to end it in peace, and no more. */
const ANSWER_BYTES_MAX = 8 * 1024
const HEADER_BYTES_MAX = 16 * 1024
/** Node's parser takes any three digits; below this nothing is a status, and no report may hold it. */
const STATUS_MIN = 100

export interface PostDeps {
  readonly clock: Clock
  readonly resolve: ResolveName
  readonly check: AddressCheck
  /** http to public addresses too. */
  readonly insecure: boolean
  /** For the name and the connection (TLS included), and then for the answer. */
  readonly connectMs: number
  readonly answerMs: number
}

export interface Post {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

type Outcome = Delivery['outcome']

/** Why a connection is not made. */
class Refused extends Error {
  readonly outcome: Outcome

  constructor(outcome: Outcome) {
    super(outcome)
    this.outcome = outcome
  }
}

/** Posts it, and says what became of it. @throws only the reason of `signal`, when that ended it */
export async function post(deps: PostDeps, message: Post, signal: AbortSignal): Promise<Delivery> {
  const startedAt = deps.clock.monotonic()
  const answer = await attempt(deps, message, signal)
  return { ...answer, durationMs: Math.round(deps.clock.monotonic() - startedAt) }
}

type Answer = Omit<Delivery, 'durationMs'>

const failure = (outcome: Outcome): Answer => ({ outcome, status: null, retryAfterMs: null })

async function attempt(deps: PostDeps, message: Post, signal: AbortSignal): Promise<Answer> {
  const { clock, connectMs, answerMs } = deps
  const url = new URL(message.url)
  const literal = literalAddress(url)
  try {
    const refusal = literal === undefined ? undefined : refusalOf(deps, url, [literal])
    if (refusal !== undefined) throw refusal
    using connecting = deadline(clock, connectMs, signal)
    const request = begin(deps, url, message, connecting.signal)
    try {
      await connected(request, connecting.signal)
      using answering = deadline(clock, answerMs, signal)
      request.end(message.body)
      const answer = await answered(request, answering.signal)
      await drained(answer, answering.signal)
      return answerOf(answer, clock)
    } finally {
      request.destroy()
    }
  } catch (error) {
    if (signal.aborted) throw signal.reason
    return failure(outcomeOf(error))
  }
}

/** Why none of them is connected to: one that may not be reached is enough, or who controls a name could have a good one first, and then a private one. */
function refusalOf(
  { check, insecure }: PostDeps,
  { protocol }: URL,
  addresses: readonly string[]
): Refused | undefined {
  if (addresses.length === 0) return new Refused('unresolved')
  const standings = addresses.map(check)
  if (standings.includes('refused')) return new Refused('address')
  if (standings.includes('public') && protocol === 'http:' && !insecure) return new Refused('insecure')
  return undefined
}

function begin(deps: PostDeps, url: URL, { headers, body }: Post, signal: AbortSignal): ClientRequest {
  const options: RequestOptions = {
    method: 'POST',
    // its own, so that neither a connection nor a proxy is shared with anything else
    agent: url.protocol === 'https:' ? new HttpsAgent(OWN_AGENT) : new HttpAgent(OWN_AGENT),
    lookup: judgedLookup(deps, url, signal),
    maxHeaderSize: HEADER_BYTES_MAX,
    headers: { ...headers, 'content-length': String(Buffer.byteLength(body)), connection: 'close' }
  }
  const request = url.protocol === 'https:' ? httpsRequest(url, options) : httpRequest(url, options)
  // told by whoever waits for something of it; what comes when nobody does must not end the process
  request.on('error', () => {})
  return request
}

const OWN_AGENT = { keepAlive: false, maxSockets: 1 }

/** Resolves the name, judges what it leads to, and connects to exactly that. */
function judgedLookup(deps: PostDeps, url: URL, signal: AbortSignal): LookupFunction {
  return (name, { all, family }, answer) => {
    const refuse = (error: Error): void => answer(error, '', 0)
    void deps.resolve(name, signal).then(
      (found) => {
        const addresses = found.map(({ address }) => address)
        const refusal = refusalOf(deps, url, addresses)
        if (refusal !== undefined) return refuse(refusal)
        const wanted = found.filter((each) => (family === 4 || family === 6 ? each.family === family : true))
        const [first] = wanted
        if (first === undefined) return refuse(new Refused('unresolved'))
        if (all === true) answer(null, wanted)
        else answer(null, first.address, first.family)
      },
      () => refuse(new Refused('unresolved'))
    )
  }
}

/** Resolves when the request can be written: connected, and for https past the handshake. */
async function connected(request: ClientRequest, signal: AbortSignal): Promise<void> {
  await settled<void>(request, signal, (resolve) => {
    request.once('socket', (socket) => {
      const ready = 'encrypted' in socket ? 'secureConnect' : 'connect'
      if (!socket.connecting && ready === 'connect') resolve()
      else socket.once(ready, () => resolve())
    })
    // nothing goes out before: the headers are flushed with the body
  })
}

async function answered(request: ClientRequest, signal: AbortSignal): Promise<IncomingMessage> {
  return await settled<IncomingMessage>(request, signal, (resolve) => {
    request.once('response', resolve)
    // a change of protocols was not asked for
    request.once('upgrade', (answer, socket) => {
      socket.destroy()
      resolve(answer)
    })
  })
}

/** Reads the body to its end, to the limit, or until the time is over: what counts is there already. */
async function drained(answer: IncomingMessage, signal: AbortSignal): Promise<void> {
  let bytes = 0
  await new Promise<void>((resolve) => {
    const over = (): void => resolve()
    answer.on('data', (piece: Uint8Array) => {
      bytes += piece.byteLength
      if (bytes > ANSWER_BYTES_MAX) over()
    })
    answer.once('end', over).once('close', over).once('error', over)
    if (signal.aborted) over()
    else signal.addEventListener('abort', over, { once: true })
  })
}

async function settled<T>(
  request: ClientRequest,
  signal: AbortSignal,
  begin: (resolve: (value: T) => void) => void
): Promise<T> {
  let onAbort = (): void => {}
  let onError = (_error: Error): void => {}
  let onClose = (): void => {}
  try {
    return await new Promise<T>((resolve, reject) => {
      onAbort = () => reject(signal.reason)
      onError = reject
      onClose = () => reject(new Refused('unreachable'))
      request.once('error', onError).once('close', onClose)
      if (signal.aborted) onAbort()
      else signal.addEventListener('abort', onAbort, { once: true })
      begin(resolve)
    })
  } finally {
    signal.removeEventListener('abort', onAbort)
    request.off('error', onError).off('close', onClose)
  }
}

function answerOf({ statusCode = 0, headers }: IncomingMessage, clock: Clock): Answer {
  return {
    outcome: outcomeOfStatus(statusCode),
    status: statusCode < STATUS_MIN ? null : statusCode,
    retryAfterMs: pauseOf(headers['retry-after'], clock.now())
  }
}

function outcomeOfStatus(status: number): Outcome {
  if (status >= 200 && status < 300) return 'ok'
  if (status >= 300 && status < 400) return 'redirect'
  if (status === 410) return 'gone'
  return status >= 400 && status < 600 ? 'status' : 'garbled'
}

/** Seconds or a date (RFC 9110, section 10.2.3); null for neither. */
function pauseOf(text: string | undefined, now: number): number | null {
  if (text === undefined) return null
  if (/^\d{1,9}$/.test(text.trim())) return Number(text) * 1000
  const at = Date.parse(text)
  return Number.isNaN(at) ? null : Math.max(0, at - now)
}

/** What went wrong, by what was thrown. */
function outcomeOf(error: unknown): Outcome {
  if (error instanceof Refused) return error.outcome
  if (hasCode(error, 'deadline-exceeded')) return 'timeout'
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  if (code === 'ETIMEDOUT') return 'timeout'
  if (code.startsWith('HPE_')) return 'garbled'
  // by OpenSSL, and by the check of the certificate
  const isTls =
    /^(?:ERR_(?:TLS|SSL)|EPROTO$|CERT_|UNABLE_TO_|DEPTH_ZERO|SELF_SIGNED|HOSTNAME_MISMATCH|ERR_OSSL)/
  return isTls.test(code) ? 'tls' : 'unreachable'
}
