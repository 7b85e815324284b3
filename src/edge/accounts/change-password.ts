/** A new password: one's own by the old one, or somebody's by an administrator. */

import type { FastifyReply } from 'fastify'
import { PeerbinError } from '../../errors.ts'
import type { ControlMessages, ResponseOf } from '../../protocol/messages.ts'
import type { UserId } from '../../types.ts'
import type { EdgeContext } from '../context.ts'
import { clientAddress, clientHash } from '../limits/client-address.ts'
import { asking } from './actor.ts'
import type { Actor } from './actor.ts'
import { knownPassword, newPassword } from './passwords.ts'

export interface PasswordChange {
  /** As typed. */
  readonly old: string
  readonly next: string
  /** Revoke the keys too. */
  readonly keys: boolean
}

/** @throws `login-failed` when the old one is wrong, `login-attempts`, `invalid-field`, `too-many-sign-ins`, `busy` */
export async function changeOwnPassword(
  context: EdgeContext,
  reply: FastifyReply,
  actor: Actor,
  { old: typed, next, keys }: PasswordChange
): Promise<void> {
  const { addresses, controller, passwords } = context
  const { request } = reply
  const password = newPassword(next, 'new_password')
  addresses.signIn(clientAddress(request))
  const old = knownPassword(typed)
  if (old === undefined) throw new PeerbinError('login-failed')
  using transfer = context.transfers.begin(reply.raw)
  const { signal } = transfer
  const client = clientHash(request)
  const { challenge, cost } = await controller.call(
    'signInChallenge',
    { name: actor.name, client },
    { signal }
  )
  const answer = await controller.call('changePassword', {
    actor: asking(actor),
    user: actor.user,
    proof: await passwords.prove(old, challenge, signal, client),
    client,
    password: await passwords.record(password, signal, client, cost),
    ...(actor.kind === 'session' && { keepSession: actor.session }),
    keys
  })
  settle(answer)
}

/** By an administrator, who need not know the old one. @throws `user-unknown`, `permission-denied`, `invalid-field`, `busy` */
export async function setPassword(
  context: EdgeContext,
  reply: FastifyReply,
  actor: Actor,
  { user, next }: { readonly user: UserId; readonly next: string }
): Promise<void> {
  const { controller, passwords } = context
  const password = newPassword(next, 'new_password')
  using transfer = context.transfers.begin(reply.raw)
  const { signal } = transfer
  const client = clientHash(reply.request)
  const { cost } = await controller.call('accountState', {}, { signal })
  const record = await passwords.record(password, signal, client, cost)
  settle(
    await controller.call('changePassword', { actor: asking(actor), user, password: record, keys: true })
  )
}

function settle(answer: ResponseOf<ControlMessages, 'changePassword'>): void {
  if (answer.outcome === 'wrong') throw new PeerbinError('login-failed')
  if (answer.outcome === 'wait')
    throw new PeerbinError('login-attempts', '', { retryAfterMs: answer.retryAfterMs })
}
