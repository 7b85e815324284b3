/** Settings of accounts, in a file of their own: config.ts puts them beside the others. */

import { z } from 'zod'
import { DAY, HOUR, MIB, MINUTE, SECOND, bytes, ms, num } from './config-kinds.ts'
import { PASSWORD_LANES_MAX, PASSWORD_MEMORY_KIB_MAX, PASSWORD_PASSES_MAX } from './protocol/limits.ts'
import { REGISTRATION_MODES } from './types.ts'

const GIB = 1024 * MIB

const account = z.strictObject({
  registration: z
    .enum(REGISTRATION_MODES)
    .default('open')
    .describe('who may make an account: anybody, those with an invitation, or nobody but administrators'),
  registrationsPerAddress: num(
    0,
    1_000_000,
    60,
    'accounts that one address may make within registrationWindowMs; 0: any'
  ),
  registrationWindowMs: ms(1 * HOUR, 'see registrationsPerAddress'),
  inviteMs: ms(7 * DAY, 'an invitation can be used for so long unless its maker says otherwise'),
  sessionMs: ms(30 * DAY, 'who signed in stays so for so long at most'),
  sessionsMax: num(
    1,
    120,
    100,
    'sessions of one user; a further one ends the oldest (API keys have a limit of their own)'
  ),
  keysMax: num(1, 80, 50, 'API keys of one user'),
  endedMs: ms(1 * DAY, 'what has ended is remembered for so long: sessions, keys, invitations'),
  keyRotationMs: ms(30 * DAY, 'access tokens are signed with a new key so often'),
  unconfirmedMs: ms(
    30 * SECOND,
    'transfers of a session go on for so long when no controller can be asked whether it still holds'
  ),
  passwordMemoryKiB: num(
    128,
    PASSWORD_MEMORY_KIB_MAX,
    19 * 1024,
    'memory that hashing the password of an account takes (argon2id; KiB); older ones are hashed anew when their users sign in'
  ),
  passwordPasses: num(1, PASSWORD_PASSES_MAX, 2, 'passes over that memory'),
  passwordLanes: num(1, PASSWORD_LANES_MAX, 1, 'lanes of argon2id'),
  signInAttempts: num(1, 1_000_000, 10, 'wrong passwords that are heard for one name within signInWindowMs'),
  signInAttemptsPerAddress: num(1, 1_000_000, 50, 'and from one address, for all names together'),
  signInWindowMs: ms(15 * MINUTE, 'within so long all attempts come back, one by one'),
  uploadBytesMax: bytes(5 * GIB, 'largest file of a user'),
  quotaBytes: bytes(
    10 * GIB,
    'files of one user, all versions, unless an administrator says otherwise; 0: any'
  ),
  adminQuotaBytes: bytes(0, 'files of one administrator; 0: any'),
  deleteGraceMs: ms(10 * MINUTE, 'downloads of a file that was deleted go on for so long'),
  failedUploadMs: ms(
    7 * DAY,
    'an upload that failed is told of for so long, if none to that path succeeds before'
  )
})

/** By section, for descriptions. */
export const accountSections = { account }
/** What stands in the schema of the configuration. */
export const accountShape = { account: account.prefault({}) }
