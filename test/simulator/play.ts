/** What users do in a schedule, and what has to be true of it in the end: one for each scenario but that of share links. */

import type { Chance } from './chance.ts'
import type { Checks } from './checks.ts'
import type { Course } from './course.ts'
import type { MetadataObserver } from './database.ts'
import { EventsPlay } from './events/events-play.ts'
import { FilesPlay } from './files/files-play.ts'
import type { Holdings, Ledger } from './ledger.ts'
import type { Plan } from './plan.ts'
import { PoolsPlay } from './pools/pools-play.ts'
import { SyncPlay } from './sync/sync-play.ts'
import type { Workload } from './workload.ts'
import type { World } from './world.ts'

export interface PlayDeps {
  readonly world: World
  readonly ledger: Ledger
  readonly plan: Plan
  readonly checks: Checks
  readonly workload: Workload
  readonly course: Course
  readonly chance: Chance
}

export interface Play {
  readonly holdings: Holdings
  /** For sums over many schedules. */
  readonly counts: Readonly<Record<string, number>>
  /** @throws ViolationError */
  readonly observe: MetadataObserver
  /** The cluster is ready: clients begin, and are followed by the workload. */
  begin(): Promise<void>
  /** Everything has healed, and the clients have gone home. @throws ViolationError */
  verify(): Promise<void>
  /** Users end all that is theirs. */
  end(): Promise<void>
}

export function playFor(deps: PlayDeps): Play | undefined {
  switch (deps.plan.scenario) {
    case 'share':
      return undefined
    case 'files':
      return new FilesPlay(deps)
    case 'events':
      return new EventsPlay(deps)
    case 'sync':
      return new SyncPlay(deps)
    case 'pools':
      return new PoolsPlay(deps)
  }
}
