/** Pools: producers that are often offline, servers that die, listeners that come and go, owners who change their minds, and what must be true of that. */

import type { CommitUpload } from '../../../src/metadata-store.ts'
import { poolOwner, poolStream } from '../../../src/pools.ts'
import type { GroupRecord, PoolId, PoolRole, PoolSettings } from '../../../src/pools.ts'
import type { StoredEvent } from '../../../src/events.ts'
import { uuidOf } from '../../../src/runtime/random.ts'
import type { Chance } from '../chance.ts'
import { makeUser } from '../files/asking.ts'
import { Commits } from '../files/commits.ts'
import type { SimUser } from '../files/users-ledger.ts'
import type { Holdings } from '../ledger.ts'
import type { Play, PlayDeps } from '../play.ts'
import { Owner } from './owner.ts'
import { PoolAudit } from './pool-audit.ts'
import { PoolListener } from './pool-listener.ts'
import { PoolsLedger, type SimMember, type SimPool } from './pools-ledger.ts'
import { Producer, waitingOf } from './producer.ts'
import { SimServer } from './server.ts'

const MADE_WITHIN_MS = 120_000
const SENT_WITHIN_MS = 400_000
const WORKED_WITHIN_MS = 600_000
const TOLD_WITHIN_MS = 120_000
const GONE_WITHIN_MS = 400_000
const AUDIT_MS = 1500
const DAY_MS = 86_400_000
const PAGE = 500

/** What goes wrong with a producer. */
const TROUBLES = { crash: 2, crashSoon: 4, offline: 5, restore: 0.5 } as const

export class PoolsPlay implements Play {
  readonly counts: Record<string, number> = {}
  readonly #deps: PlayDeps
  readonly #ledger: PoolsLedger
  readonly #commits: Commits
  readonly #audit: PoolAudit
  readonly #owners: Owner[] = []
  readonly #producers: Producer[] = []
  readonly #servers: SimServer[] = []
  readonly #listeners: PoolListener[] = []
  /** Servers, listeners and looks that go on after the clients have gone home. */
  #running = 0
  #isOver = false

  constructor(deps: PlayDeps) {
    this.#deps = deps
    this.#ledger = new PoolsLedger(() => deps.world.time.nowMs)
    this.#commits = new Commits(this.#ledger.contents, deps.checks)
    this.#audit = new PoolAudit(deps.world, this.#ledger)
  }

  get holdings(): Holdings {
    return this.#ledger
  }

  observe = (operation: string, args: readonly unknown[], answer: unknown): void => {
    this.#commits.observe(operation, args, answer)
    const [request] = args as [{ now?: unknown; fence?: unknown } | undefined]
    if (typeof request?.now === 'number') this.#ledger.storeMs = Math.max(this.#ledger.storeMs, request.now)
    if (operation === 'commitUpload') this.#ledger.stored((request as CommitUpload).sha256)
    if (operation === 'leaseGroup' && answer !== undefined) this.#ledger.leased(answer as GroupRecord)
    if (operation === 'finishGroup') this.#ledger.finished(Number(request?.fence), answer as GroupRecord)
  }

