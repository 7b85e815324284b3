/**
 * What docs/share-links.md says of links and claims, written down once more and as simply as it goes: bytes are numbers in a set, and a claim is four facts. Stores and the
 * controller's service are held to it by claim-commands.ts.
 */

/** The file behind each link has so many bytes. */
export const FILE_BYTES = 20
export const BUDGET_FACTOR = 3
/** Connections a claim may have; each allows half a file more. */
export const CONNECTIONS = 2

/** A lease that is prolonged once is near its limit, so that the limit is met. */
export const TIMES: ModelTimes = { leaseMs: 1000, leaseMaxMs: 1500, graceMs: 500 }

export interface ModelTimes {
  leaseMs: number
  leaseMaxMs: number
  graceMs: number
}

export interface ModelClaim {
  madeAt: number
  /** Served before this moment: the end of its lease or of its grace. */
  until: number
  /** When it counted as a download; undefined while its lease runs. */
  consumedAt: number | undefined
  /** Given back: it never serves anybody, and takes no slot. */
  released: boolean
  sentBytes: number
  covered: Set<number>
  reports: Set<string>
}

/** What somebody is told who asks for a link. */
const TOLD = ['claimed', 'used', 'expired', 'revoked', 'released', 'over budget'] as const
export type Told = (typeof TOLD)[number]

/** @throws when it is an answer that no link of the model gives */
export function toldOf(outcome: string): Told {
  const told = TOLD.find((each) => each === outcome)
  if (told === undefined) throw new Error(outcome)
  return told
}

export class ModelLink {
  readonly downloads: number
  readonly expiresAt: number
  readonly times: ModelTimes
  readonly claims = new Map<string, ModelClaim>()
  /** How it ended, once that was noted. */
  ended: 'consumed' | 'expired' | 'revoked' | undefined

  constructor(downloads: number, expiresAt: number, times: ModelTimes = TIMES) {
    this.downloads = downloads
    this.expiresAt = expiresAt
    this.times = times
  }

  get slotsTaken(): number {
    return [...this.claims.values()].filter(({ released }) => !released).length
  }

  /** Somebody with a secret asks, and takes a slot if `takes` and one is free. */
  ask(secret: string, now: number, takes: boolean): Told {
    const claim = this.claims.get(secret)
    if (claim !== undefined) return this.#served(claim, now)
    if (this.ended === 'revoked' || this.ended === 'expired') return this.ended
    if (this.ended === 'consumed' || this.slotsTaken >= this.downloads) return 'used'
    if (now >= this.expiresAt) return 'expired'
    if (!takes) return 'used' // finding a claim makes none
    const until = now + this.times.leaseMs
    this.claims.set(secret, {
      madeAt: now,
      until,
      consumedAt: undefined,
      released: false,
      sentBytes: 0,
      covered: new Set(),
      reports: new Set()
    })
    return 'claimed'
  }

  #served(claim: ModelClaim, now: number): Told {
    if (claim.released) return 'released'
    if (this.ended === 'revoked') return 'revoked'
    return this.ended === undefined && now < claim.until ? 'claimed' : 'used'
  }

  /** An edge says what was handed to a socket. */
  report(secret: string, report: { id: string; bytes: number; ranges: number[] }, now: number): void {
    const claim = this.claims.get(secret)
    if (claim === undefined || claim.released || claim.reports.has(report.id)) return
    claim.reports.add(report.id)
    claim.sentBytes += report.bytes
    for (const byte of report.ranges) if (byte < FILE_BYTES) claim.covered.add(byte)
    if (claim.consumedAt !== undefined) return
    if (now >= claim.until) claim.consumedAt = claim.until
    else if (claim.covered.size === FILE_BYTES) {
      claim.consumedAt = now
      claim.until = now + this.times.graceMs
    } else {
      const prolonged = Math.min(now + this.times.leaseMs, claim.madeAt + this.times.leaseMaxMs)
      claim.until = Math.max(claim.until, prolonged)
    }
  }

  /**
   * The slot is given back: only when nothing was sent. `either` after the lease, as long as nobody has noted its end: nothing was sent, so nobody has anything, and
   * both answers leave at most so many recipients as downloads.
   */
  mayRelease(secret: string, now: number): boolean | 'either' {
    const claim = this.claims.get(secret)
    if (claim === undefined || claim.released) return true
    if (claim.consumedAt !== undefined || claim.sentBytes > 0 || claim.covered.size > 0) return false
    return now < claim.until ? true : 'either'
  }

  /** A claim that never came is dead before it comes. */
  release(secret: string): void {
    const claim = this.claims.get(secret)
    if (claim !== undefined) claim.released = true
    else
      this.claims.set(secret, {
        madeAt: 0,
        until: 0,
        consumedAt: undefined,
        released: true,
        sentBytes: 0,
        covered: new Set(),
        reports: new Set()
      })
  }

  /** Whoever runs has no right to more from now on; what has ended stays as it ended. */
  revoke(now: number): void {
    if (this.ended !== undefined) return
    this.ended = 'revoked'
    for (const claim of this.claims.values()) {
      if (claim.released) continue
      claim.until = Math.min(claim.until, now)
      claim.consumedAt ??= claim.until
    }
  }

  /** Notes what is over. */
  settle(now: number): void {
    const claims = [...this.claims.values()].filter(({ released }) => !released)
    for (const claim of claims) if (now >= claim.until) claim.consumedAt ??= claim.until
    if (this.ended !== undefined || claims.some(({ until }) => now < until)) return
    if (claims.length >= this.downloads) this.ended = 'consumed'
    else if (now >= this.expiresAt) this.ended = 'expired'
  }
}
