/** What each claim has going on this edge: connections, and how much of its bytes is spent. */

import type { Config } from '../../config.ts'
import { PeerbinError } from '../../errors.ts'
import { claimBudget } from '../../protocol/claim-budget.ts'
import { deliveredBytesMax } from '../../protocol/payload.ts'
import type { ClaimRecord, SecretHash } from '../../types.ts'

interface Entry {
  /** Oldest first. */
  readonly connections: Set<ClaimShare>
  /** Bytes sent in all, as far as this edge knows. */
  spentBytes: number
  /** Of those, what the controller has not been told yet. */
  unreportedBytes: number
}

/** One connection's part in a claim. */
export interface ClaimShare {
  /** Which connection of the claim on this edge it is, from 1. */
  readonly attempt: number
  /** The claim has an older connection here: this one is extra, and what it waits for goes to others first. */
  isFurther(): boolean
  /** Takes up to so many bytes from the claim's budget before they are sent; says how many, 0 when it is spent. */
  spend(bytes: number): number
  /** The controller has been told of so many bytes, and answered with what it knows. */
  reported(bytes: number, claim: ClaimRecord | null): void
  leave(): void
}

/** Claims whose connections are counted; of more, those that came first are counted anew. */
const COUNTED_MAX = 10_000

/** When another download of the same claim may have ended. */
const CONNECTION_RETRY_MS = 1000

export class ClaimTable {
  readonly #entries = new Map<SecretHash, Entry>()
  /** Connections so far, also of claims without any now. */
  readonly #attempts = new Map<SecretHash, number>()
  readonly #limits: Pick<Config['link'], 'connectionsMax' | 'budgetFactor'>

  constructor(limits: Pick<Config['link'], 'connectionsMax' | 'budgetFactor'>) {
    this.#limits = limits
  }

  /** Claims with a download under way here. */
  get size(): number {
    return this.#entries.size
  }

  /** @throws `claim-too-many-connections`, `claim-over-budget` */
  enter(claim: ClaimRecord, file: Parameters<typeof deliveredBytesMax>[0]): ClaimShare {
    const budgetBytes = claimBudget(deliveredBytesMax(file), this.#limits)
    const entry = this.#entries.get(claim.claimHash) ?? {
      connections: new Set(),
      spentBytes: 0,
      unreportedBytes: 0
    }
    if (entry.connections.size >= this.#limits.connectionsMax)
      throw new PeerbinError('claim-too-many-connections', '', { retryAfterMs: CONNECTION_RETRY_MS })
    learn(entry, claim)
    if (entry.spentBytes >= budgetBytes) throw new PeerbinError('claim-over-budget')
    this.#entries.set(claim.claimHash, entry)
    const share: ClaimShare = {
      attempt: this.#count(claim.claimHash),
      isFurther: () => {
        const [oldest] = entry.connections
        return oldest !== share
      },
      spend: (bytes) => {
        const granted = Math.max(0, Math.min(bytes, budgetBytes - entry.spentBytes))
        entry.spentBytes += granted
        entry.unreportedBytes += granted
        return granted
      },
      reported: (bytes, answer) => {
        entry.unreportedBytes -= bytes
        if (answer !== null) learn(entry, answer)
      },
      leave: () => {
        if (entry.connections.delete(share) && entry.connections.size === 0)
          this.#entries.delete(claim.claimHash)
      }
    }
    entry.connections.add(share)
    return share
  }

  #count(claim: SecretHash): number {
    const attempt = (this.#attempts.get(claim) ?? 0) + 1
    this.#attempts.set(claim, attempt)
    const oldest = this.#attempts.keys().next()
    if (this.#attempts.size > COUNTED_MAX && oldest.done !== true) this.#attempts.delete(oldest.value)
    return attempt
  }
}

/** Other edges may have sent more than this one knew. */
function learn(entry: Entry, claim: ClaimRecord): void {
  entry.spentBytes = Math.max(entry.spentBytes, claim.bytesSent + entry.unreportedBytes)
}