  async begin(): Promise<void> {
    const { course, plan, chance, workload } = this.#deps
    await course.along('the pools are there', MADE_WITHIN_MS, async () => {
      await Promise.all(Array.from({ length: plan.pools }, (_, i) => this.#makePool(i + 1)))
    })
    for (const owner of this.#owners) workload.follow(owner.live(plan.actsPerPerson, plan.pauseMs))
    for (const producer of this.#producers) {
      const own = chance.fork(producer.member.user.name)
      producer.start()
      workload.follow(this.#fill(producer, own))
      workload.follow(this.#trouble(producer, own.fork('trouble')))
    }
    for (const server of this.#servers) this.#go(server.live())
    for (const listener of this.#listeners) this.#go(listener.live())
    this.#go(this.#lookOn())
  }

  // ---------------------------------------------------------------- who is there

  async #makePool(number: number): Promise<void> {
    const { plan, workload } = this.#deps
    const chance = this.#deps.chance.fork(`pool-${number}`)
    const id = uuidOf(chance.bytes(16)) as PoolId
    const name = `pool-${number}`
    const settings = drawSettings(chance)
    const pool: SimPool = {
      id,
      name,
      user: { id: poolOwner(id), name, quotaBytes: undefined },
      settings,
      graces: new Set([settings.graceMs]),
      enough: new Set(settings.closeAtProducers === null ? [] : [settings.closeAtProducers]),
      demanded: new Set(),
      wasArchived: false,
      isDeleted: false
    }
    this.#ledger.pools.push(pool)
    const deps = this.#shared(chance.fork('owner'))
    const newUser = async (what: string): Promise<SimUser> =>
      await makeUser(workload, chance.fork(what), `${what}-${number}`)
    const user = await newUser('owner')
    const owner = new Owner(pool, user, deps)
    await owner.create()
    this.#owners.push(owner)
    const joined = async (what: string, role: PoolRole): Promise<SimMember> => {
      const isProgram = role === 'producer' && chance.fork(what).happens(0.3)
      const member: SimMember = {
        pool,
        user: isProgram ? await owner.admitProgram(`${what}-${number}`, role) : await newUser(what),
        role,
        isProgram,
        wasTouched: false
      }
      if (!isProgram) await owner.admit(member.user, role)
      this.#ledger.members.push(member)
      return member
    }
    for (let i = 1; i <= plan.producers; i++) {
      const member = await joined(`producer-${i}`, 'producer')
      const own = this.#shared(chance.fork(`producer-${i}`))
      const onViolation = (error: unknown): void => this.#deps.course.failed(error)
      this.#producers.push(new Producer(member, { ...own, onViolation }))
      if (i === 1) this.#listeners.push(new PoolListener(member, this.#shared(chance.fork('listener-0'))))
    }
    for (let i = 1; i <= plan.servers; i++) {
      const member = await joined(`server-${i}`, 'server')
      this.#servers.push(new SimServer(member, this.#shared(chance.fork(`server-${i}`))))
      if (i === 1) this.#listeners.push(new PoolListener(member, this.#shared(chance.fork('listener-s'))))
    }
    for (let i = 1; i <= plan.listeners; i++) {
      const member = await joined(`listener-${i}`, 'listener')
      this.#listeners.push(new PoolListener(member, this.#shared(chance.fork(`listener-${i}`))))
    }
  }

  #shared(chance: Chance) {
    const { world, workload } = this.#deps
    return { world, workload, ledger: this.#ledger, chance, count: (what: string) => this.#count(what) }
  }

  #count(what: string, by = 1): void {
    this.counts[what] = (this.counts[what] ?? 0) + by
  }

  // ---------------------------------------------------------------- what goes on

  #go(work: Promise<void>): void {
    this.#running++
    work.catch((error: unknown) => this.#deps.course.failed(error)).finally(() => this.#running--)
  }

  async #lookOn(): Promise<void> {
    while (!this.#isOver) {
      await this.#audit.look()
      await this.#deps.workload.sleep(AUDIT_MS)
    }
  }

  async #fill(producer: Producer, chance: Chance): Promise<void> {
    const { plan, workload } = this.#deps
    for (let i = 0; i < plan.actsPerPerson && !workload.isClosed; i++) {
      for (let files = chance.pick([1, 1, 2, 4]); files > 0; files--) producer.write()
      await workload.sleep(chance.between(0, 2 * plan.pauseMs))
    }
  }

  async #trouble(producer: Producer, chance: Chance): Promise<void> {
    const { plan, workload } = this.#deps
    while (!workload.isClosed) {
      await workload.sleep(chance.between(0, 2 * plan.troubleEveryMs))
      if (workload.isClosed) return
      const kind = chance.weighted(TROUBLES)
      this.#count(kind)
      if (kind === 'crash') producer.crash('killed', chance.between(100, 8000))
      else if (kind === 'crashSoon') producer.crashSoon()
      else if (kind === 'restore') producer.restoreOld()
      else {
        producer.goOffline()
        await workload.sleep(chance.between(500, chance.pick([3000, 20_000])))
        producer.goOnline()
      }
    }
  }

  // ---------------------------------------------------------------- what must be true in the end

  async verify(): Promise<void> {
    const { course, world } = this.#deps
    for (const server of this.#servers) server.calm()
    await course.along('the owners have settled everything', MADE_WITHIN_MS, async () => {
      for (const owner of this.#owners) await owner.settle()
    })
    for (const producer of this.#producers) producer.calm()
    world.trace.note('everything works from now on')
    const waiting = (): string => this.#waiting()
    await course.until('everything is sent', SENT_WITHIN_MS, async () => (await this.#notSent()) === '', {
      invariant: 'batches',
      instead: async () => waiting()
    })
    for (const producer of this.#producers) producer.end()
    if (this.#deps.chance.happens(0.8))
      await course.along('the owners close what is open', MADE_WITHIN_MS, async () => {
        for (const owner of this.#owners) await owner.closeAll()
      })
    await this.#worked()
    await course.along('everything was read', WORKED_WITHIN_MS, () => this.#readAll())
    await this.#told()
    for (const pool of this.#ledger.pools)
      await course.until(
        `nothing is left over in ${pool.name}`,
        GONE_WITHIN_MS,
        async () => (await this.#audit.leaks(pool)) === '',
        {
          invariant: 'quota',
          instead: async () => await this.#audit.leaks(pool)
        }
      )
    await this.#audit.look()
    this.#isOver = true
    for (const each of [...this.#servers, ...this.#listeners]) each.stop()
  }

  async end(): Promise<void> {
    const { course } = this.#deps
    await course.along('the pools are deleted', MADE_WITHIN_MS, async () => {
      for (const owner of this.#owners) await owner.delete()
    })
    for (const pool of this.#ledger.pools)
      await course.until(
        `nothing is left of ${pool.name}`,
        GONE_WITHIN_MS,
        async () => (await this.#audit.remains(pool)) === '',
        {
          invariant: 'deleted',
          instead: async () => await this.#audit.remains(pool)
        }
      )
    await course.until('servers and listeners have gone', TOLD_WITHIN_MS, () => this.#running === 0)
  }

  #waiting(): string {
    return this.#producers
      .map(waitingOf)
      .filter((text) => text !== '')
      .join('; ')
  }

  /** Of those who may send. */
  async #notSent(): Promise<string> {
    for (const producer of this.#producers) {
      const text = waitingOf(producer)
      if (text === '') continue
      const { pool, user } = producer.member
      const membership = await this.#deps.world.database.look((store) =>
        store.getMembership(pool.id, user.id)
      )
      if (membership?.member.role === 'producer') return text
    }
    return ''
  }

  /** Every group has its result. */
  async #worked(): Promise<void> {
    const { course } = this.#deps
    const left = async (): Promise<string> => {
      const groups: GroupRecord[] = []
      for (const pool of this.#ledger.pools) groups.push(...(await this.#audit.groupsOf(pool)))
      const undone = groups.filter(({ state }) => state !== 'done')
      if (undone.some(({ state }) => state === 'failed'))
        for (const owner of this.#owners) await owner.retryAll()
      return undone.map(({ id, state }) => `group ${id} is ${state}`).join(', ')
    }
    await course.along('every group has its result', WORKED_WITHIN_MS, async () => {
      while ((await left()) !== '') await this.#deps.workload.sleep(AUDIT_MS)
    })
    this.#count(
      'groups',
      (await Promise.all(this.#ledger.pools.map((pool) => this.#audit.groupsOf(pool)))).flat().length
    )
  }

  async #readAll(): Promise<void> {
    for (const pool of this.#ledger.pools) {
      const groups = await this.#audit.groupsOf(pool)
      for (const server of this.#servers)
        if (server.member.pool === pool && (await this.#isServer(server))) {
          await server.readAll(groups)
          break
        }
    }
  }

  async #isServer({ member: { pool, user } }: SimServer): Promise<boolean> {
    const found = await this.#deps.world.database.look((store) => store.getMembership(pool.id, user.id))
    return found?.member.role === 'server'
  }

  /** Whoever is in the pool in the end was told everything since they joined. */
  async #told(): Promise<void> {
    const { course, world } = this.#deps
    for (const listener of this.#listeners) {
      const { pool, user } = listener.member
      const look = async (): Promise<string> => {
        const membership = await world.database.look((store) => store.getMembership(pool.id, user.id))
        if (membership?.member.role !== listener.member.role) return ''
        const events = await world.database.look((store) => listAll(store, pool))
        const joined = events.findLast(({ type, subject }) => type === 'member.joined' && subject === user.id)
        const missed = events.filter(
          (event) =>
            event.number >= (joined?.number ?? 0) && listener.sees(event) && !listener.heard.has(event.number)
        )
        const [first] = missed
        return first === undefined
          ? ''
          : `${user.name} was not told ${first.number} (${first.type}), and ${missed.length - 1} more`
      }
      await course.until(
        `${user.name} was told everything`,
        TOLD_WITHIN_MS,
        async () => (await look()) === '',
        {
          invariant: 'events',
          instead: look
        }
      )
    }
  }
}

async function listAll(
  store: {
    listEvents: (request: {
      stream: StoredEvent['stream']
      after: number
      limit: number
    }) => Promise<{ events: StoredEvent[] }>
  },
  pool: SimPool
): Promise<StoredEvent[]> {
  const events: StoredEvent[] = []
  for (;;) {
    const page = await store.listEvents({
      stream: poolStream(pool.id),
      after: events.at(-1)?.number ?? 0,
      limit: PAGE
    })
    events.push(...page.events)
    if (page.events.length < PAGE) return events
  }
}

function drawSettings(chance: Chance): PoolSettings {
  return {
    frequencyMs: 60_000,
    windowMs: chance.pick([60_000, 60_000, 60_000, 90_000]),
    graceMs: chance.whole(0, 10_000),
    toleranceMs: chance.pick([5000, 20_000, 60_000]),
    maxAgeMs: chance.pick([DAY_MS, DAY_MS, 300_000]),
    closeAtProducers: chance.pick([null, null, 2]),
    leaseMs: chance.pick([5000, 8000]),
    attemptsMax: chance.pick([2, 3, 5]),
    filesTtlMs: chance.pick([7 * DAY_MS, 7 * DAY_MS, 60_000]),
    resultTtlMs: chance.pick([30 * DAY_MS, 30 * DAY_MS, 60_000])
  }
}
