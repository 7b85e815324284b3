/**
 * The edge's part of the history: what happens is noted in memory, and sent to the controller in batches. Noting costs a moment and waits for nothing; what was noted since
 * the last batch is lost if this process is killed.
 */

import type { ControllerClient } from '../../client/controller-client.ts'
import type { Config } from '../../config.ts'
import { asPeerbinError, hasCode } from '../../errors.ts'
import type { HistoryRecord, ToldHistory } from '../../history.ts'
import type { Clock, Logger, Random, Timer } from '../../interfaces.ts'
import { inBatches } from '../../protocol/history-batches.ts'
import {
  HISTORY_BYTES_MAX,
  HISTORY_DETAIL_BYTES_MAX,
  HISTORY_NAME_BYTES_MAX,
  HISTORY_RECORDS_MAX
} from '../../protocol/limits.ts'
import { abortScope, sleep } from '../../runtime/deadline.ts'
import { randomUuid } from '../../runtime/random.ts'
import type { HistoryId, UploadId } from '../../types.ts'
import type { Actor } from '../accounts/actor.ts'
import { clientAddress, exactAddress } from '../limits/client-address.ts'

/** Uploads in parts whose beginning is remembered; of more, those that began first are forgotten, and nobody knows how long they took. */
const BEGUN_MAX = 10_000

/** Between two attempts to send a batch; each of them is repeated by the client of the controller itself. */
const RETRY_MS = 1000
const SEND_TIMEOUT_MS = 10_000

type Fields = Pick<
  ToldHistory,
  | 'owner'
  | 'entry'
  | 'version'
  | 'file'
  | 'path'
  | 'bytes'
  | 'durationMs'
  | 'attempts'
  | 'detail'
  | 'actorName'
  | 'link'
>

/** What of a request says where it came from, and who made it. */
export interface Requester {
  readonly ip?: string | undefined
  readonly socket: { readonly remoteAddress?: string | undefined }
  readonly actor?: Pick<Actor, 'user' | 'name' | 'session'> | undefined
}

/** What happened. What is left out is null. */
export interface HistoryEvent extends Partial<Fields> {
  readonly action: HistoryRecord['action']
  /** Where it came from: says the address, and who, unless `actor` does. */
  readonly request: Requester
  /** Who did it, where the request does not say it: whoever just signed in. Null: nobody. */
  readonly actor?: Pick<Actor, 'user' | 'name' | 'session'> | null
  /** Of what can be noted twice, also by two edges: an id that follows from it (historyIdFrom); default: a new one. */
  readonly id?: HistoryId
  /** Why it failed, whatever was thrown; default: it did not. */
  readonly error?: unknown
}

/** What may become known of something while it goes on. */
type LateFields = Partial<Pick<HistoryEvent, keyof Fields | 'action' | 'actor' | 'id'>>

/** Something that takes a while: noted when it ends. */
export interface HistoryEntry {
  /** Adds what is known by now; the last word counts. */
  set(fields: LateFields): void
  /** Notes it, with how long it took; only the first call counts. */
  end(fields?: LateFields & { readonly error?: unknown }): void
  /** It was nothing to note: `end` does nothing from then on. */
  drop(): void
}

export interface HistoryRecorderDeps {
  readonly controller: Pick<ControllerClient, 'call'>
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly config: Config
  /** Whether one more of whoever did it is kept. */
  readonly admits: (key: string, party: 'user' | 'anonymous') => boolean
}

/** A record, and when it was noted by this process's own clock: the other one may jump. */
interface Noted {
  readonly record: ToldHistory
  readonly notedAt: number
}

export class HistoryRecorder {
  readonly #deps: HistoryRecorderDeps
  /** The oldest first. */
  #waiting: Noted[] = []
  #timer: Timer | undefined
  #sending: Promise<void> | undefined
  /** Aborts pauses: whoever stops does not wait for them. */
  readonly #stopping = abortScope()
  /** Since that was last told. */
  #dropped = 0
  /** When uploads began that come in several requests, by this process's own clock. */
  readonly #begun = new Map<UploadId, number>()

