/**
 * The rules of redemption as pure functions: what a claim is worth at a moment, and what a report of progress makes of it. Both stores decide with
 * them; docs/share-links.md says why they are so.
 */

import { CLAIM_RANGES_MAX } from '../protocol/limits.ts'
import { PeerbinError } from '../errors.ts'
import { isPassword } from '../protocol/password.ts'
import { sameHash } from '../protocol/secrets.ts'
import type { Claim, ClaimProgress, ClaimRequest, HeldClaim, SentClaim } from '../metadata-store.ts'
import type { ByteRange, ClaimRecord, LinkRecord, PasswordRecord, SecretHash } from '../types.ts'

/** Why a claim or a link serves nobody. */
export type Refusal = Exclude<HeldClaim['outcome'], 'claimed'>

/** Ids of reports remembered for one claim: a report is repeated before the next is sent, so a few for each of its connections do. */
export const REPORTS_REMEMBERED_MAX = 32

/** What is stored of a claim: the record, and the newest last of the reports that were counted. */
export interface StoredClaim extends ClaimRecord {
  reports: string[]
}

/** Why a stranger gets no slot of this link; undefined when one is free. */
export function refusalOf(
  link: LinkRecord,
  now: number
): Exclude<Refusal, 'unknown' | 'released'> | undefined {
  if (link.state === 'revoked' || link.state === 'suspended' || link.state === 'expired') return link.state
  if (link.state === 'consumed' || link.claimed >= link.downloads) return 'used'
  return link.expiresAt <= now ? 'expired' : undefined
}

/** What a link asks of whoever claims it. */
export interface Locks {
  password: PasswordRecord | null
  proofHash: SecretHash | null
}

/**
 * What keeps a stranger from a slot that is free; undefined when nothing does. The proof comes first: it costs nothing, and whoever has none is not to cost the time that a
 * password takes.
 */
export const lockRefusal = (
  locks: Locks,
  request: Pick<ClaimRequest, 'shown' | 'proofHash'>
): Claim | undefined =>
  proofRefusal(locks.proofHash, request.proofHash) ?? passwordRefusal(locks.password, request.shown)

function proofRefusal(proofHash: SecretHash | null, shown: SecretHash | undefined): Claim | undefined {
  if (proofHash === null) return undefined
  if (shown === undefined) return { outcome: 'proof-required' }
  return sameHash(proofHash, shown) ? undefined : { outcome: 'proof-wrong' }
}

function passwordRefusal(password: PasswordRecord | null, shown: SecretHash | undefined): Claim | undefined {
  if (password === null) return undefined
  if (shown === undefined) return { outcome: 'password-required', password }
  return isPassword(password, shown) ? undefined : { outcome: 'password-wrong' }
}

/** What a claim that was made answers now: it is served while its lease or grace runs and the link was not withdrawn. */
export function standingOf(link: LinkRecord, claim: ClaimRecord, now: number): 'claimed' | Refusal {
  if (claim.state === 'released') return 'released'
  if (link.state === 'revoked' || link.state === 'suspended') return link.state
  // a settled link has let go of its bytes: not even a clock that ran backwards brings a claim back
  return link.state === 'live' && claim.leaseUntil > now ? 'claimed' : 'used'
}

/** What a report makes of a claim; undefined when it changes nothing: it was counted before, or the claim was taken back. Positions are those of the payload. */
export function afterReport(
  claim: StoredClaim,
  payloadBytes: number,
  report: ClaimProgress
): StoredClaim | undefined {
  if (claim.state === 'released' || claim.reports.includes(report.reportId)) return undefined
  const next: StoredClaim = {
    ...claim,
    bytesSent: claim.bytesSent + report.bytesSent,
    covered: mergeRanges([...claim.covered, ...report.ranges], payloadBytes),
    reports: [...claim.reports, report.reportId].slice(-REPORTS_REMEMBERED_MAX)
  }
  // a consumed claim has a fixed end, and one whose lease ran out is not brought back by a report that came late
  if (claim.state === 'consumed') return next
  if (claim.leaseUntil <= report.now) return { ...next, ...leaseEnded(claim) }
  if (coversAll(next.covered, payloadBytes)) {
    return { ...next, state: 'consumed', consumedAt: report.now, leaseUntil: report.now + report.graceMs }
  }
  const leaseUntil = Math.min(report.now + report.leaseMs, claim.claimedAt + report.leaseMaxMs)
  return { ...next, leaseUntil: Math.max(claim.leaseUntil, leaseUntil) }
}

