/** A server of a pool: takes groups that are ready, has them worked on, and gives the results back. */

import { asPeerbinError, hasCode, PeerbinError } from '../errors.ts'
import type { ErrorCode } from '../errors.ts'
import { abortScope, sleep, throwIfAborted } from '../runtime/deadline.ts'
import { group as groupAnswer } from './answers.ts'
import type { GroupAnswer, ManifestFile } from './answers.ts'
import { fetchGroup } from './fetch-group.ts'
import type { GroupManifest } from './fetch-group.ts'
import type { PoolClient } from './pool-client.ts'
import { isPassing, PAUSE_MAX_MS, pauseMs } from './retry.ts'

/** One request for work waits so long. */
const WAIT_S = 20
const WAIT_SLACK_MS = 15_000
/** A lease is renewed when so much of it is left. */
const RENEW_SHARE = 1 / 3
/** While nobody answers, work goes on for so many leases: whoever comes back in time, and before another server has it, still has it. */
const SILENT_LEASES = 2
/** What a server says of a failure has 1000 bytes. */
const REASON_BYTES_MAX = 1000

/** What the work made of a group. */
export interface WorkResult {
  /** One byte at least. */
  readonly body: Blob
  readonly name: string
  readonly mediaType?: string
  readonly metadata?: Readonly<Record<string, string>>
  /** Called when the body is not needed any more: it was delivered, or will never be. */
  readonly release?: () => Promise<void>
}

/** A group that is leased to this server. */
export interface Job {
  readonly group: GroupAnswer
  /** Aborts when the lease is lost, or the server is to end: what goes on is of no use any more. */
  readonly signal: AbortSignal
  /** Its files, one after the other. */
  files(): AsyncGenerator<ManifestFile, void, undefined>
  /** One file's bytes. */
  read(file: ManifestFile): Promise<Uint8Array>
  /** All of it into a folder, with manifest.json. */
  fetch(
    folder: string,
    onFile?: (file: ManifestFile, done: number, total: number) => void
  ): Promise<GroupManifest>
}

/** Thrown by work: it failed, and why; `isFinal`: trying again would not help. */
export class WorkFailed extends Error {
  readonly isFinal: boolean

  constructor(reason: string, isFinal = false) {
    super(reason)
    this.isFinal = isFinal
  }
}

export type ServeEvent =
  | { type: 'taken'; group: GroupAnswer }
  | { type: 'done'; group: GroupAnswer; result: WorkResult }
  | { type: 'failed'; group: GroupAnswer; reason: string; isFinal: boolean }
  /** Another server has it, or nobody may any more. */
  | { type: 'lost'; group: GroupAnswer; why: PeerbinError }
  | { type: 'waiting'; why: PeerbinError; waitMs: number }

export interface ServeOptions {
  readonly signal: AbortSignal
  /** Groups that are worked on at once; default 1. */
  readonly concurrency?: number
  /** Ends when nothing waits any more, or with one group done; default: goes on. */
  readonly once?: boolean
  readonly onEvent?: ((event: ServeEvent) => void) | undefined
}

/** Nobody's waiting helps against these. */
const FOR_GOOD: readonly ErrorCode[] = [
  'lease-lost',
  'group-done',
  'group-unknown',
  'pool-unknown',
  'permission-denied'
]

/**
 * Until the signal aborts (then what is under way is reported as failed, so that it is tried again), or what nobody's waiting helps against.
 * @throws `permission-denied`, `credentials-invalid`, `pool-unknown`, …
 */
export async function serve(
  client: PoolClient,
  work: (job: Job) => Promise<WorkResult>,
  options: ServeOptions
): Promise<void> {
  const { concurrency = 1, once = false } = options
  // one that ends by an error ends the others
  using scope = abortScope(options.signal)
  const lane = async (): Promise<void> => {
    try {
      while (!scope.signal.aborted) {
        const taken = await take(client, { ...options, signal: scope.signal })
        if (taken !== undefined)
          await new Lease(client, taken, { ...options, signal: scope.signal }).run(work)
        if (once) return
      }
    } catch (error) {
      if (scope.signal.aborted) return
      scope.abort(asPeerbinError(error))
      throw error
    }
  }
  const lanes = await Promise.allSettled(Array.from({ length: concurrency }, lane))
  for (const settled of lanes) if (settled.status === 'rejected') throw settled.reason
}

