import type { Kysely, Selectable } from 'kysely'
import { PeerbinError } from '../../errors.ts'
import type { Claim, ClaimProgress, ClaimRequest, HeldClaim } from '../../metadata-store.ts'
import { payloadBytesOf } from '../../protocol/payload.ts'
import type { ClaimRecord, LinkRecord, SecretHash } from '../../types.ts'
import {
  afterReport,
  claimRecordOf,
  isReleasable,
  lockRefusal,
  neverMade,
  refusalOf,
  standingOf
} from '../claim-rules.ts'
import type { StoredClaim } from '../claim-rules.ts'
import { decodeProgress, encodeProgress, hashBytes, hashOf } from '../columns.ts'
import type { ClaimsTable, LinksTable, Schema } from '../schema.ts'
import { noteLink } from './event-notes.ts'
import { fileOfLink, linkRecordOf, locksOf, readLink } from './links.ts'

/** A report is computed from a row and written over that row only; another one can come between. */
const ATTEMPTS_MAX = 8

export interface ClaimKey {
  tokenHash: SecretHash
  claimHash: SecretHash
}

export const storedClaimOf = (row: Selectable<ClaimsTable>): StoredClaim => ({
  claimHash: hashOf(row.claim),
  tokenHash: hashOf(row.token),
  state: row.state,
  claimedAt: row.claimed_at,
  leaseUntil: row.lease_until,
  bytesSent: row.bytes_sent,
  consumedAt: row.consumed_at,
  ...decodeProgress(row.progress)
})

const readClaim = (db: Kysely<Schema>, key: ClaimKey): Promise<Selectable<ClaimsTable> | undefined> =>
  db
    .selectFrom('claims')
    .selectAll()
    .where('token', '=', hashBytes(key.tokenHash))
    .where('claim', '=', hashBytes(key.claimHash))
    .executeTakeFirst()

async function answer(
  db: Kysely<Schema>,
  link: LinkRecord,
  claim: StoredClaim,
  now: number
): Promise<HeldClaim> {
  const outcome = standingOf(link, claim, now)
  if (outcome !== 'claimed') return { outcome }
  return { outcome, claim: claimRecordOf(claim), file: await fileOfLink(db, link) }
}

/** The claim first; a slot only when there is none, and only of a link whose proof and password were shown. */
export async function claimLink(db: Kysely<Schema>, request: ClaimRequest): Promise<Claim> {
  const { now, shown, proofHash } = request
  if ((await readClaim(db, request)) !== undefined) return await findClaim(db, request)
  // most links ask for nothing, and nothing more is looked at then
  const showsNothing = shown === undefined && proofHash === undefined
  let taken = showsNothing ? await takeSlot(db, request.tokenHash, now, NO_LOCKS) : undefined
  if (taken === undefined) {
    const link = await readLink(db, request.tokenHash)
    if (link !== undefined && refusalOf(linkRecordOf(link), now) === undefined) {
      const refusal = lockRefusal(locksOf(link), request)
      if (refusal !== undefined) return refusal
      taken = await takeSlot(db, request.tokenHash, now, link)
    }
  }
  // a refusal, or another transaction has just made this very claim with the last slot
  if (taken === undefined) return await findClaim(db, request)
  const claim: StoredClaim = {
    claimHash: request.claimHash,
    tokenHash: request.tokenHash,
    state: 'claimed',
    claimedAt: now,
    leaseUntil: now + request.leaseMs,
    bytesSent: 0,
    covered: [],
    consumedAt: null,
    reports: []
  }
  const isMade = await insertClaim(db, claim)
  if (isMade) {
    const link = linkRecordOf(taken)
    await noteLink(db, taken, link, { type: 'link.redeemed', at: now })
    return await answer(db, link, claim, now)
  }
  await giveBackSlot(db, request.tokenHash)
  return await findClaim(db, request)
}

const NO_LOCKS = { password: null, proof: null }

/** @param locks what was shown belongs to these, as they stand in the row; null: the link has none */
const takeSlot = (
  db: Kysely<Schema>,
  tokenHash: SecretHash,
  now: number,
  { password, proof }: Pick<Selectable<LinksTable>, 'password' | 'proof'>
): Promise<Selectable<LinksTable> | undefined> =>
  db
    .updateTable('links')
    .set((eb) => ({ claimed: eb('claimed', '+', 1) }))
    .where('token', '=', hashBytes(tokenHash))
    .where('state', '=', 'live')
    .where('expires_at', '>', now)
    .whereRef('claimed', '<', 'downloads')
    .where((eb) => (password === null ? eb('password', 'is', null) : eb('password', '=', password)))
    .where((eb) => (proof === null ? eb('proof', 'is', null) : eb('proof', '=', proof)))
    .returningAll()
    .executeTakeFirst()

