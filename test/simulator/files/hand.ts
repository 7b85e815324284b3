/** What everything that a person does rests on: what there is to act on, and how an answer is judged. */

import { asPeerbinError, ERRORS } from '../../../src/errors.ts'
import type { ErrorCode } from '../../../src/errors.ts'
import type { EventType } from '../../../src/events.ts'
import type { ControlMessages, RequestOf, ResponseOf } from '../../../src/protocol/messages.ts'
import type { Chance } from '../chance.ts'
import { type Ledger, ViolationError } from '../ledger.ts'
import type { Workload } from '../workload.ts'
import type { World } from '../world.ts'
import { Asking, type Outcome } from './asking.ts'
import {
  isSure,
  label,
  type SimEntry,
  type SimUser,
  type SimVersion,
  type UsersLedger
} from './users-ledger.ts'

/** What a user may be told of one of their files when somebody else of them deleted it, or a version, at the same time. */
const GONE: readonly ErrorCode[] = ['file-unknown', 'version-unknown']
/** The path is somebody else's, or there is no room. */
export const REFUSED: readonly ErrorCode[] = ['path-taken', 'path-conflict', 'quota-exceeded', 'shares-full']

/** Something that was acknowledged, and that an event has to tell of. */
export interface Done {
  readonly user: SimUser
  readonly types: readonly EventType[]
  readonly subject: string
  /** Among what the event says. */
  readonly data: Readonly<Record<string, unknown>>
  readonly beganAtMs: number
  readonly endedAtMs: number
  /** It can have happened only once. */
  readonly isOnce: boolean
}

export interface PersonDeps {
  readonly world: World
  readonly ledger: Ledger
  readonly users: UsersLedger
  readonly workload: Workload
  readonly chance: Chance
  readonly onDone: (done: Done) => void
}

export class Hand extends Asking {
  readonly deps: PersonDeps

  constructor(user: SimUser, deps: PersonDeps) {
    super(user, deps.workload)
    this.deps = deps
  }

  get chance(): Chance {
    return this.deps.chance
  }

  get nowMs(): number {
    return this.deps.world.time.nowMs
  }

  note(text: string): void {
    this.deps.world.trace.note(`${this.user.name}: ${text}`)
  }

  /** Mostly one that must be there. */
  anEntry(): SimEntry | undefined {
    const all = this.deps.users.of(this.user)
    const sure = all.filter(isSure)
    const from = sure.length > 0 && this.chance.happens(0.95) ? sure : all
    return from.length === 0 ? undefined : this.chance.pick(from)
  }

  aVersion(entry: SimEntry): SimVersion | undefined {
    const versions = [...entry.versions.values()]
    return versions.length === 0 ? undefined : this.chance.pick(versions)
  }

  /** A few names in a few folders, so that they are met again. */
  newPath(): string {
    const folder = this.chance.pick(['', '', 'a/', 'a/b/', 'c/'])
    return `${folder}${this.chance.happens(0.1) ? 'a' : `file-${this.chance.whole(0, 30)}`}`
  }

  aPathOf(entry: SimEntry | undefined): string {
    return entry?.placings.findLast(({ isAcknowledged }) => isAcknowledged)?.path ?? this.newPath()
  }

  get wallMs(): number {
    return this.deps.world.wallMs
  }

  /** Asks something of an entry, and judges a refusal. */
  async of<
    K extends
      | 'moveEntry'
      | 'changeEntry'
      | 'restoreVersion'
      | 'deleteVersion'
      | 'pruneVersions'
      | 'deleteEntry'
      | 'shareEntry'
  >(
    entry: SimEntry,
    what: string,
    op: K,
    message: Omit<RequestOf<ControlMessages, K>, 'actor'>,
    number?: number
  ): Promise<Outcome<ResponseOf<ControlMessages, K>>> {
    this.note(`file ${entry.id.slice(0, 8)} ${what}`)
    const wasGone = entry.deleted === 'yes'
    const beganAtMs = this.nowMs
    entry.open++
    const outcome = await this.ask(op, { ...message, actor: this.actor } as RequestOf<ControlMessages, K>)
    entry.open--
    const isSettled =
      outcome !== 'unknown' && ('value' in outcome || !ERRORS[asPeerbinError(outcome.error).code].retryable)
    entry.touchedAtMs = isSettled ? Math.max(entry.touchedAtMs, this.nowMs) : Infinity
    if (outcome !== 'unknown' && 'error' in outcome) this.judge(entry, number, outcome.error)
    if (outcome !== 'unknown' && 'value' in outcome) {
      // what had ended before has its event before
      const wasOver = 'deleted' in outcome.value && !outcome.value.deleted
      this.#tell(entry, op, message, wasOver ? 0 : beganAtMs)
    }
    // a repeat of a deletion is answered as one
    if (outcome !== 'unknown' && 'value' in outcome && wasGone && op !== 'deleteEntry')
      throw new ViolationError('versions', `${label(entry)} was deleted, and ${op} went well`)
    return outcome
  }

  /** What has to be told of it; nothing where it can have changed nothing. */
  #tell(entry: SimEntry, op: keyof ControlMessages, message: object, beganAtMs: number): void {
    const { version, path, link } = message as {
      version?: number
      path?: string
      link?: { tokenHash: string }
    }
    const done = (types: readonly EventType[], data: Done['data'], isOnce = false): void =>
      this.done({ types, subject: entry.id, data, beganAtMs, isOnce })
    const wasThere = entry.placings.filter((placing) => placing.path === path).length > 1
    if (op === 'moveEntry' && !wasThere) done(['file.moved'], { path })
    if (op === 'changeEntry') done(['file.changed'], {})
    if (op === 'deleteVersion') done(['version.removed', 'file.removed'], { version })
    if (op === 'deleteEntry') done(['file.removed', 'file.expired'], {}, true)
    if (op === 'shareEntry') done(['file.shared'], { share: link?.tokenHash.slice(0, 16) }, true)
  }

  done(done: Omit<Done, 'user' | 'endedAtMs'>): void {
    this.deps.onDone({ ...done, user: this.user, endedAtMs: this.nowMs })
  }

  /** Whether the user can have been told that. */
  judge(entry: SimEntry, number: number | undefined, error: unknown): void {
    const { code } = asPeerbinError(error)
    this.note(`is told ${code} about file ${entry.id.slice(0, 8)}`)
    if (ERRORS[code].retryable || REFUSED.includes(code)) return
    if (!GONE.includes(code))
      throw new ViolationError('versions', `${label(entry)}: ${code}: ${String(error)}`)
    const isExpected =
      code === 'file-unknown'
        ? !isSure(entry)
        : number !== undefined && entry.versions.get(number)?.mayBeGone === true
    if (!isExpected)
      throw new ViolationError('versions', `${label(entry)}, version ${number ?? 'any'}: ${code}`)
  }
}
