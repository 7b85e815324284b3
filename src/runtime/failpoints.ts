/**
 * Failpoints: named places in the code that a test or the simulator can make throw, hang, wait or end the process. Inert when none is armed: a
 * call site reads one boolean, `if (failpoints.armed) await failpoints.hit('chunk.put.beforeReceipt', self)`.
 */

import { isErrorCode, PeerbinError } from '../errors.ts'
import type { ErrorCode } from '../errors.ts'
import type { Clock, Random } from '../interfaces.ts'
import { systemClock } from './clock.ts'
import { sleep } from './deadline.ts'
import { systemRandom } from './random.ts'

/** Every point, and what it separates: what has happened | what has not. */
export const FAILPOINTS = {
  'chunk.put.beforeStore': 'the bytes of a chunk have arrived at the node | its store gets them',
  'chunk.put.beforeReceipt': 'the store has synced the chunk | a receipt exists',
  'chunk.copy.beforeSend': 'a node is to give a copy to a peer | the first byte of it is sent',
  'chunk.delete.beforeStore': 'an order to delete was admitted by its term | the store removes the chunk',
  'chunk.delete.afterStore': 'the chunk is gone durably | the controller hears of it',
  'receipts.report.before': 'a node holds copies | the controller is told of them',
  'upload.reserve.afterCommit': 'the reference on a chunk is counted | the edge is told its generation',
  'upload.commit.beforeStore': 'every chunk has its copies | file and link are visible',
  'upload.commit.afterStore': 'file and link are visible and durable | the edge is told',
  'link.claim.beforeStore': 'a claim was asked for | it is made',
  'link.claim.afterCommit': 'a claim is made durably | the edge is told',
  'link.report.afterStore': 'what was sent is counted durably | the edge is told',
  'link.release.afterStore': 'a claim is given back durably | the edge is told',
  'link.revoke.afterStore': 'a link is withdrawn durably | the edge is told',
  'orders.beforeConfirm': 'a node has carried out its orders | they are off the list',
  'repair.copy.beforeRecord': 'a node has a copy that repair ordered | it is recorded',
  'repair.trim.afterRecord': 'a copy too many is off the record | its node is told to delete it',
  'edge.upload.beforeAnswer': 'file and link are committed | the uploader is told',
  'edge.firstByte.before': 'the claim and the first chunk are in hand | the first header leaves',
  'edge.body.beforeEnd': 'every byte of a download was handed over | the response ends',
  'edge.report.beforeSend': 'bytes were sent to the claimant | the controller is told how many'
} as const

export type FailpointName = keyof typeof FAILPOINTS

export type FailpointAction =
  | { kind: 'throw'; code: ErrorCode }
  /** Until the point is disarmed (then it throws `aborted`) or the process ends; callers have their deadlines. */
  | { kind: 'hang' }
  /** SIGKILL of this process: no handler runs, nothing is flushed. */
  | { kind: 'kill' }
  | { kind: 'delay'; delayMs: number }
  /** Whatever a test or the simulator wants: it may throw, wait, or crash a simulated process. */
  | { kind: 'run'; run: (name: FailpointName, scope: string | undefined) => void | Promise<void> }

export interface FailpointOptions {
  /** Only the hit of this number, counted from 1; default: every one. */
  nth?: number
  /** Chance of each hit to act, in (0, 1]; default 1. */
  probability?: number
  /** Only hits in this scope (a peer id): one member of a cluster that lives in one process. */
  scope?: string
}

interface Armed {
  readonly name: FailpointName
  readonly action: FailpointAction
  readonly options: FailpointOptions
  hits: number
}

export interface FailpointsDeps {
  clock: Clock
  random: Random
  /** Ends this process at once. */
  kill: () => void
}

export class Failpoints {
  /** Whether any point is armed: the only thing that call sites read otherwise. */
  armed = false
  #deps: FailpointsDeps
  #points: Armed[] = []
  #hanging = new Map<Armed, Set<(error: PeerbinError) => void>>()

  constructor(deps: FailpointsDeps) {
    this.#deps = deps
  }

  /** Time and chance of a simulated world, from now on. */
  use(deps: Partial<FailpointsDeps>): void {
    this.#deps = { ...this.#deps, ...deps }
  }

  /** Several may be armed at one point: each acts in its turn. @returns takes this one back; idempotent. */
  arm(name: FailpointName, action: FailpointAction, options: FailpointOptions = {}): () => void {
    const point: Armed = { name, action, options, hits: 0 }
    this.#points.push(point)
    this.armed = true
    return () => this.#disarm(point)
  }

