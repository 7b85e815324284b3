/** From a request to its actor: where the credentials stand, and who they belong to. */

import type { FastifyRequest } from 'fastify'
import { PeerbinError } from '../../errors.ts'
import { hashSecret } from '../../protocol/secrets.ts'
import { headerOf } from '../http/accept.ts'
import type { AccessTokens } from './access-tokens.ts'
import type { Actor } from './actor.ts'
import { isKey } from './api-keys.ts'
import { cookieToken } from './session-cookie.ts'
import type { SessionWatch } from './session-watch.ts'

const BEARER = /^Bearer +(\S+) *$/i

interface AccountsDeps {
  readonly tokens: AccessTokens
  readonly sessions: SessionWatch
  /** Names of this edge, with ports, for a request: whose pages may use the cookie. */
  readonly hostsOf: (request: FastifyRequest) => readonly string[]
}

export class Accounts {
  readonly #deps: AccountsDeps

  constructor(deps: AccountsDeps) {
    this.#deps = deps
  }

  /**
   * Who makes a request: by `Authorization: Bearer` with an access token or a key, or else by the cookie of a browser. Undefined when it comes with neither; other schemes of
   * Authorization are not ours, and may be meant for a proxy.
   * @throws `credentials-invalid`; `origin-forbidden` when a page of another site would use the cookie; `no-controller`, `busy`
   */
  async identify(request: FastifyRequest): Promise<Actor | undefined> {
    const bearer = headerOf(request.headers, 'authorization')
    if (bearer !== undefined && /^Bearer(?: |$)/i.test(bearer)) {
      return await this.identifyText(BEARER.exec(bearer)?.[1] ?? '')
    }
    const token = cookieToken(request, this.#deps.hostsOf(request))
    return token === undefined ? undefined : await this.#ofToken(token)
  }

  /** Who an access token or a key belongs to, wherever it stood. @throws `credentials-invalid`, `no-controller`, `busy` */
  async identifyText(text: string): Promise<Actor> {
    return isKey(text) ? await this.#ofKey(text) : await this.#ofToken(text)
  }

  /** A page of any site may open a socket, and its browser sends the cookie along. @throws `origin-forbidden` for one that is not ours and comes with a cookie */
  assertSocketOrigin(request: FastifyRequest): void {
    cookieToken(request, this.#deps.hostsOf(request), true)
  }

  async #ofToken(token: string): Promise<Actor> {
    const claims = await this.#deps.tokens.verify(token)
    const actor = await this.#deps.sessions.find({ id: claims.session })
    // a key has no token: one that names it was not made by us for this
    if (actor?.user !== claims.user || actor.kind !== 'session') throw new PeerbinError('credentials-invalid')
    return actor
  }

  async #ofKey(text: string): Promise<Actor> {
    const actor = await this.#deps.sessions.find({ key: hashSecret(text) })
    if (actor === undefined) throw new PeerbinError('credentials-invalid')
    return actor
  }
}
