/** A producer: a machine with files that wait in a queue on its disk, and production's sender, which is often offline and dies at any moment. */

import { asPeerbinError, hasCode } from '../../../src/errors.ts'
import { PoolClient } from '../../../src/pool-client/pool-client.ts'
import { Sender } from '../../../src/pool-client/queue/sender.ts'
import { isPassing } from '../../../src/pool-client/retry.ts'
import { sleep } from '../../../src/runtime/deadline.ts'
import type { Chance } from '../chance.ts'
import { ViolationError } from '../ledger.ts'
import { EPOCH_MS, SimProcess } from '../sim-process.ts'
import type { Line } from '../sync/cluster-remote.ts'
import type { Workload } from '../workload.ts'
import type { World } from '../world.ts'
import { MemoryQueue, QueueDisk } from './memory-queue.ts'
import { identityOfSent, type PoolsLedger, type SentFile, type SimMember } from './pools-ledger.ts'
import { isTurnedAway, ProducerLine } from './producer-line.ts'

const RESTART_MS = 2000
const AGAIN_MS = 1500
/** Whoever cannot reach anybody for so long is asked to try again later. */
const DRAIN_MS = 40_000
const NAMES = 6
/** A batch is small, so that there are many. */
const BATCH_FILES_MAX = 6
const BATCH_BYTES_MAX = 1024 * 1024

export interface ProducerDeps {
  readonly world: World
  readonly workload: Workload
  readonly ledger: PoolsLedger
  readonly chance: Chance
  readonly count: (what: string) => void
  readonly onViolation: (error: unknown) => void
}

export class Producer {
  readonly member: SimMember
  readonly disk = new QueueDisk()
  readonly #deps: ProducerDeps
  readonly #written: SentFile[] = []
  #process: SimProcess | undefined
  #starts = 0
  #skewMs: number
  #line: Line & { end: () => void } = newLine()
  /** A backup of its disk. */
  #backup: ReturnType<QueueDisk['copy']> | undefined
  /** Everything works from now on. */
  #isCalm = false

  constructor(member: SimMember, deps: ProducerDeps) {
    this.member = member
    this.#deps = deps
    const { toleranceMs } = member.pool.settings
    this.#skewMs = deps.chance.between(-0.8 * toleranceMs, 0.8 * toleranceMs)
  }

