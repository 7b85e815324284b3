/** An external program that works on groups: it is slow, dies at any moment, comes back, and sends results of leases that it lost long ago. */

import { asPeerbinError, ERRORS, hasCode } from '../../../src/errors.ts'
import type { ErrorCode } from '../../../src/errors.ts'
import type { GroupFile, GroupRecord } from '../../../src/pools.ts'
import type { Chance } from '../chance.ts'
import type { SimEdge } from '../edge.ts'
import { ViolationError } from '../ledger.ts'
import type { Workload } from '../workload.ts'
import type { World } from '../world.ts'
import * as edges from './edge-requests.ts'
import { labelOf, type PoolsLedger, type SimMember } from './pools-ledger.ts'

const WAIT_MS = 4000
const AGAIN_MS = 1000
/** A result that cannot be sent is tried again so often. */
const ATTEMPTS = 4
/** Files and results that are kept for less may be gone before somebody asks. */
const SHORT_MS = 3_600_000
/** Of the files of a group, that are read. */
const READ_SHARE = 0.4

/** What becomes of a group that it was given. */
const MODES = { quick: 6, renewing: 2, slow: 2, fails: 1.5, dies: 1.5, failsForGood: 0.2 } as const
/** Once nothing goes wrong any more. */
const CALM_MODES = { quick: 1 } as const

export interface ServerDeps {
  readonly world: World
  readonly workload: Workload
  readonly ledger: PoolsLedger
  readonly chance: Chance
  readonly count: (what: string) => void
}

type Outcome<T> = { value: T } | { code: ErrorCode } | 'unknown'

export class SimServer {
  readonly member: SimMember
  readonly #deps: ServerDeps
  /** What it was given, and what it made of that: kept on its disk. */
  readonly #kept: edges.Held[] = []
  #isCalm = false
  #isOver = false

  constructor(member: SimMember, deps: ServerDeps) {
    this.member = member
    this.#deps = deps
  }

  calm(): void {
    this.#isCalm = true
  }

  stop(): void {
    this.#isOver = true
  }

