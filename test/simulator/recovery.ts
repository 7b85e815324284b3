/** The machine of the controller is lost with all its metadata, and another one makes it anew from what the nodes keep: production's recovery. */

import { removeDraft } from '../../src/compose/controller-folder.ts'
import { RECOVERY_PLAN } from '../../src/compose/recover.ts'
import { runRecovery } from '../../src/compose/recovery-run.ts'
import type { DraftAccess, RecoveryPlan } from '../../src/compose/recovery-run.ts'
import type { Peer } from '../../src/compose/peer.ts'
import type { RecoveryReport } from '../../src/controller/recovery/report.ts'
import type { SnapshotPieces } from '../../src/controller/recovery/snapshot-pieces.ts'
import type { Database } from './database.ts'
import type { Machine } from './machine.ts'
import type { SimProcess } from './sim-process.ts'
import type { VirtualTime } from './virtual-time.ts'

export interface Loss {
  readonly lost: Machine
  /** The machine that is to take over. */
  readonly heir: Machine
  readonly atMs: number
  /** How far off the clock of the lost machine was. */
  readonly skewMs: number
}

export interface Recovered {
  readonly loss: Loss
  readonly report: RecoveryReport
  readonly attempts: number
}

export class Recovery {
  readonly #time: VirtualTime
  #loss: Loss | undefined
  #attempts = 0
  #isReady = false
  #recovered: Recovered | undefined
  /** Stands between the plan and what is done. */
  readonly #decorate: (plan: RecoveryPlan) => RecoveryPlan

  constructor(time: VirtualTime, decorate: (plan: RecoveryPlan) => RecoveryPlan = (plan) => plan) {
    this.#time = time
    this.#decorate = decorate
  }

  /** Whether there is no metadata now. */
  get isDue(): boolean {
    return this.#loss !== undefined && this.#recovered === undefined
  }

  get loss(): Loss | undefined {
    return this.#loss
  }

  get recovered(): Recovered | undefined {
    return this.#recovered
  }

  /** For a person. */
  get summary(): string {
    if (this.#recovered === undefined) return 'not yet'
    const { nodes, absentNodes, from, found, links, holds } = this.#recovered.report
    const { adopted, incomplete, expired, unreadable } = found
    return JSON.stringify({
      attempts: this.#recovered.attempts,
      nodes: nodes.length,
      absent: absentNodes.length,
      from,
      adopted,
      incomplete,
      expired,
      unreadable,
      ...links,
      ...holds
    })
  }

  lose(loss: Loss): void {
    this.#loss = loss
  }

  /** From now on the heir may try; it goes on trying until it succeeds. */
  begin(): void {
    this.#isReady = true
  }

  /** Whether a controller may start on this machine: only one that has metadata, or is to make it. */
  admits(machine: Machine): boolean {
    return !this.isDue || (this.#isReady && machine === this.#loss?.heir)
  }

  /**
   * One attempt, of a process that can die in it.
   * @param draft where the metadata comes to be: not there yet
   * @throws `recovery-refused` and whatever production throws
   */
  async run(peer: Peer, draft: Database, process: SimProcess): Promise<void> {
    const loss = this.#loss
    if (loss === undefined) throw new Error('nothing was lost')
    this.#attempts++
    const plan = this.#decorate(RECOVERY_PLAN)
    const held: RecoveryPlan = {
      ...plan,
      draft: (file, found, pieces, logger) => {
        return this.#time.holding(() => plan.draft(file, found, this.#released(pieces, process), logger))
      }
    }
    const drafts: DraftAccess = {
      storeOf: () => draft.connect(process),
      remove: (file) => this.#time.holding(() => removeDraft(file))
    }
    const report = await runRecovery(peer, draft.file, { drafts }, held)
    this.#recovered = { loss, report, attempts: this.#attempts }
  }

  /** Files are written while no time passes; pieces come over the network, which takes some. */
  #released(pieces: SnapshotPieces, process: SimProcess): SnapshotPieces {
    const time = this.#time
    const release = async function* (stream: AsyncGenerator<Uint8Array, void, undefined>) {
      try {
        for (;;) {
          const step = await time.releasing(
            () => stream.next(),
            () => process.alive
          )
          if (step.done === true) return
          yield step.value
        }
      } finally {
        await stream.return()
      }
    }
    return new Proxy(pieces, {
      get: (target, name) => {
        if (name === 'base')
          return (...args: Parameters<SnapshotPieces['base']>) => release(target.base(...args))
        if (name === 'changes')
          return (...args: Parameters<SnapshotPieces['changes']>) => release(target.changes(...args))
        const value: unknown = Reflect.get(target, name, target)
        return typeof value === 'function' ? (value.bind(target) as unknown) : value
      }
    })
  }
}
