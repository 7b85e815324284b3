/** Accounts, as one part of the controller: users, sessions, API keys, invitations, and the keys that sign access tokens. This file only puts the parts together. */

import type { Worker } from '../../interfaces.ts'
import type { AccountMessages } from '../../protocol/messages.ts'
import type { ControllerDeps } from '../controller.ts'
import type { ControllerPart } from '../part.ts'
import { PasswordAttempts, signInAttempts } from '../password-attempts.ts'
import type { StoreTime } from '../store-time.ts'
import { Registration } from './registration.ts'
import { Sessions } from './sessions.ts'
import { SignIn } from './sign-in.ts'
import { SigningKeys } from './signing-keys.ts'
import { Users } from './users.ts'

/** Pause between rounds of noting uses and forgetting what has ended. */
const UPKEEP_MS = 10_000

export type AccountOp = keyof AccountMessages

export interface Accounts extends ControllerPart<AccountOp> {
  /** The secret with which the first administrator can be made, a new one each time; undefined when there is one already. It must reach no log. */
  newSetupSecret(): Promise<string | undefined>
}

export interface AccountsDeps extends Pick<
  ControllerDeps,
  'store' | 'clock' | 'random' | 'logger' | 'clusterSecret' | 'config'
> {
  readonly time: StoreTime
}

export function createAccounts(all: AccountsDeps): Accounts {
  const { store, time, clock, random, logger, clusterSecret } = all
  const { account: config, controller } = all.config
  const signing = new SigningKeys({ store, time, random, logger, clusterSecret, ...config })
  const attempts = new PasswordAttempts(clock, signInAttempts(config))
  const deps = { store, time, clock, random, logger, config, attempts, signing }
  const signIn = new SignIn({ ...deps, clusterSecret })
  const registration = new Registration({ ...deps, signIn })
  const sessions = new Sessions(deps)
  const users = new Users(deps)
  const upkeep: Worker = {
    name: 'accounts',
    idleMs: Math.min(UPKEEP_MS, config.endedMs),
    async step() {
      const noted = await sessions.noteUses()
      const purged = await store.purgeAccounts(time.now() - config.endedMs, controller.batchMax)
      return noted || purged > 0 ? 'busy' : 'idle'
    }
  }
  return {
    workers: [upkeep],
    newSetupSecret: () => registration.newSetupSecret(),
    handlers: {
      accountState: () => registration.state(),
      registerUser: (message) => registration.register(message),
      createUser: (message) => registration.create(message),
      createAdmin: (message) => registration.createAdmin(message),
      signInChallenge: (message) => signIn.challenge(message),
      signIn: (message) => signIn.signIn(message),
      changePassword: (message) => signIn.changePassword(message),
      resetPassword: (message) => signIn.resetPassword(message),
      findSessions: (message) => sessions.find(message),
      listSessions: (message) => sessions.list(message),
      endSession: (message) => sessions.end(message),
      endSessions: (message) => sessions.endAll(message),
      createKey: (message) => sessions.createKey(message),
      signingKeys: async () => ({ ...(await signing.publicKeys()), now: time.now() }),
      getUser: (message) => users.get(message),
      findUser: (message) => users.find(message),
      listUsers: (message) => users.list(message),
      changeUser: (message) => users.change(message),
      createInvite: (message) => users.invite(message),
      listInvites: (message) => users.invites(message),
      deleteInvite: (message) => users.withdraw(message)
    }
  }
}
