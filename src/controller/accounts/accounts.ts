/** Accounts, as one part of the controller: users, sessions, API keys, invitations, and the keys that sign access tokens. */

import { PeerbinError } from '../../errors.ts'
import type { accountMessages } from '../../protocol/messages/account-messages.ts'
import type { ControllerPart } from '../part.ts'

export type AccountOp = keyof typeof accountMessages
export type Accounts = ControllerPart<AccountOp>

const notYet = async (): Promise<never> => {
  throw new PeerbinError('busy')
}

export function createAccounts(): Accounts {
  return {
    workers: [],
    handlers: {
      accountState: notYet,
      registerUser: notYet,
      createUser: notYet,
      signInChallenge: notYet,
      signIn: notYet,
      findSessions: notYet,
      endSession: notYet,
      endSessions: notYet,
      listSessions: notYet,
      createKey: notYet,
      signingKeys: notYet,
      getUser: notYet,
      findUser: notYet,
      listUsers: notYet,
      changeUser: notYet,
      changePassword: notYet,
      createInvite: notYet,
      listInvites: notYet,
      deleteInvite: notYet,
      createAdmin: notYet,
      resetPassword: notYet
    }
  }
}
