/** Asks the controller for what may need a password: without one first, since most links have none and whoever holds a claim needs none. */

import { PeerbinError } from '../errors.ts'
import type { ClaimAnswer } from '../protocol/messages.ts'
import type { PasswordHasher } from './password-hasher.ts'

/** A password as it was given, and whose attempt it counts as. */
export interface GivenPassword {
  /** Clean (protocol/password.ts). */
  readonly text: string
  /** Hash of the address it came from (hex, SHA-256); without one it counts for the link only. */
  readonly client?: string | undefined
}

/** What goes along with a request: nothing, or who gives a password, or that and the tag of it. */
export interface Shown {
  proof?: string
  client?: string
}

type Required = Extract<ClaimAnswer, { outcome: 'password-required' }>
type Wrong = Extract<ClaimAnswer, { outcome: 'password-wrong' }>

/**
 * @param ask one request to the controller; it is repeated with a proof when the answer asks for one
 * @throws `password-required` when none is given, `password-wrong`, `password-attempts`, `busy` (too many passwords are being hashed): after each of these nothing was claimed.
 *   And whatever `ask` throws; the signal's reason
 */
export async function withPassword<Answer extends { outcome: string }>(
  passwords: Pick<PasswordHasher, 'prove'>,
  given: GivenPassword | undefined,
  ask: (shown: Shown) => Promise<Answer | Required | Wrong>,
  signal?: AbortSignal
): Promise<Answer> {
  const client: Shown = given?.client === undefined ? {} : { client: given.client }
  const first = await ask(client)
  if (!isRequired(first)) return settled(first)
  if (given === undefined) throw new PeerbinError('password-required')
  if (first.retryAfterMs > 0) throw noMore(first)
  const proof = await passwords.prove(given.text, first.challenge, signal, given.client)
  const second = await ask({ ...client, proof })
  // others have used up the attempts meanwhile, and this one was not looked at
  if (isRequired(second)) throw noMore(second)
  return settled(second)
}

function settled<Answer extends { outcome: string }>(answer: Answer | Wrong): Answer {
  if (isWrong(answer)) throw new PeerbinError('password-wrong')
  return answer
}

const noMore = ({ retryAfterMs }: Required): PeerbinError =>
  new PeerbinError('password-attempts', '', { retryAfterMs })

const isRequired = (answer: { outcome: string }): answer is Required => answer.outcome === 'password-required'
const isWrong = (answer: { outcome: string }): answer is Wrong => answer.outcome === 'password-wrong'
