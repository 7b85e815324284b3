/** Pools over HTTP, for programs: whoever is a member of one. docs/pools.md has examples; docs/http.md every route. */

import { z } from 'zod'
import { PeerbinError } from '../errors.ts'
import type { Clock, Random, SignalOptions } from '../interfaces.ts'
import type { GroupState, PoolRole } from '../pools.ts'
import { systemClock } from '../runtime/clock.ts'
import { systemRandom } from '../runtime/random.ts'
import * as answers from './answers.ts'
import type { HttpDeps, PoolRequest, Query } from './http.ts'
import { PoolHttp } from './http.ts'
import { manifestOf } from './manifest.ts'

/** A question is asked again for so long while nobody answers. */
const ASK_MS = 60_000
/** Of a list; what is asked for at once. */
const PAGE = 100
/** A request for work, or for events, waits so long at most; the server has a limit of its own. */
const WAIT_S = 20
/** And a server may answer so much later. */
const WAIT_SLACK_MS = 15_000

export interface PoolClientOptions {
  /** Address of an edge, or of several of one cluster: one that cannot be reached is passed over. */
  server: string | URL | readonly (string | URL)[]
  /** What `join` answered, or an API key with the scope `pools`, or a session's token. */
  token: string
  /** UUID of the pool. */
  pool: string
  /** Seams; default: those of this machine. */
  fetch?: typeof fetch
  clock?: Clock
  random?: Random
}

export interface JoinOptions extends Omit<PoolClientOptions, 'token' | 'pool'>, SignalOptions {
  /** `pbjoin_…`, or the address of the page it stands in. */
  key: string
  /** With it the user joins; without it an account for a program is made. */
  token?: string
  /** Name of that account. */
  name?: string
}

export interface GroupQuery extends SignalOptions {
  state?: GroupState
  /** Windows that begin at or after; ISO 8601. */
  from?: string
  to?: string
}

const NEVER = new AbortController().signal

const nothing = z.unknown()

export class PoolClient {
  readonly http: PoolHttp
  readonly pool: string

  constructor(options: PoolClientOptions) {
    this.http = httpOf(options, options.token)
    this.pool = z.uuid().parse(options.pool)
  }

  get clock(): Clock {
    return this.http.deps.clock
  }

  get random(): Random {
    return this.http.deps.random
  }

  /** Joins by a key. `token` of the answer is an API key, told this once. @throws `join-key-invalid`, `pool-full`, `name-taken` */
  static async join(options: JoinOptions): Promise<answers.JoinedAnswer> {
    const key = joinKeyOf(options.key)
    const http = httpOf(options, options.token)
    const request = {
      method: 'POST',
      path: 'api/pools/join',
      json: { key, ...(options.name !== undefined && { name: options.name }) },
      signal: options.signal ?? NEVER
    } as const
    return await http.json(request, answers.joined)
  }

  // ---------------------------------------------------------------- the pool and its members

  /** The pool, one's own role in it, and what it takes up. @throws `pool-unknown` */
  async about(options: SignalOptions = {}): Promise<answers.PoolAnswer> {
    return await this.ask('', answers.pool, options)
  }

  async *members(
    options: SignalOptions & { role?: PoolRole; silent?: boolean } = {}
  ): AsyncGenerator<answers.PoolMemberAnswer, void, undefined> {
    const { role, silent } = options
    const query = { role, silent: silent === true ? true : undefined }
    yield* this.#pages('members', answers.memberList, 'after', query, options, (page) => page.members)
  }

  // ---------------------------------------------------------------- groups

