/** What tus-js-client sends its requests through: the command line's own HTTP, with its limits on idle connections and its errors. */

import type { HttpRequest, HttpResponse, HttpStack } from 'tus-js-client'
import { asPeerbinError, PeerbinError } from '../../errors.ts'
import { failureOf, readText, request } from './request.ts'
import type { HttpAnswer } from './request.ts'

/** A request's body, made while it is sent. tus-js-client looks at `size`. */
export interface TusBody {
  readonly size: number
  readonly bytes: AsyncIterable<Uint8Array>
}

export interface TusStackOptions {
  /** Where a request really goes, whatever address an answer named. */
  readonly place: (url: string) => URL
  readonly signal: AbortSignal
}

const isBody = (body: unknown): body is TusBody =>
  typeof body === 'object' && body !== null && 'size' in body && 'bytes' in body

/** Answers that are no success reject with the error that they mean: tus-js-client hands it on as the cause of its own. */
export function tusStack(options: TusStackOptions): HttpStack {
  return {
    createRequest: (method, url) => new TusRequest(method, url, options),
    getName: () => 'peerbin'
  }
}

class TusRequest implements HttpRequest {
  readonly #method: string
  readonly #url: string
  readonly #options: TusStackOptions
  readonly #headers: Record<string, string> = {}
  readonly #ended = new AbortController()
  #onProgress: (bytesSent: number) => void = () => {}

  constructor(method: string, url: string, options: TusStackOptions) {
    this.#method = method
    this.#url = url
    this.#options = options
  }

  getMethod(): string {
    return this.#method
  }

  getURL(): string {
    return this.#url
  }

  setHeader(header: string, value: string): void {
    this.#headers[header.toLowerCase()] = value
  }

  getHeader(header: string): string | undefined {
    return this.#headers[header.toLowerCase()]
  }

  setProgressHandler(handler: (bytesSent: number) => void): void {
    this.#onProgress = handler
  }

  getUnderlyingObject(): undefined {
    return undefined
  }

  async abort(): Promise<void> {
    this.#ended.abort(new PeerbinError('aborted'))
  }

  async send(body: unknown): Promise<HttpResponse> {
    const { place, signal } = this.#options
    const answer = await request({
      method: methodOf(this.#method),
      url: place(this.#url),
      headers: {
        accept: 'application/problem+json, application/json',
        ...this.#headers,
        'content-length': String(isBody(body) ? body.size : 0)
      },
      signal: AbortSignal.any([signal, this.#ended.signal]),
      ...(isBody(body) && { body: this.#counted(body.bytes) })
    })
    if (answer.status >= 300) throw await this.#failure(answer)
    return responseOf(answer, await readText(answer))
  }

  async #failure(answer: HttpAnswer): Promise<PeerbinError> {
    if (this.#method !== 'HEAD') return await failureOf(answer)
    // an answer to HEAD has no body that says why
    answer.body.resume()
    const isGone = answer.status === 404 || answer.status === 410
    return isGone ? new PeerbinError('upload-unknown') : await failureOf(answer)
  }

  async *#counted(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
    let sentBytes = 0
    for await (const piece of bytes) {
      yield piece
      sentBytes += piece.byteLength
      this.#onProgress(sentBytes)
    }
  }
}

const METHODS = ['HEAD', 'POST', 'PATCH', 'DELETE'] as const

function methodOf(text: string): (typeof METHODS)[number] {
  const method = METHODS.find((each) => each === text)
  if (method === undefined) throw new PeerbinError('internal', `tus has no method ${text}`)
  return method
}

const responseOf = (answer: HttpAnswer, text: string): HttpResponse => ({
  getStatus: () => answer.status,
  getHeader: (name) => {
    const value = answer.headers[name.toLowerCase()]
    return Array.isArray(value) ? value.join(', ') : value
  },
  getBody: () => text,
  getUnderlyingObject: () => undefined
})

/** What went wrong in a request, from what tus-js-client makes of it. */
export function tusFailure(error: unknown): PeerbinError {
  const cause = error instanceof Error && 'causingError' in error ? error.causingError : undefined
  if (cause instanceof PeerbinError) return cause
  if (cause !== undefined && cause !== null) return asPeerbinError(cause)
  const isAnswer = error instanceof Error && 'originalResponse' in error
  return isAnswer
    ? new PeerbinError('protocol-violation', 'the server does not answer as tus says', { cause: error })
    : asPeerbinError(error)
}
