import type { InviteRecords } from '../../account-store.ts'
import { PeerbinError } from '../../errors.ts'
import type { InviteId, InviteRecord, SecretHash } from '../../types.ts'
import { byText } from './state.ts'
import type { State } from './state.ts'

export function createInvite(
  state: State,
  { hash, ...invite }: Parameters<InviteRecords['createInvite']>[0]
): InviteRecord {
  if (findInvite(state, hash) === undefined && !state.invites.has(invite.id))
    state.invites.set(invite.id, { record: { ...invite, usedBy: null }, hash })
  const known = state.invites.get(invite.id)
  if (known === undefined) throw new PeerbinError('invalid-field', 'There is an invitation with this secret.')
  return { ...known.record }
}

export function findInvite(state: State, hash: SecretHash): InviteRecord | undefined {
  const found = [...state.invites.values()].find((invite) => invite.hash === hash)
  return found && { ...found.record }
}

const newestFirst = (a: InviteRecord, b: InviteRecord): number =>
  b.createdAt - a.createdAt || byText(b.id, a.id)

export function listInvites(state: State, after: InviteId | undefined, limit: number): InviteRecord[] {
  const last = after === undefined ? undefined : state.invites.get(after)?.record
  if (after !== undefined && last === undefined) return []
  return [...state.invites.values()]
    .map(({ record }) => ({ ...record }))
    .filter((invite) => last === undefined || newestFirst(last, invite) < 0)
    .toSorted(newestFirst)
    .slice(0, limit)
}

export const deleteInvite = (state: State, id: InviteId): boolean => state.invites.delete(id)

export function purgeAccounts(state: State, before: number, limit: number): number {
  const sessions = [...state.sessions.values()]
    .flatMap(({ record: { id }, overAt }) => (overAt !== null && overAt < before ? [{ id, overAt }] : []))
    .toSorted((a, b) => a.overAt - b.overAt || byText(a.id, b.id))
    .slice(0, limit)
  for (const { id } of sessions) state.sessions.delete(id)
  const invites = [...state.invites.values()]
    .map(({ record }) => record)
    .filter((invite) => invite.expiresAt < before)
    .toSorted((a, b) => a.expiresAt - b.expiresAt || byText(a.id, b.id))
    .slice(0, limit - sessions.length)
  for (const { id } of invites) state.invites.delete(id)
  return sessions.length + invites.length
}