async function giveBackSlot(db: Kysely<Schema>, tokenHash: SecretHash): Promise<void> {
  await db
    .updateTable('links')
    .set((eb) => ({ claimed: eb('claimed', '-', 1) }))
    .where('token', '=', hashBytes(tokenHash))
    .execute()
}

/** False when the claim is there already. */
async function insertClaim(db: Kysely<Schema>, claim: StoredClaim): Promise<boolean> {
  const inserted = await db
    .insertInto('claims')
    .values({
      token: hashBytes(claim.tokenHash),
      claim: hashBytes(claim.claimHash),
      state: claim.state,
      version: 0,
      claimed_at: claim.claimedAt,
      lease_until: claim.leaseUntil,
      bytes_sent: 0,
      ended: claim.state === 'released' ? 1 : 0,
      progress: encodeProgress(claim)
    })
    .onConflict((oc) => oc.columns(['token', 'claim']).doNothing())
    .executeTakeFirst()
  return inserted.numInsertedOrUpdatedRows === 1n
}

export async function findClaim(db: Kysely<Schema>, request: ClaimKey & { now: number }): Promise<HeldClaim> {
  const row = await readLink(db, request.tokenHash)
  if (row === undefined) return { outcome: 'unknown' }
  const link = linkRecordOf(row)
  const claim = await readClaim(db, request)
  if (claim === undefined) return { outcome: refusalOf(link, request.now) ?? 'used' }
  return await answer(db, link, storedClaimOf(claim), request.now)
}

export async function reportClaim(
  db: Kysely<Schema>,
  progress: ClaimProgress
): Promise<ClaimRecord | undefined> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const row = await readClaim(db, progress)
    const link = row === undefined ? undefined : await readLink(db, progress.tokenHash)
    if (row === undefined || link === undefined) return undefined
    const payloadBytes = payloadBytesOf(await fileOfLink(db, linkRecordOf(link)))
    const claim = storedClaimOf(row)
    const next = afterReport(claim, payloadBytes, progress)
    if (next === undefined) return claimRecordOf(claim)
    if (await writeClaim(db, next, row.version)) return claimRecordOf(next)
  }
  throw new PeerbinError('busy', 'a claim changed too often while its progress was recorded')
}

/** Writes over the version that was read; false when it is not there any more. */
async function writeClaim(db: Kysely<Schema>, claim: StoredClaim, version: number): Promise<boolean> {
  const written = await db
    .updateTable('claims')
    .set({
      state: claim.state,
      version: version + 1,
      lease_until: claim.leaseUntil,
      bytes_sent: claim.bytesSent,
      consumed_at: claim.consumedAt,
      progress: encodeProgress(claim)
    })
    .where('token', '=', hashBytes(claim.tokenHash))
    .where('claim', '=', hashBytes(claim.claimHash))
    .where('version', '=', version)
    .executeTakeFirst()
  return written.numUpdatedRows === 1n
}

export async function releaseClaim(db: Kysely<Schema>, key: ClaimKey): Promise<boolean> {
  const row = await readClaim(db, key)
  if (row === undefined) return await releaseAhead(db, key)
  if (row.state === 'released') return true
  if (!isReleasable(storedClaimOf(row))) return false
  const released = await db
    .updateTable('claims')
    .set({ state: 'released', ended: 1, version: row.version + 1 })
    .where('token', '=', row.token)
    .where('claim', '=', row.claim)
    .where('version', '=', row.version)
    .executeTakeFirst()
  // somebody reported or released in between: look again, which ends because the state only moves forward
  if (released.numUpdatedRows !== 1n) return await releaseClaim(db, key)
  await giveBackSlot(db, key.tokenHash)
  return true
}

/** The release has overtaken its claim, or the claim never got here: when it comes it finds that it is dead. */
async function releaseAhead(db: Kysely<Schema>, key: ClaimKey): Promise<boolean> {
  if ((await readLink(db, key.tokenHash)) === undefined) return false
  if (await insertClaim(db, neverMade(key))) return true
  return await releaseClaim(db, key) // it has come in between
}
