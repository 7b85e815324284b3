/** Users as they are told of: with how much room they have, and have used. */

import type { z } from 'zod'
import type { UserRecord } from '../../types.ts'
import type { EdgeContext } from '../context.ts'
import { asking } from './actor.ts'
import type { Actor } from './actor.ts'
import { userAnswer } from './answers.ts'
import type { userSchema } from './answers.ts'

/** @throws as `spaceOf` does */
export async function withSpace(
  { controller }: Pick<EdgeContext, 'controller'>,
  actor: Actor,
  user: UserRecord
): Promise<z.output<typeof userSchema>> {
  return userAnswer(user, await controller.call('spaceOf', { actor: asking(actor), user: user.id }))
}
