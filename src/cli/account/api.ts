/** The account side of a server's HTTP interface: JSON in and out, with the user's token. */

import type { Agent } from 'node:http'
import type { z } from 'zod'
import { hasCode, PeerbinError } from '../../errors.ts'
import { say } from '../context.ts'
import type { CliContext } from '../context.ts'
import { failureOf, readJson, request } from '../http/request.ts'
import type { HttpAnswer, HttpRequest } from '../http/request.ts'
import { retrying } from '../http/retrying.ts'
import { below } from '../push/target.ts'
import type { Credential } from './credentials.ts'

/** Whoever waits for longer wants to know why. */
const TOLD_WAIT_MS = 1000

export type Query = Readonly<Record<string, string | number | boolean | undefined>>

/** What of a request is its caller's. */
export interface AccountRequest {
  readonly method: HttpRequest['method']
  /** Below the server's address: `api/files/list`. */
  readonly path: string
  readonly query?: Query | undefined
  readonly headers?: Readonly<Record<string, string>>
  /** Sent as JSON. */
  readonly body?: unknown
  /** Sent as they are, in place of a `body`. */
  readonly bytes?: Uint8Array
  /** In place of the signal of Ctrl-C. */
  readonly signal?: AbortSignal
  readonly agent?: Agent
  /** What is said when it is tried again; default: that, each time that it takes a while. */
  readonly onWait?: ((why: PeerbinError, waitMs: number) => void) | undefined
}

/** Some messages are sentences, and others are none. */
export const asSentence = (message: string): string => (/[.!?]$/.test(message) ? message : `${message}.`)

/** Where a token came from: what helps when it is refused depends on it. */
export type TokenSource = 'stored' | 'environment' | 'none'

export interface AccountApiOptions {
  readonly server: URL
  /** Undefined: requests go without one, as those that sign in. */
  readonly token: string | undefined
  readonly source: TokenSource
  /** As stored; undefined where it came from the environment. */
  readonly credential?: Credential | undefined
}

export class AccountApi {
  readonly server: URL
  readonly source: TokenSource
  readonly credential: Credential | undefined
  readonly #token: string | undefined
  readonly #context: CliContext

  constructor(options: AccountApiOptions, context: CliContext) {
    this.server = options.server
    this.source = options.source
    this.credential = options.credential
    this.#token = options.token
    this.#context = context
  }

  /** What every request of the account carries. */
  get authorization(): Record<string, string> {
    return this.#token === undefined ? {} : { authorization: `Bearer ${this.#token}` }
  }

  /** Programs' tokens begin so; a session's is a JWT. */
  get isKey(): boolean {
    return this.#token?.startsWith('pbk_') === true
  }

  /**
   * What the server answers with, read by `schema`. Questions are asked again after what passes; whatever changes something is sent once, since nobody knows what became of it.
   * @throws what the server says, explained; `protocol-violation` for an answer of another form
   */
  async json<S extends z.ZodType>(wanted: AccountRequest, schema: S): Promise<z.output<S>> {
    const ask = async (): Promise<unknown> => await readJson(await this.answer(wanted))
    const sayOften = (why: PeerbinError, waitMs: number): void => {
      if (waitMs >= TOLD_WAIT_MS)
        say(this.#context, `${asSentence(why.message)} Trying again in ${Math.ceil(waitMs / 1000)} s.`)
    }
    const { onWait = sayOften } = wanted
    const record = wanted.method === 'GET' ? await retrying(this.#context, ask, onWait) : await ask()
    const parsed = schema.safeParse(record)
    if (parsed.success) return parsed.data
    throw new PeerbinError(
      'protocol-violation',
      `${this.server.origin} does not answer as a peerbin edge with accounts does`,
      { cause: parsed.error }
    )
  }

  /** The answer itself, when it is a success. @throws as json */
  async answer(wanted: AccountRequest, statuses: readonly number[] = [200, 201, 204]): Promise<HttpAnswer> {
    const url = below(this.server, wanted.path)
    for (const [name, value] of Object.entries(wanted.query ?? {}))
      if (value !== undefined) url.searchParams.set(name, String(value))
    const bytes =
      wanted.bytes ??
      (wanted.body === undefined ? undefined : Buffer.from(JSON.stringify(wanted.body), 'utf8'))
    const mediaType = wanted.bytes === undefined ? 'application/json' : 'application/octet-stream'
    const answer = await request({
      method: wanted.method,
      url,
      signal: wanted.signal ?? this.#context.interrupted,
      agent: wanted.agent,
      headers: {
        accept: 'application/problem+json, application/json',
        ...this.authorization,
        ...(bytes === undefined
          ? {}
          : { 'content-type': mediaType, 'content-length': String(bytes.byteLength) }),
        ...wanted.headers
      },
      ...(bytes !== undefined && { body: once(bytes) })
    })
    if (statuses.includes(answer.status)) return answer
    throw this.explained(await failureOf(answer))
  }

  /** What can be done about it, where the server cannot know. */
  explained(error: unknown): unknown {
    const server = this.server.href
    if (hasCode(error, 'credentials-missing', 'credentials-invalid')) {
      const what =
        this.source === 'environment'
          ? 'what PEERBIN_TOKEN holds is not valid here, or not any more'
          : this.isKey
            ? `the stored API key is not valid any more: run \`peerbin login --key ${server}\` with another one`
            : `the session has ended: run \`peerbin login ${server}\``
      return new PeerbinError(error.code, `client credentials invalid: ${what}`, { cause: error })
    }
    if (hasCode(error, 'permission-denied') && this.isKey)
      return new PeerbinError(
        error.code,
        `${error.message} An API key can do only what its scopes say: \`peerbin keys list\``,
        { cause: error }
      )
    return error
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield bytes
}
