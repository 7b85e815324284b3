import { PeerbinError } from '../../errors.ts'
import { payloadBytesOf } from '../../protocol/payload.ts'
import { sameHash } from '../../protocol/secrets.ts'
import type {
  Claim,
  ClaimProgress,
  ClaimRequest,
  FoundLink,
  HeldClaim,
  LinkRecords
} from '../../metadata-store.ts'
import type { ClaimRecord, FileRecord, LinkRecord, SecretHash } from '../../types.ts'
import {
  afterReport,
  claimRecordOf,
  isReleasable,
  leaseEnded,
  lockRefusal,
  neverMade,
  refusalOf,
  standingOf
} from '../claim-rules.ts'
import { noteLink } from './event-notes.ts'
import type { ClaimRow, LinkRow, State } from './state.ts'

type Request<Name extends 'findClaim' | 'releaseClaim' | 'revokeLink'> = Parameters<LinkRecords[Name]>[0]

function fileOf(state: State, link: LinkRow): FileRecord {
  const file = state.files.get(link.record.fileId)
  if (file === undefined) throw new PeerbinError('internal', 'a link without a file')
  return structuredClone(file.record)
}

const publicClaim = ({ ended: _ended, ...claim }: ClaimRow): ClaimRecord => claimRecordOf(claim)

export function findLink(state: State, tokenHash: SecretHash): FoundLink | undefined {
  const link = state.links.get(tokenHash)
  if (link === undefined) return undefined
  return { link: { ...link.record }, file: fileOf(state, link), password: structuredClone(link.password) }
}

function answer(state: State, link: LinkRow, claim: ClaimRow, now: number): HeldClaim {
  const outcome = standingOf(link.record, claim, now)
  if (outcome !== 'claimed') return { outcome }
  return { outcome, claim: publicClaim(claim), file: fileOf(state, link) }
}

export function claimLink(state: State, request: ClaimRequest): Claim {
  const { tokenHash, claimHash, now, leaseMs } = request
  const link = state.links.get(tokenHash)
  if (link === undefined) return { outcome: 'unknown' }
  const known = link.claims.get(claimHash)
  if (known !== undefined) return answer(state, link, known, now)
  const refusal = refusalOf(link.record, now)
  if (refusal !== undefined) return { outcome: refusal }
  const closed = lockRefusal(link, request)
  if (closed !== undefined) return structuredClone(closed)
  const claim: ClaimRow = {
    claimHash,
    tokenHash,
    state: 'claimed',
    claimedAt: now,
    leaseUntil: now + leaseMs,
    bytesSent: 0,
    covered: [],
    consumedAt: null,
    reports: [],
    ended: false
  }
  link.record.claimed++
  link.claims.set(claimHash, claim)
  noteLink(state, link, { type: 'link.redeemed', at: now })
  return answer(state, link, claim, now)
}

export function findClaim(state: State, { tokenHash, claimHash, now }: Request<'findClaim'>): HeldClaim {
  const link = state.links.get(tokenHash)
  if (link === undefined) return { outcome: 'unknown' }
  const claim = link.claims.get(claimHash)
  if (claim === undefined) return { outcome: refusalOf(link.record, now) ?? 'used' }
  return answer(state, link, claim, now)
}

export function reportClaim(state: State, progress: ClaimProgress): ClaimRecord | undefined {
  const link = state.links.get(progress.tokenHash)
  const claim = link?.claims.get(progress.claimHash)
  if (link === undefined || claim === undefined) return undefined
  const next = afterReport(claim, payloadBytesOf(fileOf(state, link)), progress)
  if (next !== undefined) Object.assign(claim, next)
  return publicClaim(claim)
}

export function releaseClaim(state: State, { tokenHash, claimHash }: Request<'releaseClaim'>): boolean {
  const link = state.links.get(tokenHash)
  const claim = link?.claims.get(claimHash)
  if (link === undefined) return false
  if (claim === undefined) {
    link.claims.set(claimHash, { ...neverMade({ tokenHash, claimHash }), ended: true })
    return true
  }
  if (claim.state === 'released') return true
  if (!isReleasable(claim)) return false
  claim.state = 'released'
  claim.ended = true
  link.record.claimed--
  return true
}

export function revokeLink(
  state: State,
  { tokenHash, deleteHash, now, by }: Request<'revokeLink'>
): LinkRecord {
  const link = state.links.get(tokenHash)
  if (link === undefined) throw new PeerbinError('link-unknown')
  if (!sameHash(link.deleteHash, deleteHash)) throw new PeerbinError('delete-forbidden')
  if (link.record.state === 'live' || link.record.state === 'suspended') {
    endLink(state, link, 'revoked', now)
    for (const claim of link.claims.values()) {
      if (claim.ended) continue
      claim.leaseUntil = Math.min(claim.leaseUntil, now)
      Object.assign(claim, leaseEnded(claim))
    }
    noteLink(state, link, { type: 'file.unshared', at: now, by })
  }
  return { ...link.record }
}

/** Ends a link that is not at its end; its file has one link less. */
export function endLink(state: State, link: LinkRow, how: LinkRecord['state'], now: number): void {
  link.record.state = how
  link.endedAt = Math.max(now, link.record.expiresAt)
  const file = state.files.get(link.record.fileId)
  if (file !== undefined) file.links--
}