  /** Takes everything back; whatever hangs goes on with `aborted`. */
  disarmAll(): void {
    for (const point of this.#points) this.#disarm(point)
  }

  /** What is armed here happens; nothing when nothing is. @throws what the action says */
  async hit(name: FailpointName, scope?: string): Promise<void> {
    for (const point of this.#points) {
      if (point.name !== name || !this.#isDue(point, scope)) continue
      await this.#act(point, scope)
    }
  }

  #disarm(point: Armed): void {
    this.#points = this.#points.filter((other) => other !== point)
    this.armed = this.#points.length > 0
    const waiting = this.#hanging.get(point) ?? []
    this.#hanging.delete(point)
    for (const reject of waiting) reject(new PeerbinError('aborted', 'a failpoint was disarmed'))
  }

  #isDue(point: Armed, scope: string | undefined): boolean {
    const { nth, probability = 1, scope: only } = point.options
    if (only !== undefined && only !== scope) return false
    point.hits++
    if (nth !== undefined && point.hits !== nth) return false
    return probability >= 1 || this.#deps.random.fraction() < probability
  }

  async #act(point: Armed, scope: string | undefined): Promise<void> {
    const { action, name } = point
    switch (action.kind) {
      case 'throw':
        throw new PeerbinError(action.code, `failpoint ${name}`)
      case 'delay':
        return await sleep(this.#deps.clock, action.delayMs)
      case 'run':
        return await action.run(name, scope)
      case 'kill':
        this.#deps.kill()
        return await this.#hang(point) // nothing more may happen, however long the signal takes
      case 'hang':
        return await this.#hang(point)
    }
  }

  async #hang(point: Armed): Promise<void> {
    await new Promise<void>((_resolve, reject) => {
      const waiting = this.#hanging.get(point) ?? new Set()
      waiting.add(reject)
      this.#hanging.set(point, waiting)
    })
  }
}

/** Those of this process. */
export const failpoints = new Failpoints({
  clock: systemClock,
  random: systemRandom,
  kill: () => process.kill(process.pid, 'SIGKILL')
})

/** One entry of PEERBIN_FAILPOINTS. */
export interface FailpointSpec {
  name: FailpointName
  action: FailpointAction
  options: FailpointOptions
  /** Only the process of this name (`node-2`); undefined: whichever comes there. */
  process: string | undefined
}

const ENTRY =
  /^(?:([a-z][a-z0-9-]*)\/)?([a-zA-Z.]+)=(throw|hang|kill|delay)(?::([a-z0-9-]+))?(?:@(\d+))?(?:%([\d.]+))?$/

/**
 * Reads `[PROCESS/]NAME=ACTION[@NTH][%PROBABILITY]`, several with `;` between them; actions are `throw:CODE`, `hang`, `kill`, `delay:MS`.
 * @throws `config-invalid`: a misspelt failpoint must not be ignored
 */
export function parseFailpoints(text: string): FailpointSpec[] {
  const entries = text.split(';').map((entry) => entry.trim())
  return entries.filter((entry) => entry !== '').map(parseEntry)
}

function parseEntry(entry: string): FailpointSpec {
  const wrong = (what: string): PeerbinError =>
    new PeerbinError('config-invalid', `PEERBIN_FAILPOINTS: ${what}: ${entry}`)
  const [whole, process, name, kind, argument, nth, chance] = ENTRY.exec(entry) ?? []
  if (whole === undefined) throw wrong('not of the form NAME=ACTION[@NTH][%PROBABILITY]')
  if (!isName(name)) throw wrong('no such failpoint')
  const action = parseAction(kind, argument)
  if (action === undefined) throw wrong('the action lacks its argument, or has one too many')
  const probability = chance === undefined ? undefined : Number(chance)
  if (probability !== undefined && !(probability > 0 && probability <= 1))
    throw wrong('a probability is above 0 and at most 1')
  if (nth !== undefined && Number(nth) < 1) throw wrong('hits are counted from 1')
  const options = {
    ...(nth !== undefined && { nth: Number(nth) }),
    ...(probability !== undefined && { probability })
  }
  return { name, action, options, process }
}

const isName = (name: string | undefined): name is FailpointName =>
  name !== undefined && Object.hasOwn(FAILPOINTS, name)

function parseAction(kind: string | undefined, argument: string | undefined): FailpointAction | undefined {
  if (kind === 'throw') return isErrorCode(argument) ? { kind, code: argument } : undefined
  if (kind === 'delay')
    return argument !== undefined && /^\d+$/.test(argument) ? { kind, delayMs: Number(argument) } : undefined
  if ((kind === 'hang' || kind === 'kill') && argument === undefined) return { kind }
  return undefined
}

/** Arms what the environment asks of the process `self`. @returns the armed entries, for a warning @throws `config-invalid` */
export function armFailpoints(text: string | undefined, self: string): string[] {
  const mine = parseFailpoints(text ?? '').filter((spec) => (spec.process ?? self) === self)
  for (const { name, action, options } of mine) failpoints.arm(name, action, options)
  return mine.map(({ name, action }) => `${name}=${action.kind}`)
}
