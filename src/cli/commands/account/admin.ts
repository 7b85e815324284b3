import { Argument, InvalidArgumentError, Option } from 'commander'
import type { Command } from 'commander'
import { addAccountOptions, openAccount } from '../../account/session.ts'
import type { AccountOptions } from '../../account/session.ts'
import type {
  AddUserOptions,
  InviteOptions,
  ResetPasswordOptions,
  UserChange,
  UsersOptions
} from '../../account/users.ts'
import { parseSize } from '../../arguments.ts'
import type { CliContext } from '../../context.ts'
import { formatBytes } from '../../progress.ts'
import { addPasswordOptions } from '../../password/sources.ts'
import { addRecordOptions } from './history.ts'
import type { HistoryCommandOptions } from './history.ts'
import { parseSeconds } from './shared.ts'

const ROLES = ['user', 'admin']
const NAME = 'name of a user, or the id'

const TEXT = `
\`admin create\` works on a machine of the cluster, with its data folder, and needs no account: that is how the first administrator is made. All others need you to be signed in
as an administrator.

Examples:
  peerbin admin create ada --data /srv/peerbin
  peerbin admin users --search ad
  peerbin admin add grace --password-file password.txt
  peerbin admin disable mallory               signed out everywhere within a second
  peerbin admin role ada admin
  peerbin admin quota ada 50GB                or: default
  peerbin admin invite --expires 2d           prints a link to sign up with
  peerbin admin reset-password ada
  peerbin admin log --user ada --follow`

/** `--json` of a command that answers with one record. */
const asJson = 'as JSON'

export function addAccountAdminCommands(admin: Command, context: CliContext): void {
  admin.addHelpText('after', TEXT)
  const users = admin
    .command('users')
    .description('List the users.')
    .option('--search <text>', 'with this in their names')
  addAccountOptions(users, 'one JSON object a line').action(async (options: UsersOptions) => {
    const work = await import('../../account/users.ts')
    await work.users(options, context)
  })
  const add = admin
    .command('add')
    .description('Make an account for somebody.')
    .argument('<name>', 'name of the account')
    .addOption(new Option('--role <role>', 'what they may do').choices(ROLES))
    .option('--quota <size>', 'how much space they have (default: what the role has)', parseQuota)
  addAccountOptions(addPasswordOptions(add, 'password of the account'), asJson).action(
    async (name: string, options: AddUserOptions) => {
      const work = await import('../../account/users.ts')
      await work.addUser(name, options, context)
    }
  )
  addStates(admin, context)
  addInvites(admin, context)
  const reset = admin
    .command('reset-password')
    .description('Set the password of a user, who is signed out everywhere.')
    .argument('<user>', NAME)
    .option(
      '-d, --data <folder>',
      'by the data folder of a machine of the cluster: where no administrator can sign in'
    )
  addAccountOptions(addPasswordOptions(reset, 'new password'), asJson).action(
    async (name: string, options: ResetPasswordOptions & { data?: string }) => {
      const { data } = options
      if (data === undefined) {
        const work = await import('../../account/users.ts')
        return await work.resetPassword(name, options, context)
      }
      const work = await import('../../cluster/accounts.ts')
      await work.resetPasswordByCluster(name, { ...options, data }, context)
    }
  )
  addLog(admin, context)
}

async function change(
  name: string,
  change: UserChange,
  text: string,
  options: AccountOptions,
  context: CliContext
): Promise<void> {
  const work = await import('../../account/users.ts')
  await work.changeUser(name, change, text, options, context)
}

