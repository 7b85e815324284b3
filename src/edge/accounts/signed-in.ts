/** The answer to whoever has signed in. */

import type { FastifyReply } from 'fastify'
import type { z } from 'zod'
import { PeerbinError } from '../../errors.ts'
import type { ControlMessages, ResponseOf } from '../../protocol/messages.ts'
import type { EdgeContext } from '../context.ts'
import { hostsOf } from '../http/origin.ts'
import { isSameOrigin } from '../http/same-origin.ts'
import { isoTime } from './answers.ts'
import type { signedInSchema } from './answers.ts'
import { setSessionCookie } from './session-cookie.ts'

interface SignedInOptions {
  readonly status: 200 | 201
  readonly message: string
  /** Set the cookie too. */
  readonly cookie: boolean
}

/** Before anything is done: a page of another site must not sign a browser in, as somebody whose account it knows. @throws `origin-forbidden` */
export function assertMayHaveCookie(
  { config, url }: EdgeContext,
  { request }: FastifyReply,
  { cookie }: { readonly cookie: boolean }
): void {
  if (cookie && !isSameOrigin(request.headers, hostsOf(request, config.edge.publicUrl, url())))
    throw new PeerbinError('origin-forbidden')
}

/** For the history. */
export const whoSignedIn = ({ user, session }: ResponseOf<ControlMessages, 'registerUser'>) => ({
  actor: { user: user.id, name: user.name, session: session.id },
  actorName: user.name,
  owner: user.id
})

export function sendSignedIn(
  context: EdgeContext,
  reply: FastifyReply,
  { user, session, token }: ResponseOf<ControlMessages, 'registerUser'>,
  { status, message, cookie }: SignedInOptions
): FastifyReply {
  // sessions have an end; only keys need none
  const expiresAt = session.expiresAt ?? context.clock.now() + context.config.account.sessionMs
  if (cookie) setSessionCookie(context, reply, token, expiresAt)
  const answer: z.output<typeof signedInSchema> = {
    message,
    user_id: user.id,
    username: user.name,
    role: user.role,
    access_token: token,
    expires_at: isoTime(expiresAt)
  }
  return reply.code(status).send(answer)
}