  constructor(deps: HistoryRecorderDeps) {
    this.#deps = deps
  }

  /** Records that are not with the controller yet. */
  get waiting(): number {
    return this.#waiting.length
  }

  /** Notes something that is over. Never throws, and waits for nothing. */
  record({ request, actor = request.actor ?? null, error, ...fields }: HistoryEvent): void {
    const { admits } = this.#deps
    // each apart: nobody is to hide what they did behind very much that is of no account
    const kind = isSlight(fields.action, error) ? '' : ' deeds'
    const isAdmitted =
      actor === null
        ? admits(`${clientAddress(request)}${kind}`, 'anonymous')
        : admits(`${actor.user}${kind}`, 'user')
    if (!isAdmitted) return this.#drop('somebody does too much')
    this.#add({
      ...NOTHING,
      id: randomUuid(this.#deps.random) as HistoryId,
      at: this.#deps.clock.now(),
      outcome: error === undefined ? 'ok' : asPeerbinError(error).code,
      address: exactAddress(request),
      actor: actor?.user ?? null,
      session: actor?.session ?? null,
      attempts: attemptsOf(error),
      ...fields,
      actorName: cut(fields.actorName ?? actor?.name, HISTORY_NAME_BYTES_MAX),
      path: cut(fields.path, HISTORY_DETAIL_BYTES_MAX),
      detail: cut(fields.detail, HISTORY_DETAIL_BYTES_MAX)
    })
  }

  /** Begins something that takes a while: a connection that ends has no address any more, and a duration is measured from here. */
  begin(event: Omit<HistoryEvent, 'error' | 'durationMs'>): HistoryEntry {
    const { clock } = this.#deps
    const beganAt = clock.monotonic()
    const { request } = event
    const { ip, socket, actor } = request
    const from: Requester = { ip, socket: { remoteAddress: socket.remoteAddress }, actor }
    let known: LateFields = {}
    let isOver = false
    return {
      set: (fields) => {
        known = { ...known, ...fields }
      },
      end: (fields = {}) => {
        if (isOver) return
        isOver = true
        const durationMs = Math.round(clock.monotonic() - beganAt)
        this.record({ ...event, durationMs, ...known, ...fields, request: from })
      },
      drop: () => {
        isOver = true
      }
    }
  }

  /** An upload begins that ends with another request. */
  began(upload: UploadId): void {
    this.#begun.set(upload, this.#deps.clock.monotonic())
    const oldest = this.#begun.keys().next()
    if (this.#begun.size > BEGUN_MAX && oldest.done !== true) this.#begun.delete(oldest.value)
  }

  /** How long it took, once it has ended; null where it began on another edge. */
  sinceBegan(upload: UploadId): number | null {
    const beganAt = this.#begun.get(upload)
    this.#begun.delete(upload)
    return beganAt === undefined ? null : Math.round(this.#deps.clock.monotonic() - beganAt)
  }

  /** Sends what waits, for at most so long, and takes no more timers. */
  async stop(limitMs: number): Promise<void> {
    this.#timer?.cancel()
    const { clock, logger } = this.#deps
    const endsAt = clock.monotonic() + limitMs
    this.#stopping.abort(asPeerbinError(undefined, 'shutting-down'))
    await this.#sending
    while (this.#waiting.length > 0) {
      const leftMs = endsAt - clock.monotonic()
      if (leftMs <= 0 || !(await this.#sendBatch(leftMs))) break
    }
    this.#dropped += this.#waiting.splice(0).length
    if (this.#dropped > 0)
      logger.warn('records of the history are lost: no controller took them', { records: this.#dropped })
  }

  #add(record: ToldHistory): void {
    const { clock, config } = this.#deps
    if (this.#waiting.length >= config.history.waitingMax) return this.#drop('no controller takes them')
    this.#waiting.push({ record, notedAt: clock.monotonic() })
    if (this.#sending !== undefined || this.#stopping.signal.aborted) return
    if (this.#waiting.length >= HISTORY_RECORDS_MAX) return this.#start()
    this.#timer ??= clock.setTimer(config.history.sendMs, () => this.#start(), { unref: true })
  }

  #drop(why: string): void {
    if (this.#dropped++ === 0) this.#deps.logger.warn('records of the history are being dropped', { why })
  }

  #start(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#sending ??= this.#sendAll()
  }

  /** Batches, one after the other, until less than one is left. Never rejects. */
  async #sendAll(): Promise<void> {
    const { clock, config } = this.#deps
    const { signal } = this.#stopping
    do {
      this.#dropOld()
      if (this.#waiting.length > 0 && !(await this.#sendBatch(SEND_TIMEOUT_MS)))
        await sleep(clock, RETRY_MS, signal).catch(() => undefined) // stopped: the loop's condition says so
    } while (!signal.aborted && (this.#waiting.length >= HISTORY_RECORDS_MAX || this.#isLate()))
    this.#sending = undefined
    if (this.#waiting.length > 0 && !signal.aborted)
      this.#timer ??= clock.setTimer(config.history.sendMs, () => this.#start(), { unref: true })
  }

  /** The first of those that wait, with the ids that they have: sent again, they are kept once. False: it has to be tried again. */
  async #sendBatch(timeoutMs: number): Promise<boolean> {
    const { controller, logger } = this.#deps
    const next = this.#waiting.slice(0, HISTORY_RECORDS_MAX).map(({ record }) => record)
    const [batch = []] = inBatches(next, HISTORY_BYTES_MAX)
    try {
      await controller.call('recordHistory', { records: batch }, { timeoutMs })
    } catch (thrown) {
      const error = asPeerbinError(thrown)
      if (error.retryable) return false
      // a controller that does not understand one of them never will
      logger.error('records of the history were refused', { records: batch.length, code: error.code })
      this.#waiting.splice(0, batch.length)
      return true
    }
    this.#waiting.splice(0, batch.length)
    if (this.#dropped > 0) logger.warn('records of the history were dropped', { records: this.#dropped })
    this.#dropped = 0
    return true
  }

  #isLate(): boolean {
    const [oldest] = this.#waiting
    return (
      oldest !== undefined &&
      this.#deps.clock.monotonic() - oldest.notedAt >= this.#deps.config.history.sendMs
    )
  }

  /** None of them is being sent. */
  #dropOld(): void {
    const { clock, config } = this.#deps
    const since = clock.monotonic() - config.history.holdMs
    const first = this.#waiting.findIndex(({ notedAt }) => notedAt >= since)
    this.#dropped += this.#waiting.splice(0, first === -1 ? this.#waiting.length : first).length
  }
}

/** What changed nothing, and anybody can do without end: reading, and trying what is refused. A password that was tried is not that. */
const isSlight = (action: HistoryRecord['action'], error: unknown): boolean =>
  action === 'download' || action === 'link.download' || (error !== undefined && action !== 'login-failed')

/** Of an upload whose copies failed. */
function attemptsOf(error: unknown): number | null {
  const attempts = hasCode(error) ? error.details['attempts'] : undefined
  return typeof attempts === 'number' ? attempts : null
}

const NOTHING = {
  actorName: null,
  owner: null,
  entry: null,
  version: null,
  file: null,
  path: null,
  bytes: null,
  durationMs: null,
  attempts: null,
  detail: null
}

/** As much of a text as there is room for, and never half a character. */
function cut(text: string | null | undefined, limitBytes: number): string | null {
  if (text === null || text === undefined) return null
  const whole = text.toWellFormed()
  if (Buffer.byteLength(whole) <= limitBytes) return whole
  return Buffer.from(whole)
    .subarray(0, limitBytes)
    .toString('utf8')
    .replace(/\ufffd+$/, '')
}