function addStates(admin: Command, context: CliContext): void {
  addAccountOptions(
    admin
      .command('disable')
      .description('Sign a user out everywhere, and keep them out.')
      .argument('<user>', NAME),
    asJson
  ).action((name: string, options: AccountOptions) =>
    change(name, { state: 'disabled' }, 'is disabled, and signed out everywhere', options, context)
  )
  addAccountOptions(
    admin.command('enable').description('Let a user in again.').argument('<user>', NAME),
    asJson
  ).action((name: string, options: AccountOptions) =>
    change(name, { state: 'active' }, 'may sign in again', options, context)
  )
  addAccountOptions(
    admin
      .command('role')
      .description('Make a user an administrator, or no longer.')
      .argument('<user>', NAME)
      .addArgument(new Argument('<role>', 'the role').choices(ROLES)),
    asJson
  ).action((name: string, role: string, options: AccountOptions) =>
    change(name, { role }, `has the role ${role}`, options, context)
  )
  addAccountOptions(
    admin
      .command('quota')
      .description('Set how much space a user has.')
      .argument('<user>', NAME)
      .argument('<size>', '500MB, 50GiB, …; `default`: what the role has', parseQuota),
    asJson
  ).action((name: string, quota: number | 'default', options: AccountOptions) =>
    change(
      name,
      { quota_bytes: quota === 'default' ? null : quota },
      quota === 'default' ? 'has the space of the role' : `has ${formatBytes(quota)}`,
      options,
      context
    )
  )
}

function parseQuota(text: string): number | 'default' {
  if (text === 'default') return text
  if (/^\d+$/.test(text))
    throw new InvalidArgumentError('Give a size with its unit: 500MB or 2GiB; or `default`.')
  return parseSize(text)
}

function addInvites(admin: Command, context: CliContext): void {
  const invite = admin
    .command('invite')
    .description('Make an invitation, and print the link to sign up with.')
    .addOption(new Option('--role <role>', 'of the account that it makes').choices(ROLES))
    .option(
      '-e, --expires <duration>',
      'how long it can be used (default: what the server says)',
      parseSeconds
    )
  addAccountOptions(invite, asJson).action(async (options: InviteOptions) => {
    const work = await import('../../account/users.ts')
    await work.createInvite(options, context)
  })
  addAccountOptions(
    admin.command('invites').description('List the invitations.'),
    'one JSON object a line'
  ).action(async (options: AccountOptions) => {
    const work = await import('../../account/users.ts')
    await work.listInvites(options, context)
  })
  addAccountOptions(
    admin
      .command('uninvite')
      .description('Withdraw an invitation.')
      .argument('<invitation>', 'id as `peerbin admin invites` lists it'),
    asJson
  ).action(async (id: string, options: AccountOptions) => {
    const work = await import('../../account/users.ts')
    await work.revokeInvite(id, options, context)
  })
}

interface LogOptions extends HistoryCommandOptions {
  user?: string
  from?: string
  to?: string
}

function addLog(admin: Command, context: CliContext): void {
  const log = admin
    .command('log')
    .description('Show who did what: the access log of the whole server.')
    .option('--user <user>', `only of this user: ${NAME}`)
    .option('--file <id>', 'only of this file: its id')
    .option('--from <time>', 'from this time on: 2026-11-22, 2026-11-22T09:30', parseTime)
    .option('--to <time>', 'before this time', parseTime)
  addAccountOptions(addRecordOptions(log), 'one JSON object a line').action(async (options: LogOptions) => {
    const { findUser } = await import('../../account/users.ts')
    const { showHistory } = await import('../../account/history.ts')
    const api = await openAccount(options, context)
    const user = options.user === undefined ? undefined : (await findUser(api, options.user)).user_id
    const { file, action, from, to } = options
    await showHistory(api, 'api/access-log', { user, file, action, from, to }, options, context)
  })
}

/** A moment as ISO 8601; what names no zone is in the one of this machine. */
function parseTime(text: string): string {
  const at = new Date(/^\d{4}-\d{2}-\d{2}$/.test(text) ? `${text}T00:00` : text)
  if (Number.isNaN(at.getTime())) throw new InvalidArgumentError('Give a time like 2026-11-22T09:30.')
  return at.toISOString()
}
