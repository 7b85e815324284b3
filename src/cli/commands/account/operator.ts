/** `peerbin admin`: what works on the cluster itself; the rest is in admin.ts. */

import type { Command } from 'commander'
import { addAdminOptions } from '../../cluster/admin-command.ts'
import type { OperatorPasswordOptions } from '../../cluster/accounts.ts'
import type { CliContext } from '../../context.ts'
import { addPasswordOptions } from '../../password/sources.ts'
import { addAccountAdminCommands } from './admin.ts'

export function addAdminCommand(program: Command, context: CliContext): void {
  const admin = program
    .command('admin')
    .summary('administer accounts: create, users, disable, role, quota, invite, log, …')
    .description('Administer the accounts of a server.')
  const create = admin
    .command('create')
    .description(
      'Make an administrator, by the data folder of a machine of the cluster. There need be none before.'
    )
    .argument('<name>', 'name of the account')
  addAdminOptions(addPasswordOptions(create, 'password of the account')).action(
    async (name: string, options: OperatorPasswordOptions) => {
      const work = await import('../../cluster/accounts.ts')
      await work.createAdmin(name, options, context)
    }
  )
  addAccountAdminCommands(admin, context)
}
