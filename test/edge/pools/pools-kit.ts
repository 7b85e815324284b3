/** Pools as the tests make and use them, over HTTP. */

import { createHash, randomUUID } from 'node:crypto'
import { api, newAdmin, register, textOf } from '../accounts/accounts-kit.ts'
import type { Answer, User } from '../accounts/accounts-kit.ts'
import { startEdges } from '../edge-cluster.ts'
import type { EdgeCluster, EdgeClusterOptions } from '../edge-cluster.ts'

export const HOUR_MS = 3_600_000

/** Names are drawn, and nobody is turned away for asking often. */
export const UNLIMITED = {
  account: { signInsPerMinute: 0, registrationsPerAddress: 0 },
  edge: { ratePerMinute: 1_000_000 }
}

export interface SentFile {
  readonly name: string
  readonly bytes: Buffer
  /** Ms since 1970. */
  readonly at: number
  readonly mediaType?: string
  readonly metadata?: Readonly<Record<string, string>>
}

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

export const announced = ({ name, bytes, at, mediaType, metadata }: SentFile) => ({
  name,
  timestamp: at,
  size: bytes.byteLength,
  sha256: sha256(bytes),
  ...(mediaType !== undefined && { media_type: mediaType }),
  ...(metadata !== undefined && { metadata })
})

export const manifestOf = (files: readonly SentFile[], batch: string = randomUUID()) => ({
  batch,
  client_time: Date.now(),
  files: files.map(announced)
})

/** A form with everything in it. */
export function formOf(files: readonly SentFile[], batch: string = randomUUID()): FormData {
  const form = new FormData()
  form.append('manifest', JSON.stringify(manifestOf(files, batch)))
  for (const { bytes, name } of files) form.append('file', new Blob([new Uint8Array(bytes)]), name)
  return form
}

export interface Fetched {
  readonly status: number
  readonly headers: Headers
  readonly bytes: Buffer
}

/** A pool with one of each role, all of them programs but the owner. */
export class PoolWorld {
  readonly edges: EdgeCluster
  readonly owner: User
  readonly pool: string
  producer = ''
  producerId = ''
  listener = ''
  server = ''

  private constructor(edges: EdgeCluster, owner: User, pool: string) {
    this.edges = edges
    this.owner = owner
    this.pool = pool
  }

  static async make(
    edges: EdgeCluster,
    settings: Record<string, unknown> = {},
    name = 'owner'
  ): Promise<PoolWorld> {
    const owner = await register(edges.url(), name)
    const made = await api(edges.url(), 'POST /api/pools', {
      token: owner.token,
      body: { name: 'a pool', settings }
    })
    const world = new PoolWorld(edges, owner, textOf(made, 'pool'))
    const producer = await world.join('producer')
    world.producer = producer.token
    world.producerId = producer.user
    world.listener = (await world.join('listener')).token
    world.server = (await world.join('server')).token
    return world
  }

  get url(): string {
    return this.edges.url()
  }

  /** `POST work`: of this pool. */
  async ask(
    what: string,
    asked: { token?: string; body?: unknown; headers?: Record<string, string> } = {}
  ): Promise<Answer> {
    const [method = 'GET', path = ''] = what.split(' ')
    const base = `/api/pools/${this.pool}`
    return await api(this.url, `${method} ${path === '' ? base : `${base}/${path}`}`, asked)
  }

  async joinKey(role: string, options: Record<string, unknown> = {}): Promise<string> {
    const made = await this.ask('POST join-keys', {
      token: this.owner.token,
      body: { role, ...options }
    })
    return textOf(made, 'key')
  }

  /** A program. */
  async join(role: string, name?: string): Promise<{ token: string; user: string }> {
    const key = await this.joinKey(role)
    const joined = await api(this.url, 'POST /api/pools/join', {
      body: { key, ...(name !== undefined && { name }) }
    })
    const { user } = (joined.json['member'] ?? {}) as { user: string }
    return { token: textOf(joined, 'token'), user }
  }

  /** Everything in one request. */
  async send(
    files: readonly SentFile[],
    token = this.producer,
    batch: string = randomUUID()
  ): Promise<Answer> {
    return await this.ask('POST batches', { token, body: formOf(files, batch) })
  }

  async announce(files: readonly SentFile[], token = this.producer, batch?: string): Promise<Answer> {
    return await this.ask('POST batches', { token, body: manifestOf(files, batch) })
  }

  async put(
    batch: string,
    index: number,
    bytes: Uint8Array | string,
    token = this.producer
  ): Promise<Answer> {
    return await this.raw('PUT', `batches/${batch}/files/${index}`, bytes, token)
  }

  /** A raw body. */
  async raw(
    method: string,
    path: string,
    bytes: Uint8Array | string,
    token: string,
    headers: Record<string, string> = {}
  ): Promise<Answer> {
    const answer = await fetch(`${this.url}/api/pools/${this.pool}/${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, ...headers },
      body: typeof bytes === 'string' ? bytes : new Uint8Array(bytes)
    })
    const text = await answer.text()
    return {
      status: answer.status,
      headers: answer.headers,
      json: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>)
    }
  }

  async fetch(
    path: string,
    token: string,
    headers: Record<string, string> = {},
    method = 'GET'
  ): Promise<Fetched> {
    const answer = await fetch(`${this.url}/api/pools/${this.pool}/${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, ...headers }
    })
    return { status: answer.status, headers: answer.headers, bytes: Buffer.from(await answer.arrayBuffer()) }
  }

  /** The newest first. */
  async groups(query = ''): Promise<ReadonlyArray<Readonly<Record<string, unknown>>>> {
    const { json } = await this.ask(`GET groups${query}`, { token: this.owner.token })
    return json['groups'] as ReadonlyArray<Readonly<Record<string, unknown>>>
  }

  /** Sends files, closes their group, and says which it is. */
  async closedGroup(files: readonly SentFile[]): Promise<string> {
    const sent = await this.send(files)
    if (sent.status !== 201) throw new Error(`the batch is ${sent.status} ${JSON.stringify(sent.json)}`)
    const [group] = await this.groups('?state=open')
    const id = String(group?.['group'])
    const closed = await this.ask(`POST groups/${id}/close`, { token: this.owner.token })
    if (closed.json['state'] !== 'closed') throw new Error(JSON.stringify(closed.json))
    return id
  }

  /** Takes a group. */
  async lease(token = this.server): Promise<{ group: string; fence: number }> {
    const taken = await this.ask('POST work', { token })
    const { fence } = taken.json
    if (taken.status !== 200 || typeof fence !== 'number')
      throw new Error(`no work: ${taken.status} ${JSON.stringify(taken.json)}`)
    return { group: textOf(taken, 'group'), fence }
  }
}

interface Teardown {
  teardown: (work: () => Promise<void>) => void
}

export async function startPool(
  t: Teardown,
  { settings = {}, ...options }: EdgeClusterOptions & { settings?: Record<string, unknown> } = {}
): Promise<PoolWorld> {
  const config = { ...UNLIMITED, ...options.config }
  return await PoolWorld.make(await startEdges(t, { ...options, config }), settings)
}

export { newAdmin }

/** `409 lease-lost`; of an answer that is no refusal the status alone. */
export const codeOf = ({ status, json }: Answer): string =>
  typeof json['code'] === 'string' ? `${status} ${json['code']}` : String(status)
