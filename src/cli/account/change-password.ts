/** What `peerbin passwd` does. */

import type { CliContext } from '../context.ts'
import { askPassword, askTwice, passwordLines, passwordOfFile } from '../password/sources.ts'
import { said } from './answers.ts'
import { openAccount } from './session.ts'
import type { AccountOptions } from './session.ts'
import { tell } from './tables.ts'

export interface PasswordChangeOptions extends AccountOptions {
  oldPasswordFile?: string
  newPasswordFile?: string
  passwordStdin?: boolean
  keys?: boolean
}

export async function changePassword(options: PasswordChangeOptions, context: CliContext): Promise<void> {
  const api = await openAccount(options, context)
  const [oldPassword = '', newPassword = ''] =
    options.passwordStdin === true
      ? await passwordLines(['the old password', 'the new password'], context)
      : [await oldOf(options, context), await newOf(options, context)]
  const { message } = await api.json(
    {
      method: 'POST',
      path: 'api/me/password',
      body: {
        old_password: oldPassword,
        new_password: newPassword,
        ...(options.keys === true && { keys: true })
      }
    },
    said
  )
  tell(options, context, { message }, 'the password was changed; you are signed out everywhere else')
}

const oldOf = async ({ oldPasswordFile }: PasswordChangeOptions, context: CliContext): Promise<string> =>
  oldPasswordFile === undefined
    ? await askPassword('Present password: ', context)
    : await passwordOfFile(oldPasswordFile, '--old-password-file', context)

const newOf = async ({ newPasswordFile }: PasswordChangeOptions, context: CliContext): Promise<string> =>
  newPasswordFile === undefined
    ? await askTwice(context, 'New password: ')
    : await passwordOfFile(newPasswordFile, '--new-password-file', context)
