/** Signing up and signing in: the password becomes a record or a proof here, and only that goes to the controller. */

import type { FastifyReply, FastifyRequest } from 'fastify'
import { PeerbinError } from '../../errors.ts'
import type { ControlMessages, ResponseOf } from '../../protocol/messages.ts'
import { hashSecret } from '../../protocol/secrets.ts'
import { cleanUserName, typedNameKey } from '../../protocol/user-names.ts'
import { randomUuid } from '../../runtime/random.ts'
import type { SessionId, UserId } from '../../types.ts'
import type { EdgeContext } from '../context.ts'
import { headerOf } from '../http/accept.ts'
import { clientAddress, clientHash } from '../limits/client-address.ts'
import { labelOf } from './labels.ts'
import { isDated, knownPassword, newPassword } from './passwords.ts'

type SignedIn = ResponseOf<ControlMessages, 'registerUser'>

/** As the message has it; a name of a user is far shorter. */
const TYPED_NAME_MAX = 1024

/** What somebody typed. */
export interface Credentials {
  readonly username: string
  readonly password: string
}

/** By what somebody may make an account: secrets, none of which reaches the controller as it is. */
export interface Admission {
  readonly invite?: string | undefined
  readonly setup?: string | undefined
}

/** What was typed as it is compared, for the history: however it is written, whose name it is can be found out. Null for what can be no name. */
export const typedName = (text: string): string | null =>
  text.length > TYPED_NAME_MAX ? null : typedNameKey(text)

/** A session is called by the program that made it. */
const newSession = (context: EdgeContext, request: FastifyRequest): { id: SessionId; name: string } => ({
  id: randomUuid(context.random) as SessionId,
  name: labelOf(headerOf(request.headers, 'user-agent') ?? '')
})

/**
 * Makes an account, whose user is signed in at once.
 * @throws `invalid-field`, `name-taken`, `registration-closed`, `invite-needed`, `invite-invalid`, `setup-invalid`, `too-many-sign-ins`, `busy`
 */
export async function register(
  context: EdgeContext,
  reply: FastifyReply,
  { username, password: typed }: Credentials,
  { invite, setup }: Admission
): Promise<SignedIn> {
  const { addresses, controller, passwords, random } = context
  const { request } = reply
  const name = cleanUserName(username)
  const password = newPassword(typed, 'password')
  addresses.signIn(clientAddress(request))
  using transfer = context.transfers.begin(reply.raw)
  // told before a password is hashed; the controller decides again
  const { registration, cost } = await controller.call('accountState', {}, { signal: transfer.signal })
  if (setup === undefined && registration === 'closed') throw new PeerbinError('registration-closed')
  if (setup === undefined && registration === 'invited' && invite === undefined)
    throw new PeerbinError('invite-needed')
  const client = clientHash(request)
  return await controller.call('registerUser', {
    id: randomUuid(random) as UserId,
    name,
    password: await passwords.record(password, transfer.signal, client, cost),
    ...(invite !== undefined && { invite: hashSecret(invite) }),
    ...(setup !== undefined && { setup: hashSecret(setup) }),
    client,
    session: newSession(context, request)
  })
}

/** @throws `login-failed`, `login-attempts`, `user-disabled` for whoever knows the password, `too-many-sign-ins`, `busy` */
export async function signIn(
  context: EdgeContext,
  reply: FastifyReply,
  { username: name, password: typed }: Credentials
): Promise<SignedIn> {
  const { addresses, controller, passwords } = context
  const { request } = reply
  addresses.signIn(clientAddress(request))
  const password = knownPassword(typed)
  if (password === undefined || name.length > TYPED_NAME_MAX) throw new PeerbinError('login-failed')
  using transfer = context.transfers.begin(reply.raw)
  const { signal } = transfer
  const client = clientHash(request)
  const { challenge, cost } = await controller.call('signInChallenge', { name, client }, { signal })
  const proof = await passwords.prove(password, challenge, signal, client)
  const answer = await controller.call('signIn', {
    name,
    proof,
    client,
    session: newSession(context, request),
    // taken if the proof is right: nothing else can show that the password is
    ...(isDated(challenge, cost) && { rehash: await passwords.record(password, signal, client, cost) })
  })
  switch (answer.outcome) {
    case 'wrong':
      throw new PeerbinError('login-failed')
    case 'wait':
      throw new PeerbinError('login-attempts', '', { retryAfterMs: answer.retryAfterMs })
    case 'disabled':
      throw new PeerbinError('user-disabled')
    case 'signed-in':
      return answer
  }
}