  get #who(): edges.InPool {
    return { user: this.member.user, pool: this.member.pool.id }
  }

  #note(text: string): void {
    this.#deps.world.trace.note(`${this.member.user.name} ${text}`)
  }

  async live(): Promise<void> {
    const { workload, chance } = this.#deps
    while (!this.#isOver) {
      if (!this.#isCalm && chance.happens(0.08)) await this.#haunt()
      const outcome = await this.#ask((edge) => edges.workFor(edge, this.#who, WAIT_MS))
      if (outcome !== 'unknown' && 'value' in outcome && outcome.value !== undefined)
        await this.#work(outcome.value)
      else await workload.sleep(chance.between(0, AGAIN_MS))
    }
  }

  async #work(group: GroupRecord): Promise<void> {
    const { workload, chance, count } = this.#deps
    const { leaseMs } = this.member.pool.settings
    const { id, fence } = group
    const held = { ...this.#who, group: id, fence }
    this.#kept.push(held)
    const mode = chance.weighted<keyof typeof MODES>(this.#isCalm ? { ...CALM_MODES, ...NO_MODES } : MODES)
    count(mode)
    this.#note(`has group ${id.slice(0, 8)} with fence ${fence}, and is ${mode}`)
    const files = await this.#fetch(group)
    if (mode === 'dies') return await workload.sleep(chance.between(0, 2 * leaseMs))
    if (files === undefined && chance.happens(0.5)) return
    if (mode === 'slow') await workload.sleep(chance.between(leaseMs, 3 * leaseMs))
    else await workload.sleep(chance.between(0, leaseMs / 2))
    if (mode === 'fails' || mode === 'failsForGood') {
      await this.#ask((edge) => edges.fail(edge, held, mode === 'failsForGood'))
      return
    }
    if (mode === 'renewing')
      for (let i = chance.whole(1, 4); i > 0; i--) {
        const renewed = await this.#ask((edge) => edges.renew(edge, held))
        await this.#judge(held, renewed)
        await workload.sleep(chance.between(0, leaseMs * 0.7))
      }
    await this.#return(held)
  }

  /** Every file that no server has read, and every result that nobody has fetched. */
  async readAll(groups: readonly GroupRecord[]): Promise<void> {
    for (const { id, isEmptied, result } of groups) {
      const files = isEmptied ? [] : await this.#insist((edge) => edges.filesOf(edge, this.#who, id))
      for (const file of files ?? []) {
        if (this.#deps.ledger.read.has(file.entry)) continue
        const read = await this.#insist((edge) => edges.readFrom(edge, this.#who, id, file.entry))
        if (read !== undefined) this.#compare(file, read.bytes)
      }
      if (result === null || this.#deps.ledger.read.has(result.entry)) continue
      const read = await this.#insist((edge) => edges.readFrom(edge, this.#who, id))
      const sent = this.#deps.ledger.contents.findWritten(result.sha256)
      if (read !== undefined && (sent === undefined || Buffer.compare(sent.content, read.bytes) !== 0))
        throw new ViolationError('B', `${this.member.user.name} got wrong bytes of the result of group ${id}`)
    }
  }

  /** Until somebody answers. Undefined: it is not kept any more. */
  async #insist<T>(work: (edge: SimEdge) => Promise<T>): Promise<T | undefined> {
    for (;;) {
      const outcome = await this.#ask(work)
      if (outcome !== 'unknown' && 'value' in outcome) return outcome.value
      if (outcome !== 'unknown' && !ERRORS[outcome.code].retryable) {
        const { filesTtlMs, resultTtlMs } = this.member.pool.settings
        if (Math.min(filesTtlMs, resultTtlMs) < SHORT_MS) return undefined
        throw new ViolationError('groups', `${this.member.user.name} is told ${outcome.code}`)
      }
      await this.#deps.workload.sleep(AGAIN_MS)
    }
  }

  #compare(file: GroupFile, bytes: Uint8Array): void {
    const { ledger } = this.#deps
    const sent = ledger.fileOf(this.member.pool, file)
    if (Buffer.compare(bytes, sent.written.content) !== 0)
      throw new ViolationError('B', `${this.member.user.name} got wrong bytes of ${labelOf(sent)}`)
    ledger.read.add(file.entry)
  }

  /** All of it is what was sent. Undefined: nobody could answer. */
  async #fetch({ id, files: count, fence }: GroupRecord): Promise<GroupFile[] | undefined> {
    const { ledger, chance } = this.#deps
    const { pool } = this.member
    const listed = await this.#ask((edge) => edges.filesOf(edge, this.#who, id))
    if (listed === 'unknown' || 'code' in listed) return undefined
    const files = listed.value
    const isHeld = ledger.fenceOf(id) === fence && !ledger.accepted.has(id)
    if (isHeld && files.length !== count)
      throw new ViolationError('groups', `group ${id} has ${count} files, and ${files.length} are listed`)
    for (const file of files) {
      ledger.fileOf(pool, file)
      if (!chance.happens(READ_SHARE)) continue
      const read = await this.#ask((edge) => edges.readFrom(edge, this.#who, id, file.entry))
      if (read === 'unknown' || 'code' in read) return undefined
      this.#compare(file, read.value.bytes)
    }
    return files
  }

  async #return(held: edges.Held): Promise<void> {
    const { ledger, workload, chance, count } = this.#deps
    const { pool } = this.member
    let content = chance.bytes(chance.whole(10, chance.pick([100, 2500])))
    for (let attempt = 0; attempt < ATTEMPTS && !this.#isOver; attempt++) {
      // it began anew, and came to something else
      if (attempt > 0 && chance.happens(0.2)) content = chance.bytes(content.byteLength)
      const bytes = content
      ledger.sending(held.group, held.fence, ledger.write(pool, bytes))
      const outcome = await this.#ask((edge) => edges.takeResult(edge, held, this.#source(bytes)))
      await this.#judge(held, outcome)
      if (outcome !== 'unknown' && 'value' in outcome) {
        count('results')
        this.#note(`has returned group ${held.group.slice(0, 8)}`)
        ledger.finished(held.fence, outcome.value)
        ledger.told.add(held.group)
        return
      }
      if (outcome !== 'unknown' && isFinal(outcome.code)) return
      await workload.sleep(chance.between(100, AGAIN_MS))
    }
  }

  async *#source(content: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
    const { workload, chance } = this.#deps
    const half = chance.whole(1, content.byteLength)
    yield content.subarray(0, half)
    if (half === content.byteLength) return
    if (!this.#isCalm && chance.happens(0.1)) await workload.sleep(chance.between(0, 8000))
    yield content.subarray(half)
  }

  /** Something that it had long ago. */
  async #haunt(): Promise<void> {
    if (this.#kept.length === 0) return
    const held = this.#deps.chance.pick(this.#kept)
    this.#deps.count('haunts')
    this.#note(`comes back with fence ${held.fence} of group ${held.group.slice(0, 8)}`)
    await this.#return(held)
  }

  /** Whoever has a group is not turned away. */
  async #judge(held: edges.Held, outcome: Outcome<unknown>): Promise<void> {
    const { world } = this.#deps
    if (outcome === 'unknown' || 'value' in outcome || outcome.code !== 'lease-lost') return
    const { user, pool, group: id, fence } = held
    const group = await world.database.look((store) => store.getGroup(pool, id))
    if (group !== undefined && isHeldBy(group, user.id, fence))
      throw new ViolationError(
        'results',
        `${user.name} has group ${id} with fence ${fence}, and is turned away`
      )
  }

  async #ask<T>(work: (edge: SimEdge) => Promise<T>): Promise<Outcome<T>> {
    const { workload, chance } = this.#deps
    const edge = await workload.anEdge()
    const outcome = await workload.ask(edge, () => work(edge))
    // nobody hears an answer that is lost
    if (outcome === 'unknown' || (!this.#isCalm && chance.happens(0.04))) return 'unknown'
    if ('value' in outcome) return outcome
    const { code } = asPeerbinError(outcome.error)
    this.#note(`is told ${code}`)
    const isGone = hasCode(outcome.error, 'pool-unknown', 'permission-denied', 'group-unknown')
    const isExpected =
      ERRORS[code].retryable ||
      isFinal(code) ||
      hasCode(outcome.error, 'file-unknown', 'result-expired') ||
      (code === 'group-unknown' && this.#deps.world.recovery.recovered !== undefined) ||
      (isGone && (this.member.wasTouched || this.member.pool.isDeleted))
    if (!isExpected)
      throw new ViolationError(
        'results',
        `${this.member.user.name} is told ${code}: ${String(outcome.error)}`
      )
    return { code }
  }
}

const NO_MODES = { renewing: 0, slow: 0, fails: 0, dies: 0, failsForGood: 0 } as const

const isFinal = (code: string): boolean =>
  [
    'lease-lost',
    'group-done',
    'group-emptied',
    'pool-unknown',
    'group-unknown',
    'permission-denied'
  ].includes(code)

const isHeldBy = (
  { state, fence, server, leasedUntil }: GroupRecord,
  user: SimMember['user']['id'],
  mine: number
): boolean =>
  (state === 'processing' || state === 'closed') && leasedUntil !== null && fence === mine && server === user
