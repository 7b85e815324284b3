/** What routes of accounts answer with, in the names that HTTP has for it. */

import { z } from 'zod'
import { PeerbinError } from '../../errors.ts'
import { ACCOUNT_ROLES, REGISTRATION_MODES, SCOPES } from '../../types.ts'
import type { SessionRecord, UserRecord } from '../../types.ts'
import { problemSchema } from '../problem.ts'

/** ISO 8601, as every time in an answer. */
export const isoTime = (ms: number): string => new Date(ms).toISOString()
const isoOrNull = (ms: number | null): string | null => (ms === null ? null : isoTime(ms))
const time = z.string().describe('ISO 8601')

export const messageSchema = z.object({ message: z.string().describe('a sentence for a person') })
const role = z.enum(ACCOUNT_ROLES)
const userId = z.string().describe('UUID of the user')
const username = z.string()

/** Errors of a route, for /openapi.json. @param codes the ones that are its own */
export const refusals = (codes: string) => ({
  '4xx': {
    description: codes,
    content: { 'application/problem+json': { schema: problemSchema } }
  }
})

export const signedInSchema = messageSchema.extend({
  user_id: userId,
  username,
  role,
  access_token: z.string().describe('for Authorization: Bearer; dead as soon as its session ends'),
  expires_at: time.describe('when the session ends by itself, ISO 8601')
})

export const validSchema = z.object({
  valid: z.literal(true),
  user_id: userId,
  username,
  role: role.describe('as what this request may act: a key without the scope admin acts as a user'),
  kind: z.enum(['session', 'key']),
  scopes: z.array(z.enum(SCOPES)),
  expires_at: time.nullable()
})

export const userSchema = z.object({
  user_id: userId,
  username,
  role,
  state: z.enum(['active', 'disabled']),
  used_bytes: z.int().describe('what the files take, all versions, and uploads under way'),
  quota_bytes: z.int().nullable().describe('most that the files may take, all versions; null: any'),
  quota_of: z
    .enum(['user', 'role'])
    .describe('whose that is: the user’s own, or what every user of the role has'),
  created_at: time
})

/** @param space as the controller tells it: the quota is the user's own, or that of their role */
export const userAnswer = (
  { id, name, role: has, state, createdAt, quotaBytes: own }: UserRecord,
  { usedBytes, quotaBytes }: { readonly usedBytes: number; readonly quotaBytes: number | null }
): z.output<typeof userSchema> => ({
  user_id: id,
  username: name,
  role: has,
  state,
  used_bytes: usedBytes,
  quota_bytes: quotaBytes,
  quota_of: own === null ? 'role' : 'user',
  created_at: isoTime(createdAt)
})

export const sessionSchema = z.object({
  session_id: z.string(),
  name: z.string().describe('the program that signed in, as it calls itself'),
  created_at: time,
  last_used_at: time.describe('ISO 8601; up to a minute old'),
  expires_at: time.nullable(),
  current: z.boolean().describe('whether this request came with it')
})

export const sessionAnswer = (session: SessionRecord, current: string): z.output<typeof sessionSchema> => ({
  session_id: session.id,
  name: session.name,
  created_at: isoTime(session.createdAt),
  last_used_at: isoTime(session.lastUsedAt),
  expires_at: isoOrNull(session.expiresAt),
  current: session.id === current
})

export const keySchema = z.object({
  key_id: z.string(),
  name: z.string(),
  scopes: z.array(z.enum(SCOPES)),
  created_at: time,
  last_used_at: time.describe('ISO 8601; up to a minute old'),
  expires_at: time.nullable()
})

export const keyAnswer = (session: SessionRecord): z.output<typeof keySchema> => ({
  key_id: session.id,
  name: session.name,
  scopes: session.scopes,
  created_at: isoTime(session.createdAt),
  last_used_at: isoTime(session.lastUsedAt),
  expires_at: isoOrNull(session.expiresAt)
})

export const modeSchema = z.object({
  mode: z.enum(REGISTRATION_MODES).describe('who may register: anybody, who has an invitation, nobody')
})

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

/** The id in a path. @throws the code for what cannot be one: there is nothing by that name */
export function idOf<Id extends string>(
  text: string,
  code: 'user-unknown' | 'session-unknown' | 'invite-unknown' | 'webhook-unknown' | 'event-unknown'
): Id {
  const id = text.toLowerCase()
  if (!UUID.test(id)) throw new PeerbinError(code)
  return id as Id
}
