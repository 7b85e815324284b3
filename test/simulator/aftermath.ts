/** What follows on the faults: everything heals, every file is asked for, and in the end every byte must go. */

import { PeerbinError } from '../../src/errors.ts'
import { Checks } from './checks.ts'
import type { ControllerLoss } from './controller-loss.ts'
import type { Course } from './course.ts'
import type { Destruction } from './destruction.ts'
import type { Faults } from './faults.ts'
import { isSpent, type Ledger } from './ledger.ts'
import type { OperatorActs } from './operator-acts.ts'
import type { Operator } from './operator.ts'
import { AWAY_MS, CLEAN_WITHIN_MS, FOUND_WITHIN_MS, GONE_WITHIN_MS } from './settings.ts'
import type { Play } from './play.ts'
import type { Workload } from './workload.ts'
import type { World } from './world.ts'

export interface AftermathDeps {
  readonly world: World
  readonly ledger: Ledger
  readonly destruction: Destruction
  readonly checks: Checks
  readonly workload: Workload
  readonly faults: Faults
  readonly operator: Operator
  readonly acts: OperatorActs
  readonly loss: ControllerLoss
  readonly course: Course
  readonly play: Play | undefined
  /** Whether every byte must be gone in the end. */
  readonly strict: boolean
  /** Whether full replication is awaited and checked. */
  readonly clean: boolean
  /** Nothing is fetched, nor ended. */
  readonly isLean: boolean
}

/** Clients that are under way when everything has healed end within so long. */
const CLIENTS_END_WITHIN_MS = 1_000_000
/** Chunks that lack copies, looked at at once. */
const OWED_MAX = 100
/** A node is empty, or forgotten, within so long, beside what repair takes: everybody has heard of it, and uploads of before have ended. */
const ACTS_END_WITHIN_MS = 300_000

export class Aftermath {
  readonly #deps: AftermathDeps

  constructor(deps: AftermathDeps) {
    this.#deps = deps
  }

  /** @returns chunks left on disks */
  async run(): Promise<number> {
    await this.#heal()
    if (!this.#deps.isLean) await this.#deliver()
    await this.#deps.play?.verify()
    return this.#deps.isLean ? 0 : await this.#clearAway()
  }

  /** Invariant F. */
  async #heal(): Promise<void> {
    const { world, faults, workload, destruction, operator, acts, loss, checks, course, clean } = this.#deps
    faults.heal()
    world.trace.note('everything heals')
    workload.close()
    await this.#clientsEnd('clients under way have ended')
    await loss.settle()
    if (clean && destruction.damaged.size > 0) {
      // rot is found when somebody reads: else by the node's own scrub, which takes its time
      const scrub = () => operator.untilHeard(() => this.#scrubAll())
      await course.along('every node reads everything', CLEAN_WITHIN_MS, scrub)
    }
    await course.until('the operator has done what was begun', ACTS_END_WITHIN_MS, () => acts.running === 0, {
      invariant: 'F',
      instead: async () => acts.unfinished
    })
    await operator.leave()
    if (!clean) return
    const instead = (): Promise<string> => this.#owed()
    const isClean = async (): Promise<boolean> => (await instead()) === ''
    const limitMs = CLEAN_WITHIN_MS + AWAY_MS
    await course.until('everything is clean again', limitMs, isClean, { invariant: 'F', instead })
    checks.healed()
    checks.recorded(await world.database.look((store) => store.listOwed(64, undefined, 10_000)))
  }

  /** @throws `peer-unreachable` when a node that stays was not told */
  async #scrubAll(): Promise<void> {
    const { world, operator } = this.#deps
    const { nodes } = await operator.ask('scrub', { start: true })
    const told = new Set(nodes.filter(({ report }) => report !== null).map(({ peer }) => peer))
    if (world.staying.some(({ peer }) => !told.has(peer))) throw new PeerbinError('peer-unreachable')
  }

  /** What keeps the cluster from being clean; empty: nothing does. */
  async #owed(): Promise<string> {
    const { world, checks } = this.#deps
    if (!world.isReady) return 'the members do not all see each other'
    const wanted = Math.min(Checks.wanted, world.staying.length)
    const owed = await world.database.look((store) => store.listOwed(wanted, undefined, OWED_MAX))
    const words = owed.flatMap(({ chunk, copies }) => {
      if (copies.length === 0 && checks.mayBeGone(chunk)) return []
      const names = copies.map(({ peer }) => world.machineOf(peer)?.name)
      return `${chunk.slice(-8)} is recorded on ${names.join()}`
    })
    return [...words, ...checks.lacking()].join('; ')
  }

  /** Invariant A, by asking. */
  async #deliver(): Promise<void> {
    const { world, ledger, workload, loss, checks } = this.#deps
    await loss.tryUsed()
    const waiting = ledger.live(world.time.nowMs).filter((file) => !file.suspended)
    for (const file of waiting) workload.follow(workload.fetchInTheEnd(file))
    await this.#clientsEnd('the last clients have ended')
    for (const file of waiting) checks.delivered(file)
  }

  /** Every link is ended, and everything must go. */
  async #clearAway(): Promise<number> {
    const { ledger, workload, checks, course, strict, play } = this.#deps
    await play?.end()
    const left = ledger.acknowledged.filter(
      (file) => file.revoked !== 'yes' && (file.suspended || !isSpent(file))
    )
    for (const file of left) workload.follow(workload.revoke(file, 20))
    // and those of uploads that nobody was told the outcome of: in the end they would expire
    const known = new Set(ledger.acknowledged.map(({ share }) => share?.tokenHash))
    for (const [tokenHash, deleteHash] of checks.links) {
      if (known.has(tokenHash)) continue
      workload.follow(workload.withdraw(tokenHash, deleteHash, 20).then(() => undefined))
    }
    await this.#clientsEnd('every link is revoked')
    await course.pass(20_000)
    checks.quiet()
    const instead = (): Promise<string> => this.#references()
    const isFree = async (): Promise<boolean> => (await instead()) === ''
    await course.until('nothing refers to anything any more', GONE_WITHIN_MS * 2, isFree, {
      invariant: 'deleted',
      instead
    })
    const isEmpty = (): boolean => checks.leftovers() === 0
    if (strict) await course.until('every disk is empty', FOUND_WITHIN_MS, isEmpty, { invariant: null })
    checks.gone(strict)
    return checks.leftovers()
  }

  /** What keeps data from going; empty: nothing does. Orders for machines that are lost wait until somebody retires these. */
  async #references(): Promise<string> {
    const { world } = this.#deps
    const { files, uploadsOpen, peers } = await world.database.look(async (store) => ({
      ...(await store.stats(3)),
      peers: await store.listOrderPeers()
    }))
    const waiting = peers.map((peer) => world.machineOf(peer)).filter((machine) => machine?.isLost !== true)
    if (files === 0 && uploadsOpen === 0 && waiting.length === 0) return ''
    return `${files} files, ${uploadsOpen} uploads, orders for ${waiting.map((machine) => machine?.name).join()}`
  }

  async #clientsEnd(what: string): Promise<void> {
    const { course, workload } = this.#deps
    await course.until(what, CLIENTS_END_WITHIN_MS, () => workload.running === 0)
  }
}