  /** The newest first. */
  async *groups(options: GroupQuery = {}): AsyncGenerator<answers.GroupAnswer, void, undefined> {
    const { state, from, to } = options
    yield* this.#pages(
      'groups',
      answers.groupList,
      'before',
      { state, from, to },
      options,
      (page) => page.groups
    )
  }

  /** @throws `group-unknown` */
  async group(group: string, options: SignalOptions = {}): Promise<answers.GroupAnswer> {
    return await this.ask(`groups/${part(group)}`, answers.group, options)
  }

  async *producers(
    group: string,
    options: SignalOptions = {}
  ): AsyncGenerator<answers.ProducerAnswer, void, undefined> {
    const path = `groups/${part(group)}/producers`
    yield* this.#pages(path, answers.producerList, 'after', {}, options, (page) => page.producers)
  }

  /** What is in a group, in the order of its members, timestamps and names. For owners and servers. */
  async *manifest(
    group: string,
    options: SignalOptions = {}
  ): AsyncGenerator<answers.ManifestFile, void, undefined> {
    const signal = options.signal ?? NEVER
    const answer = await this.http.retrying({ signal, limitMs: ASK_MS }, () =>
      this.http.send(this.request('GET', `groups/${part(group)}/manifest`, signal))
    )
    yield* manifestOf(this.http.pieces(answer, signal), this.http)
  }

  /** Before its time. @throws `group-unknown` */
  async close(group: string, options: SignalOptions = {}): Promise<answers.GroupAnswer> {
    return await this.order('POST', `groups/${part(group)}/close`, {}, answers.group, options)
  }

  /** One that has failed for good is tried again. @throws `group-state` */
  async retry(group: string, options: SignalOptions = {}): Promise<answers.GroupAnswer> {
    return await this.order('POST', `groups/${part(group)}/retry`, {}, answers.group, options)
  }

  // ---------------------------------------------------------------- events

  /**
   * One page of what happened after a cursor (`start`: all that is kept; undefined: from now on), or after `waitS` seconds an empty one.
   * @throws `cursor-expired`
   */
  async events(
    options: SignalOptions & { after?: string | undefined; types?: readonly string[]; waitS?: number }
  ): Promise<answers.EventPage> {
    const { after, types, waitS = 0, signal = NEVER } = options
    const query = { format: 'json', after, types: types?.join(','), wait: waitS }
    const request = this.request('GET', 'events', signal, { query, answerMs: waitS * 1000 + WAIT_SLACK_MS })
    return await this.http.json(request, answers.eventPage)
  }

  /** What happens, in order, from a cursor on, until the signal aborts; servers that are away are waited for. @throws `cursor-expired`, what does not pass */
  async *watch(
    options: SignalOptions & { after?: string | undefined; types?: readonly string[] } = {}
  ): AsyncGenerator<answers.PoolEvent, void, undefined> {
    let { after } = options
    const signal = options.signal ?? NEVER
    // where it begins is asked at once: what happens until the first long answer would be missed
    let waitS = 0
    while (!signal.aborted) {
      const wanted = { ...options, after, waitS }
      const page = await this.http.retrying({ signal, limitMs: Infinity }, () => this.events(wanted))
      yield* page.events
      after = page.cursor
      waitS = page.more ? 0 : WAIT_S
    }
  }

  // ---------------------------------------------------------------- requests

  /** A request to a route of this pool. */
  request(
    method: PoolRequest['method'],
    path: string,
    signal: AbortSignal,
    more: Omit<PoolRequest, 'method' | 'path' | 'signal'> = {}
  ): PoolRequest {
    return { method, path: `api/pools/${this.pool}${path === '' ? '' : `/${path}`}`, signal, ...more }
  }

  /** A question: asked again after what passes, for a minute. */
  async ask<S extends z.ZodType>(
    path: string,
    schema: S,
    options: SignalOptions & { query?: Query } = {}
  ): Promise<z.output<S>> {
    const { signal = NEVER, query = {} } = options
    return await this.http.jsonRetrying(this.request('GET', path, signal, { query }), schema, {
      limitMs: ASK_MS
    })
  }

  /** A change: sent once, since nobody knows what became of one that was not answered. */
  async order<S extends z.ZodType>(
    method: 'POST' | 'PATCH' | 'DELETE',
    path: string,
    json: unknown,
    schema: S,
    options: SignalOptions = {}
  ): Promise<z.output<S>> {
    const { signal = NEVER } = options
    return await this.http.json(
      this.request(method, path, signal, json === undefined ? {} : { json }),
      schema
    )
  }

  /** A change that answers nothing. */
  async tell(method: 'POST' | 'DELETE', path: string, options: SignalOptions = {}): Promise<void> {
    const { signal = NEVER } = options
    const answer = await this.http.send(this.request(method, path, signal))
    nothing.parse(await this.http.text(answer, signal))
  }

  async *#pages<S extends z.ZodType<{ next: string | null }>, T>(
    path: string,
    schema: S,
    place: 'after' | 'before',
    query: Query,
    options: SignalOptions,
    itemsOf: (page: z.output<S>) => readonly T[]
  ): AsyncGenerator<T, void, undefined> {
    let next: string | null = null
    do {
      const page: z.output<S> = await this.ask(path, schema, {
        ...options,
        query: { ...query, limit: PAGE, [place]: next ?? undefined }
      })
      yield* itemsOf(page)
      if (page.next !== null && page.next === next)
        throw new PeerbinError('protocol-violation', 'the list does not go on')
      next = page.next
    } while (next !== null)
  }
}

/** The key in what a person was given. @throws `usage` */
export function joinKeyOf(text: string): string {
  const key = /pbjoin_[A-Za-z0-9_-]{16,200}$/.exec(text.trim())?.[0]
  if (key === undefined)
    throw new PeerbinError(
      'usage',
      'that is no join key: one begins with pbjoin_; an owner of the pool makes it'
    )
  return key
}

/** HTTP without a pool, or before there is one. */
export function httpOf(
  options: Omit<PoolClientOptions, 'token' | 'pool'>,
  token: string | undefined
): PoolHttp {
  const given = Array.isArray(options.server) ? options.server : [options.server]
  const servers = (given as readonly (string | URL)[]).map(serverOf)
  const deps: HttpDeps = {
    fetch: options.fetch ?? fetch,
    clock: options.clock ?? systemClock,
    random: options.random ?? systemRandom
  }
  return new PoolHttp({ servers, token }, deps)
}

/** An edge may live below a path. */
function serverOf(server: string | URL): URL {
  const text = String(server)
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol))
    throw new PeerbinError('usage', 'give an address like http://127.0.0.1:8080')
  if (!url.pathname.endsWith('/')) url.pathname += '/'
  url.search = ''
  url.hash = ''
  return url
}

const part = (id: string): string => encodeURIComponent(id)
