/** A schedule in which the controller's machine is lost for good: what comes before and after its recovery, and what the operator does. */

import type { SecretHash } from '../../src/types.ts'
import type { Chance } from './chance.ts'
import type { Checks } from './checks.ts'
import type { Course } from './course.ts'
import type { Destruction } from './destruction.ts'
import type { Faults } from './faults.ts'
import type { Ledger, SimFile } from './ledger.ts'
import type { Machine } from './machine.ts'
import type { Operator } from './operator.ts'
import type { Workload } from './workload.ts'
import type { World } from './world.ts'

/** With the time in which a recovery is refused because the old controller was heard a moment ago, and with attempts that die. */
const RECOVERED_WITHIN_MS = 300_000
/** A recovery takes some seconds beside the time in which it looks for nodes. */
const RECOVERY_MS = 60_000
const PAGE = 256

export interface ControllerLossDeps {
  readonly world: World
  readonly ledger: Ledger
  readonly destruction: Destruction
  readonly checks: Checks
  readonly workload: Workload
  readonly faults: Faults
  readonly operator: Operator
  readonly chance: Chance
  readonly course: Course
  readonly absentShare: number
  readonly strikeFor: (ms: number) => Promise<void>
}

export class ControllerLoss {
  readonly #deps: ControllerLossDeps

  constructor(deps: ControllerLossDeps) {
    this.#deps = deps
  }

  /**
   * Faults, also while nobody leads; then the operator sees to it that all nodes but one at most can be reached, as docs/recovery.md tells, and has another machine take over,
   * which may be killed in the middle. More faults come when it leads.
   */
  async run(faultsMs: number): Promise<void> {
    const { world, ledger, faults, checks, chance, course, strikeFor } = this.#deps
    await strikeFor(faultsMs * 0.8)
    const heir = world.loseController()
    ledger.metadataLost()
    await strikeFor(chance.between(5000, 40_000))
    faults.heal()
    const absent = this.#absentNode()
    if (absent !== undefined)
      world.kill(absent, 'it is not there when the controller is recovered', { silent: true })
    world.recovery.begin()
    world.start(heir)
    const isOver = (): boolean => !world.recovery.isDue
    if (chance.happens(0.5)) await this.#interrupt(heir, isOver)
    await course.until('the controller is recovered', RECOVERED_WITHIN_MS, isOver)
    if (world.recovery.recovered !== undefined) await checks.recovered(world.recovery.recovered)
    if (absent !== undefined) world.start(absent)
    await strikeFor(faultsMs / 4)
  }

  /** One that may be away without harm: not when something was lost already. */
  #absentNode(): Machine | undefined {
    const { world, destruction, chance } = this.#deps
    if (chance.happens(1 - this.#deps.absentShare) || world.nodes.length < world.of('node').length)
      return undefined
    return chance.pick(destruction.damaged.size > 0 ? [...destruction.damaged] : world.nodes)
  }

  /** The recovery dies at some moment, and is run again. */
  async #interrupt(heir: Machine, isOver: () => boolean): Promise<void> {
    const { world, chance, course } = this.#deps
    await course.pass(chance.between(0, RECOVERY_MS))
    if (isOver()) return
    if (chance.happens(0.7)) {
      heir.process?.crashAt(chance.whole(1, 60), chance.pick(['before', 'after']))
      return
    }
    world.kill(heir, 'killed while it recovers')
    world.startLater(heir)
  }

  /** What the operator does when everything has healed: deleting goes on, and links that nobody was granted serve again. */
  async settle(): Promise<void> {
    const { world, operator, course } = this.#deps
    if (world.recovery.recovered === undefined) return
    await course.along(
      'deleting goes on, and links that were suspended serve again',
      RECOVERED_WITHIN_MS,
      () =>
        operator.untilHeard(async () => {
          await operator.ask('collector', { action: 'resume' })
          await this.#resumeLinks()
        })
    )
  }

  async #resumeLinks(): Promise<void> {
    const { ledger, operator } = this.#deps
    const suspended = new Set<SecretHash>()
    for (let after: SecretHash | undefined; ;) {
      const { links } = await operator.ask('listSuspended', {
        limit: PAGE,
        ...(after !== undefined && { after })
      })
      for (const { tokenHash } of links) suspended.add(tokenHash)
      after = links.at(-1)?.tokenHash
      if (links.length < PAGE) break
    }
    const resumed: SecretHash[] = []
    for (const file of ledger.acknowledged) {
      const { share } = file
      if (share === undefined || !suspended.has(share.tokenHash)) continue
      file.suspended = file.claimants.some(({ granted }) => granted) || file.revoked !== 'no'
      if (!file.suspended) resumed.push(share.tokenHash)
    }
    if (resumed.length > 0) await operator.ask('resumeLinks', { tokenHashes: resumed })
  }

  /** Links that were used up or withdrawn are tried once more. */
  async tryUsed(): Promise<void> {
    const { world, ledger, workload, course } = this.#deps
    if (world.recovery.recovered === undefined) return
    const used = ledger.acknowledged.filter((file) => isOver(file))
    for (const file of used) workload.follow(workload.tryUsed(file))
    await course.until('used links were tried again', RECOVERED_WITHIN_MS, () => workload.running === 0)
  }
}

const isOver = (file: SimFile): boolean =>
  file.revoked === 'yes' || file.claimants.filter(({ granted }) => granted).length >= file.downloads