  get #name(): string {
    return this.member.user.name
  }

  start(): void {
    const { world, onViolation } = this.#deps
    if (this.#process !== undefined) return
    const name = `${this.#name}#${++this.#starts}`
    const process = new SimProcess({
      name,
      time: world.time,
      chance: world.chance.fork(name),
      trace: world.trace,
      skewMs: () => this.#skewMs,
      ioMaxMs: world.options.ioMaxMs,
      onCrash: (why) => this.crash(why, RESTART_MS)
    })
    this.#process = process
    world.trace.note(`${name} starts`)
    this.#run(process).catch(onViolation)
  }

  crash(why: string, restartMs: number): void {
    const { world } = this.#deps
    if (this.#process === undefined) return
    world.trace.note(`${this.#process.name} dies: ${why}`)
    this.#process.kill()
    this.#process = undefined
    world.time.schedule(restartMs, () => this.start())
  }

  /** Dies at one of the next calls to its disk or its line. */
  crashSoon(): void {
    const chance = this.#process?.chance
    if (chance !== undefined) this.#process?.crashAt(chance.whole(1, 30), chance.pick(['before', 'after']))
  }

  goOffline(): void {
    if (!this.#line.isOnline) return
    this.#deps.world.trace.note(`${this.#name} is offline`)
    const { end, cut } = this.#line
    this.#line = { isOnline: false, cut, end }
    end()
  }

  goOnline(): void {
    if (this.#line.isOnline) return
    this.#deps.world.trace.note(`${this.#name} is online`)
    this.#line = newLine()
  }

  /** Keeps a copy of the disk first; at a later time that is what it has. */
  restoreOld(): void {
    if (this.#backup === undefined) {
      this.#backup = this.disk.copy()
      return
    }
    this.crash('its disk is put back', RESTART_MS)
    this.disk.restore(this.#backup)
    this.#backup = undefined
  }

  /** From now on nothing goes wrong with it. */
  calm(): void {
    this.#isCalm = true
    this.#process?.disarm()
    this.goOnline()
    this.start()
  }

  end(): void {
    this.#process?.kill()
    this.#process = undefined
  }

  /** One more file, or one it had before; both wait to be sent. */
  write(): void {
    const { chance, ledger, world, count } = this.#deps
    const { member } = this
    const before = this.#written.length > 0 && chance.happens(0.15) ? chance.pick(this.#written) : undefined
    const isOther = before !== undefined && chance.happens(0.2)
    count(before === undefined ? 'files' : isOther ? 'conflicts' : 'again')
    const written =
      before === undefined || isOther ? ledger.write(member.pool, this.#content()) : before.written
    const name = before?.name ?? `data-${chance.whole(1, NAMES)}`
    const sent: SentFile = { member, name, at: before?.at ?? this.#timestamp(), written }
    this.#written.push(sent)
    ledger.had(sent)
    this.disk.add(sent, world.wallMs)
  }

  #content(): Uint8Array {
    const { chance } = this.#deps
    if (this.#written.length > 0 && chance.happens(0.1)) return chance.pick(this.#written).written.content
    return chance.bytes(chance.whole(20, chance.pick([200, 200, 900, 3000])))
  }

  /** By its own clock: now, some windows ago, or a little ahead. */
  #timestamp(): number {
    const { chance, world } = this.#deps
    const { windowMs, toleranceMs } = this.member.pool.settings
    const now = world.wallMs + this.#skewMs
    const backMs = chance.happens(0.5) ? chance.between(0, 5000) : chance.between(0, 4 * windowMs)
    return Math.floor(now + (chance.happens(0.1) ? chance.between(0, toleranceMs / 2) : -backMs))
  }

  async #run(process: SimProcess): Promise<void> {
    const { world, workload, ledger, count } = this.#deps
    const { member } = this
    const line = new ProducerLine({
      member,
      process,
      workload,
      ledger,
      line: () => this.#line,
      isLossy: () => !this.#isCalm
    })
    const { clock, chance } = process
    const client = new PoolClient({
      server: 'http://edges.invalid/',
      token: 'token',
      pool: member.pool.id,
      fetch: line.fetch,
      clock,
      random: chance
    })
    const store = new MemoryQueue({
      disk: this.disk,
      process,
      member,
      ledger,
      onRefused: (code) => {
        world.trace.note(`${process.name}: a file is refused: ${code}`)
        count(`refused ${code}`)
      }
    })
    const sender = new Sender({
      store,
      client,
      limits: { filesMax: BATCH_FILES_MAX, bytesMax: BATCH_BYTES_MAX },
      onEvent: (event) => {
        if (event.type !== 'sent') return
        count('batches')
        world.trace.note(
          `${process.name}: batch ${event.batch.slice(0, 8)} is sent: ${event.files} files, ${event.duplicates} of them again`
        )
      },
      onStep: (step) => process.io(step, () => {})
    })
    const { signal } = new AbortController()
    for (;;) {
      try {
        await sender.drain({ signal, limitMs: DRAIN_MS })
      } catch (error) {
        this.#turnedAway(error)
      }
      await sleep(clock, AGAIN_MS + chance.between(0, this.#isCalm ? 500 : 4000))
    }
  }

  /** Whether the sender can have been told that; what a person would do about it is done. */
  #turnedAway(error: unknown): void {
    const { world } = this.#deps
    if (error instanceof ViolationError) throw error
    const { code, details } = asPeerbinError(error)
    world.trace.note(`${this.#name} is told ${code}`)
    if (hasCode(error, 'clock-skewed')) {
      this.#skewMs = Date.parse(String(details['server_time'])) - EPOCH_MS - world.time.nowMs
      return
    }
    const { wasTouched, pool } = this.member
    const isExpected =
      isPassing(error) ||
      hasCode(error, 'batches-full') ||
      (isTurnedAway(error) && wasTouched) ||
      (code === 'pool-archived' && pool.wasArchived)
    if (!isExpected) throw new ViolationError('batches', `${this.#name} is told ${code}: ${String(error)}`)
  }
}

function newLine(): Line & { end: () => void } {
  let end: () => void = () => {}
  const cut = new Promise<void>((resolve) => {
    end = resolve
  })
  return { isOnline: true, cut, end }
}

/** For checks. */
export const waitingOf = ({ disk, member }: Producer): string =>
  disk.waiting === 0
    ? ''
    : `${member.user.name} has ${disk.waiting} files still, the first ${[...disk.files.values()]
        .filter(({ file }) => file.refused === null)
        .slice(0, 1)
        .map(({ sent }) => identityOfSent(sent))
        .join()}`