interface Taken {
  readonly group: GroupAnswer
  /** When it was asked for, by the monotonic clock: the lease lasts from then at least. */
  readonly askedAt: number
  readonly leaseMs: number
}

/** @returns undefined: nothing waits */
async function take(client: PoolClient, { signal, onEvent, once }: ServeOptions): Promise<Taken | undefined> {
  const onWait = (why: PeerbinError, waitMs: number): void => onEvent?.({ type: 'waiting', why, waitMs })
  const waitS = once === true ? 0 : WAIT_S
  return await client.http.retrying({ signal, limitMs: Infinity, onWait }, async () => {
    const askedAt = client.clock.monotonic()
    const answerMs = waitS * 1000 + WAIT_SLACK_MS
    const answer = await client.http.send(
      client.request('POST', 'work', signal, { query: { wait: waitS }, answerMs })
    )
    const text = await client.http.text(answer, signal)
    if (answer.status === 204) return undefined
    const group = client.http.parsed(groupAnswer, text)
    return { group, askedAt, leaseMs: leaseMsOf(group, answer) }
  })
}

/** How long a lease lasts, by the server's own clock. */
function leaseMsOf({ lease_until: until }: GroupAnswer, answer: Response): number {
  const serverNow = Date.parse(answer.headers.get('date') ?? '')
  const leaseMs = Date.parse(until ?? '') - serverNow
  // its header counts in whole seconds
  return Number.isFinite(leaseMs) && leaseMs > LEASE_MIN_MS ? leaseMs - 1000 : LEASE_MIN_MS
}
const LEASE_MIN_MS = 3000

class Lease {
  readonly #client: PoolClient
  readonly #options: ServeOptions
  readonly #leaseMs: number
  #group: GroupAnswer
  #renewedAt: number

  constructor(client: PoolClient, taken: Taken, options: ServeOptions) {
    this.#client = client
    this.#options = options
    this.#group = taken.group
    this.#leaseMs = taken.leaseMs
    this.#renewedAt = taken.askedAt
  }

  async run(work: (job: Job) => Promise<WorkResult>): Promise<void> {
    this.#tell({ type: 'taken', group: this.#group })
    using scope = abortScope(this.#options.signal)
    const renewed = this.#renew(scope.signal).catch((error: unknown) => {
      if (!scope.signal.aborted) scope.abort(asPeerbinError(error))
    })
    let result: WorkResult | undefined
    try {
      result = await work(this.#job(scope.signal))
      throwIfAborted(scope.signal)
      await this.#deliver(result, scope.signal)
      this.#tell({ type: 'done', group: this.#group, result })
    } catch (error) {
      await this.#failed(error, scope.signal)
    } finally {
      scope.abort(new PeerbinError('aborted'))
      await renewed
      await result?.release?.()
    }
  }