/** A lease that ran out counts as spent from its end on, whenever that is noticed. */
export const leaseEnded = (claim: ClaimRecord): Pick<ClaimRecord, 'state' | 'consumedAt'> => ({
  state: 'consumed',
  consumedAt: claim.consumedAt ?? claim.leaseUntil
})

/** Whether the slot may be given back: nothing was ever reported sent. */
export const isReleasable = (claim: ClaimRecord): boolean =>
  claim.state === 'claimed' && claim.bytesSent === 0 && claim.covered.length === 0

/** A claim that was given back before it was made: it holds no slot, and never will. */
export const neverMade = (key: Pick<StoredClaim, 'tokenHash' | 'claimHash'>): StoredClaim => ({
  claimHash: key.claimHash,
  tokenHash: key.tokenHash,
  state: 'released',
  claimedAt: 0,
  leaseUntil: 0,
  bytesSent: 0,
  covered: [],
  consumedAt: null,
  reports: []
})

/** One range over the whole payload, and nothing less: all but one byte is not all. */
const coversAll = (covered: readonly ByteRange[], payloadBytes: number): boolean =>
  covered[0]?.start === 0 && covered[0].end >= payloadBytes

/**
 * Ranges within [0, limit) in order, those that touch made one. Beyond CLAIM_RANGES_MAX the shortest are forgotten: coverage is then counted too low,
 * and the claim ends with its lease instead.
 */
export function mergeRanges(ranges: readonly ByteRange[], limit: number): ByteRange[] {
  const merged: ByteRange[] = []
  const cut = ranges.map(({ start, end }) => ({ start: Math.max(0, start), end: Math.min(limit, end) }))
  for (const range of cut.filter(({ start, end }) => start < end).toSorted((a, b) => a.start - b.start)) {
    const last = merged.at(-1)
    if (last !== undefined && range.start <= last.end) last.end = Math.max(last.end, range.end)
    else merged.push({ ...range })
  }
  if (merged.length <= CLAIM_RANGES_MAX) return merged
  const longest = merged.toSorted((a, b) => b.end - b.start - (a.end - a.start) || a.start - b.start)
  return longest.slice(0, CLAIM_RANGES_MAX).toSorted((a, b) => a.start - b.start)
}

/** What the sender of a link sees of a claim. */
export const sentClaimOf = (claim: ClaimRecord): SentClaim => ({
  claimHash: claim.claimHash,
  state: claim.state,
  claimedAt: claim.claimedAt,
  leaseUntil: claim.leaseUntil,
  bytesSent: claim.bytesSent,
  coveredBytes: claim.covered.reduce((sum, { start, end }) => sum + end - start, 0),
  consumedAt: claim.consumedAt
})

/** Why a link may not be given a longer life; undefined when it may. */
export function extensionRefusal(link: LinkRecord, now: number): PeerbinError | undefined {
  const why = refusalOf(link, now)
  return why === undefined ? undefined : new PeerbinError(`link-${why}`)
}

/** A life that ends beyond what any link may have, counted from when it was made: a link cannot be kept for ever by extending it. */
export function checkExtension(link: LinkRecord, expiresAt: number, ttlMaxMs: number): void {
  if (expiresAt - link.createdAt <= ttlMaxMs) return
  const latest = new Date(link.createdAt + ttlMaxMs).toISOString()
  throw new PeerbinError('invalid-field', `expiresAt: this link can live until ${latest} at most`, {
    details: { field: 'expiresAt' }
  })
}

/** The record without what only the store needs. */
export const claimRecordOf = ({ reports: _reports, ...claim }: StoredClaim): ClaimRecord =>
  structuredClone(claim)
