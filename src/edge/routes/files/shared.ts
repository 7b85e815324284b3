/** What the routes of users' files have in common. */

import { z } from 'zod'
import { PeerbinError } from '../../../errors.ts'
import * as s from '../../../protocol/schema.ts'
import type { EntryId, UserId } from '../../../types.ts'
import type { Actor } from '../../accounts/actor.ts'
import { problemSchema } from '../../problem.ts'
import { invalid } from '../../user-files/fields.ts'

export const tags = ['files']

export const entryParams = z.object({ id: z.string().describe('`file_id` of a file') })

/** @throws `file-unknown` for what cannot be one */
export function entryIdOf({ id }: z.output<typeof entryParams>): EntryId {
  const parsed = s.entryId.safeParse(id.toLowerCase())
  if (!parsed.success) throw new PeerbinError('file-unknown')
  return parsed.data
}

export const versionParams = entryParams.extend({ version: z.string().describe('its number') })

/** Whose files: one's own, unless another user is named, whom the controller lets only administrators at. @throws `invalid-field` */
export function ownerOf(text: string | undefined, { user }: Pick<Actor, 'user'>): UserId {
  if (text === undefined || text === '') return user
  const owner = s.userId.safeParse(text.toLowerCase())
  if (!owner.success) throw invalid('owner', 'the UUID of a user is needed')
  return owner.data
}

const NUMBER = /^\d{1,15}$/

/** A version that is named in a path or a query. @throws `version-unknown` for what cannot be one */
export function versionOf(text: string): number {
  const number = NUMBER.test(text) ? Number(text) : 0
  if (number < 1) throw new PeerbinError('version-unknown')
  return number
}

/** A whole number of a query. @throws `invalid-field` */
export function numberOf(
  text: string | undefined,
  field: string,
  { min, max, otherwise }: { min: number; max: number; otherwise: number }
): number {
  if (text === undefined || text === '') return otherwise
  const number = NUMBER.test(text) ? Number(text) : NaN
  if (number >= min && number <= max) return number
  throw invalid(field, `a whole number between ${min} and ${max} is needed`)
}

/** The answers that every one of these routes can give, beside its own. @param more `409 path-conflict; …` */
export const refusals = (more = ''): object => ({
  '4xx': {
    description: `401 credentials-missing, credentials-invalid; 403 permission-denied; 404 file-unknown${more === '' ? '' : `; ${more}`}`,
    content: { 'application/problem+json': { schema: problemSchema } }
  }
})

/** An answer as JSON, described. */
export const json = <Schema extends z.ZodType>(
  description: string,
  schema: Schema
): { description: string; content: { 'application/json': { schema: Schema } } } => ({
  description,
  content: { 'application/json': { schema } }
})
