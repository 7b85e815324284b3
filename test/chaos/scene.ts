/** What the parts of a chaos run share. */

import type { ClientDeps } from './clients.ts'
import type { ChaosCluster } from './cluster.ts'
import type { FaultKind } from './faults.ts'
import type { History } from './history.ts'
import type { FileEntry } from './ledger.ts'
import { Dice } from './random.ts'

export type Plant =
  | 'damaged answers'
  | 'forgotten bytes'
  | 'a death'
  | 'a node that stays away'
  | 'a link that is gone'

export interface ChaosOptions {
  seed: number
  seconds: number
  nodes: number
  edges: number
  uploaders: number
  /** Only these faults; default: all that the machine allows. None: what the clients and the ledger find by themselves. */
  faults?: readonly FaultKind[]
  /** Whether data and logs are kept when something was violated; default true. */
  keep?: boolean
  /** Settings on top of the usual ones, as `section.key=value`; tests plant mistakes with them. */
  settings?: readonly string[]
  /** Mistakes of the harness's own making that its checks must find. */
  plants?: readonly Plant[]
  /** How long copies may take to be back, and deleted bytes to be gone; shorter only where it is known that they never are. */
  healTimeoutMs?: number
  goneTimeoutMs?: number
  /** Ends the run early, without a report; everything is given back. */
  signal?: AbortSignal
  log: (line: string) => void
}

/** A claimant that something kept from its last bytes has so long after it. */
const GRACE_MARGIN_MS = 25_000
const LEASE_MARGIN_MS = 120_000
const LEASE_WITHOUT_FAULTS_MS = 15_000

/** How long pauses may be: a third of the run. */
export const pauseMaxMs = (seconds: number): number =>
  Math.min(80_000, Math.max(2000, Math.round((seconds * 1000) / 3)))

/** A pause must not eat the time that a claimant has for its last bytes. */
export const graceMsOf = ({ seconds, faults }: ChaosOptions): number =>
  (faults?.length === 0 ? 0 : pauseMaxMs(seconds)) + GRACE_MARGIN_MS

/**
 * Nor the time that a claim lives: a busy machine may keep a claimant away for long. One whose end was reported in a controller's last moments, and is lost with it, is over after
 * that.
 */
export const leaseMsOf = ({ seconds, faults }: ChaosOptions): number =>
  faults?.length === 0 ? LEASE_WITHOUT_FAULTS_MS : pauseMaxMs(seconds) + LEASE_MARGIN_MS

/** The figure of the fault model. */
export const HEAL_TIMEOUT_MS = 120_000

export interface Scene {
  readonly options: ChaosOptions
  readonly cluster: ChaosCluster
  readonly history: History
  /** Every file that was uploaded, or may have been. */
  readonly files: FileEntry[]
  /** When those who asked for a file during the faults stop, in ms of performance.now(): not before all has healed. */
  giveUpAt: number
}

/** A client with chance of its own, so that one does not disturb the choices of another. */
export const clientOf = ({ options, cluster, history }: Scene, number: number): ClientDeps => ({
  urls: cluster.urls,
  dice: new Dice(options.seed * 1000 + number),
  history
})

export const pause = async (ms: number): Promise<void> => {
  await new Promise((resolve) => setTimeout(resolve, ms))
}

/** Whether it came about in time. */
export async function until(timeoutMs: number, condition: () => Promise<boolean>): Promise<boolean> {
  const deadline = performance.now() + timeoutMs
  while (!(await condition())) {
    if (performance.now() > deadline) return false
    await pause(200)
  }
  return true
}
