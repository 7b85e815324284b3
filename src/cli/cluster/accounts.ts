/** What `peerbin admin create` and an operator's `reset-password` do: by the cluster itself, without anybody being signed in. */

import { shown, tell } from '../account/tables.ts'
import type { CliContext } from '../context.ts'
import { askTwice, namedPassword } from '../password/sources.ts'
import type { PasswordOptions } from '../password/sources.ts'
import { asAdmin } from './admin-command.ts'
import type { AdminCommandOptions } from './admin-command.ts'

export interface OperatorPasswordOptions extends AdminCommandOptions, PasswordOptions {}

/** @throws `name-taken`, `invalid-field`, and as asAdmin */
export async function createAdmin(
  name: string,
  options: OperatorPasswordOptions,
  context: CliContext
): Promise<void> {
  const password = await passwordFor(`Password for ${shown(name)}: `, options, context)
  const roles = await context.roles()
  const user = await asAdmin(options, context, (admin) => roles.createAdmin(admin, { name, password }))
  tell(
    options,
    context,
    { user_id: user.id, username: user.name, role: user.role },
    `${shown(user.name)} is an administrator: \`peerbin login URL --username ${shown(user.name)}\` signs in`
  )
}

/** @throws `user-unknown`, `invalid-field`, and as asAdmin */
export async function resetPasswordByCluster(
  name: string,
  options: OperatorPasswordOptions,
  context: CliContext
): Promise<void> {
  const password = await passwordFor(`New password for ${shown(name)}: `, options, context)
  const roles = await context.roles()
  const user = await asAdmin(options, context, (admin) =>
    roles.resetPassword(admin, { name, password, keys: true })
  )
  tell(
    options,
    context,
    { user_id: user.id, username: user.name },
    `${shown(user.name)} has a new password; all sessions and keys have ended`
  )
}

const passwordFor = async (
  question: string,
  options: OperatorPasswordOptions,
  context: CliContext
): Promise<string> => (await namedPassword(options, context)) ?? (await askTwice(context, question))
