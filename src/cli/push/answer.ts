/** What an edge answers to an upload. */

import { z } from 'zod'
import { ENCRYPTION } from '../../encryption/scheme.ts'
import { PeerbinError } from '../../errors.ts'
import type { CliContext } from '../context.ts'
import { failureOf, readJson, request } from '../http/request.ts'
import { retrying } from '../http/retrying.ts'
import { below } from './target.ts'

/** The address is printed as it comes, so it must be one: no blanks, and nothing that moves a terminal's cursor. */
const uploaded = z.looseObject({
  url: z.string().regex(/^[\x21-\x7E]+$/),
  deleteUrl: z.string().optional(),
  passwordRequired: z.boolean().optional(),
  sha256: z.string().optional()
})

/** What is told of the link to whoever has it. */
const told = z.object({ encryption: z.literal(ENCRYPTION), proofRequired: z.literal(true) })

/** Fields that an edge may add are passed on in --json. */
export type Uploaded = z.output<typeof uploaded>

/** What the link has to be. */
export interface Wanted {
  readonly hasPassword: boolean
  readonly isEncrypted: boolean
  /** Of the content, hex; undefined: the server compared it. */
  readonly sha256: string | undefined
}

/**
 * Reads the answer, and withdraws a link that is not what was asked for: an edge of an earlier version passes over fields that it does not know.
 * @throws `protocol-violation`, `checksum-mismatch`
 */
export async function acceptAnswer(
  record: unknown,
  wanted: Wanted,
  server: URL,
  context: CliContext
): Promise<Uploaded> {
  const parsed = uploaded.safeParse(record)
  if (!parsed.success) throw new PeerbinError('protocol-violation', `${server.origin} is no peerbin edge`)
  const answer = parsed.data
  if (wanted.hasPassword && answer.passwordRequired !== true)
    throw await withdrawn('protocol-violation', 'without the password', answer, server, context)
  if (wanted.isEncrypted && !(await asksForKey(answer, server, context)))
    throw await withdrawn('protocol-violation', 'that asks for no key', answer, server, context)
  if (wanted.sha256 !== undefined && answer.sha256 !== undefined && answer.sha256 !== wanted.sha256)
    throw await withdrawn('checksum-mismatch', 'of bytes that were not sent', answer, server, context)
  return answer
}

/** Whether the link is one of an encrypted file, which nobody redeems without the key; asked as its recipient would. */
async function asksForKey({ url }: Uploaded, server: URL, context: CliContext): Promise<boolean> {
  const token = /\/d\/([A-Za-z0-9_-]+)$/.exec(url)?.[1]
  if (token === undefined) return false
  return await retrying(context, async () => {
    const answer = await request({
      method: 'GET',
      url: below(server, `d/${token}`),
      headers: { accept: 'application/problem+json, application/json' },
      signal: context.interrupted
    })
    if (answer.status !== 200) throw await failureOf(answer)
    return told.safeParse(await readJson(answer)).success
  })
}

/** For a link that must not be used by anybody. */
async function withdrawn(
  code: 'protocol-violation' | 'checksum-mismatch',
  what: string,
  { deleteUrl }: Uploaded,
  server: URL,
  context: CliContext
): Promise<PeerbinError> {
  const url = deleteUrl === undefined || !URL.canParse(deleteUrl) ? undefined : new URL(deleteUrl)
  const answer =
    url === undefined
      ? undefined
      : await request({ method: 'DELETE', url, signal: context.interrupted }).catch(() => undefined) // told below
  answer?.body.resume()
  const end = answer?.status === 204 ? 'it was withdrawn' : 'and it could not be withdrawn'
  return new PeerbinError(code, `${server.origin} made a link ${what}; ${end}`)
}
