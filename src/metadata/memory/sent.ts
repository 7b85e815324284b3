import { PeerbinError } from '../../errors.ts'
import type { LinkRecords, SentClaim } from '../../metadata-store.ts'
import type { FileRecord, LinkRecord, SecretHash } from '../../types.ts'
import { checkExtension, extensionRefusal, sentClaimOf } from '../claim-rules.ts'
import { findLink } from './links.ts'
import { byText } from './state.ts'
import type { LinkRow, State } from './state.ts'

type Request<Name extends 'listClaims' | 'extendLink'> = Parameters<LinkRecords[Name]>[0]

function rowOf(state: State, deleteHash: SecretHash): LinkRow | undefined {
  const token = state.sent.get(deleteHash)
  return token === undefined ? undefined : state.links.get(token)
}

export function findSentLink(
  state: State,
  deleteHash: SecretHash
): { link: LinkRecord; file: FileRecord } | undefined {
  const token = state.sent.get(deleteHash)
  const found = token === undefined ? undefined : findLink(state, token)
  return found && { link: found.link, file: found.file }
}

type Place = Pick<SentClaim, 'claimedAt' | 'claimHash'>
const newestFirst = (a: Place, b: Place): number =>
  b.claimedAt - a.claimedAt || byText(b.claimHash, a.claimHash)

export const listClaims = (state: State, { deleteHash, after, limit }: Request<'listClaims'>): SentClaim[] =>
  [...(rowOf(state, deleteHash)?.claims.values() ?? [])]
    .map(sentClaimOf)
    .filter((claim) => after === undefined || newestFirst(after, claim) < 0)
    .toSorted(newestFirst)
    .slice(0, limit)

export function extendLink(
  state: State,
  { deleteHash, expiresAt, ttlMaxMs, now }: Request<'extendLink'>
): LinkRecord {
  const record = rowOf(state, deleteHash)?.record
  if (record === undefined) throw new PeerbinError('link-unknown')
  const refusal = extensionRefusal(record, now)
  if (refusal !== undefined) throw refusal
  checkExtension(record, expiresAt, ttlMaxMs)
  record.expiresAt = Math.max(record.expiresAt, expiresAt)
  return { ...record }
}
