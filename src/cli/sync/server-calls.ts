/** Requests of a synced folder to its server: over connections that are kept, and again after what passes. */

import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import type { z } from 'zod'
import { PeerbinError } from '../../errors.ts'
import type { AccountApi, AccountRequest } from '../account/api.ts'
import type { CliContext } from '../context.ts'
import { readJson } from '../http/request.ts'
import type { HttpAnswer } from '../http/request.ts'
import { retrying } from '../http/retrying.ts'

const CONNECTIONS_MAX = 16

export class ServerCalls {
  readonly #api: AccountApi
  readonly #context: CliContext
  readonly #agent: HttpAgent
  /** Requests so far, repeats included. */
  count = 0

  constructor(api: AccountApi, context: CliContext) {
    this.#api = api
    this.#context = context
    const Agent = api.server.protocol === 'https:' ? HttpsAgent : HttpAgent
    this.#agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS_MAX })
  }

  close(): void {
    this.#agent.destroy()
  }

  /** Everything here can be asked for again: what changes something says on what it rests. @throws what the server says; `protocol-violation` for an answer of another form */
  async json<S extends z.ZodType>(wanted: AccountRequest, schema: S): Promise<z.output<S>> {
    const record = await this.#retrying(async () => await readJson(await this.#once(wanted)))
    const parsed = schema.safeParse(record)
    if (parsed.success) return parsed.data
    throw new PeerbinError(
      'protocol-violation',
      `${this.#api.server.origin} does not answer as a peerbin edge with synced folders does`,
      { cause: parsed.error }
    )
  }

  /** For what matters is only that it was done. */
  async done(wanted: AccountRequest): Promise<void> {
    // to its end: the connection is kept
    await this.#retrying(async () => await readJson(await this.#once(wanted)))
  }

  /** The answer itself, of which nothing was read yet. */
  async answer(wanted: AccountRequest, statuses: readonly number[]): Promise<HttpAnswer> {
    return await this.#retrying(async () => await this.#once(wanted, statuses))
  }

  async #retrying<T>(ask: () => Promise<T>): Promise<T> {
    return await retrying(this.#context, ask)
  }

  async #once(wanted: AccountRequest, statuses?: readonly number[]): Promise<HttpAnswer> {
    this.count++
    return await this.#api.answer({ ...wanted, agent: this.#agent }, statuses)
  }
}