  #job(signal: AbortSignal): Job {
    const client = this.#client
    const group = this.#group
    return {
      group,
      signal,
      files: () => client.manifest(group.group, { signal }),
      read: async (file) => await readFile(client, group.group, file, signal),
      fetch: async (folder, onFile) => await fetchGroup(client, group, folder, { signal, onFile })
    }
  }

  /** Until the signal aborts. @throws `lease-lost` and the like */
  async #renew(signal: AbortSignal): Promise<void> {
    const { clock } = this.#client
    for (let attempts = 0; ;) {
      const dueAt = this.#renewedAt + this.#leaseMs * (1 - RENEW_SHARE)
      await sleep(clock, Math.max(0, dueAt - clock.monotonic()), signal)
      try {
        const askedAt = clock.monotonic()
        this.#group = await this.#post('renew', {}, signal)
        this.#renewedAt = askedAt
        attempts = 0
      } catch (error) {
        throwIfAborted(signal)
        if (!isPassing(error)) throw error
        const silentMs = clock.monotonic() - this.#renewedAt
        if (silentMs > this.#leaseMs * SILENT_LEASES)
          throw new PeerbinError('lease-lost', 'the lease is over, and nobody could be asked', {
            cause: error
          })
        await sleep(
          clock,
          Math.min(pauseMs(++attempts, error, this.#client.random), this.#leaseMs / 4),
          signal
        )
      }
    }
  }

  async #post(path: string, json: object, signal: AbortSignal): Promise<GroupAnswer> {
    const { http } = this.#client
    const body = { fence: this.#group.fence, ...json }
    const { group } = this.#group
    return await http.json(
      this.#client.request('POST', `groups/${group}/${path}`, signal, { json: body }),
      groupAnswer
    )
  }

  /** The same result is taken as often as it is sent, as long as the lease is this one. */
  async #deliver({ body, name, mediaType, metadata = {} }: WorkResult, signal: AbortSignal): Promise<void> {
    const client = this.#client
    const { group, fence } = this.#group
    const onWait = (why: PeerbinError, waitMs: number): void => this.#tell({ type: 'waiting', why, waitMs })
    // while the lease is renewed it may take as long as it takes
    this.#group = await client.http.retrying({ signal, limitMs: Infinity, onWait }, async () => {
      const request = client.request('PUT', `groups/${group}/result`, signal, {
        query: { fence, name },
        body,
        answerMs: 2 * 60_000,
        headers: {
          'content-type': mediaType ?? 'application/octet-stream',
          ...(Object.keys(metadata).length > 0 && { 'x-metadata': asciiJson(metadata) })
        }
      })
      return await client.http.json(request, groupAnswer)
    })
  }

  async #failed(error: unknown, signal: AbortSignal): Promise<void> {
    const why = signal.aborted ? asPeerbinError(signal.reason) : asPeerbinError(error)
    const isStopped = this.#options.signal.aborted
    if (!isStopped && hasCode(why, ...FOR_GOOD)) return this.#tell({ type: 'lost', group: this.#group, why })
    const isFinal = error instanceof WorkFailed && error.isFinal
    const reason = isStopped
      ? 'the server was stopped'
      : cut(error instanceof Error ? error.message : String(error))
    this.#tell({ type: 'failed', group: this.#group, reason, isFinal })
    await this.#report(reason, isFinal)
  }

  /** One that cannot be reported is over with its lease. */
  async #report(reason: string, isFinal: boolean): Promise<void> {
    // also when this server is to end: its signal is not asked
    const signal = new AbortController().signal
    const limitMs = this.#options.signal.aborted ? 5000 : Math.max(PAUSE_MAX_MS, this.#leaseMs)
    try {
      await this.#client.http.retrying({ signal, limitMs }, async () => {
        await this.#post('failure', { reason, final: isFinal }, signal)
      })
    } catch (error) {
      this.#tell({ type: 'lost', group: this.#group, why: asPeerbinError(error) })
      if (hasCode(error, 'credentials-invalid', 'credentials-missing')) throw error
    }
  }

  #tell(event: ServeEvent): void {
    this.#options.onEvent?.(event)
  }
}

/** A result and its files are small enough for programs that ask for them so. */
const READ_BYTES_MAX = 1024 ** 3

async function readFile(
  client: PoolClient,
  group: string,
  file: ManifestFile,
  signal: AbortSignal
): Promise<Uint8Array> {
  if (file.size > READ_BYTES_MAX)
    throw new PeerbinError('too-large', `${file.name} is fetched to a disk, not read`)
  return await client.http.retrying({ signal, limitMs: 10 * 60_000 }, async () => {
    const path = `groups/${group}/files/${encodeURIComponent(file.file)}`
    return await readVerified(client, client.request('GET', path, signal), file)
  })
}

/** @throws `server-unreachable` for bytes that are not all there, or not the right ones: asked again, they may be */
export async function readVerified(
  { http }: PoolClient,
  request: Parameters<PoolClient['http']['send']>[0],
  { size, sha256 }: { size: number; sha256: string }
): Promise<Uint8Array> {
  const answer = await http.send(request)
  const pieces: Uint8Array[] = []
  let bytes = 0
  for await (const piece of http.pieces(answer, request.signal)) {
    bytes += piece.byteLength
    if (bytes > size) break
    pieces.push(piece)
  }
  const all = Buffer.concat(pieces)
  const digest = await crypto.subtle.digest('SHA-256', all)
  if (Buffer.from(digest).toString('hex') !== sha256)
    throw new PeerbinError('server-unreachable', 'what arrived is not what was sent')
  return new Uint8Array(all)
}

/** Headers are ASCII. */
const asciiJson = (value: unknown): string =>
  JSON.stringify(value).replace(
    /[^\x20-\x7E]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`
  )

/** The end says more than the beginning. */
export function cut(text: string): string {
  const clean = text.trim() === '' ? 'it failed, and did not say why' : text.trim()
  let rest = clean.slice(-REASON_BYTES_MAX)
  while (Buffer.byteLength(rest) > REASON_BYTES_MAX) rest = rest.slice(1)
  return rest.toWellFormed()
}
