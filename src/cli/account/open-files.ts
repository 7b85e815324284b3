/** The account that a command about files works with, and whose files are meant. */

import { PeerbinError } from '../../errors.ts'
import type { CliContext } from '../context.ts'
import type { AccountApi } from './api.ts'
import { openAccount } from './session.ts'
import type { AccountOptions } from './session.ts'
import { findUser, USER_ID } from './users.ts'

export interface FileOptions extends AccountOptions {
  /** For administrators: name or id of another user; `*`: everybody, to list. */
  owner?: string
}

export interface Files {
  readonly api: AccountApi
  /** As the server names them; undefined: one's own. */
  readonly owner: string | undefined
}

/**
 * @param everybody whether `*` may be said: a path of everybody's could be anybody's file
 * @throws as openAccount, `usage`, and `user-unknown`
 */
export async function openFiles(
  options: FileOptions,
  context: CliContext,
  everybody: 'everybody' | 'one' = 'one'
): Promise<Files> {
  const { owner } = options
  if (owner === '*' && everybody === 'one')
    throw new PeerbinError(
      'usage',
      'say whose file is meant: --owner with a name, or an id in place of the path'
    )
  const api = await openAccount(options, context)
  if (owner === undefined || owner === '*' || USER_ID.test(owner)) return { api, owner }
  return { api, owner: (await findUser(api, owner)).user_id }
}
