import { Argument } from 'commander'
import type { Command } from 'commander'
import { POOL_ROLES } from '../../../pools.ts'
import type { PoolRole } from '../../../pools.ts'
import { addAccountOptions } from '../../account/session.ts'
import type { AccountOptions } from '../../account/session.ts'
import { wholeNumber } from '../../arguments.ts'
import type { CliContext } from '../../context.ts'
import type { InviteOptions, JoinCommandOptions, MembersOptions } from '../../pools/members.ts'
import { parseSeconds } from '../account/shared.ts'
import { POOL_TEXT, roleOption } from './shared.ts'

const JOIN_TEXT = `
With an account (\`peerbin login\`) you join as yourself. Without one, or with --program, an account for this program is made, which can do nothing but use this pool; its token is kept on this machine, for you alone.

Examples:
  peerbin pool join 'https://files.example.org/pools/join#pbjoin_…'
  peerbin pool join pbjoin_… --server https://files.example.org --name sensor-17
  peerbin pool join pbjoin_… --program --print-token > token.txt    for another machine: PEERBIN_TOKEN`

const INVITE_TEXT = `
Roles: a producer sends files and gets results; a listener gets results; a server works on groups; an owner may do everything.

Examples:
  peerbin pool invite measurements --role producer --expires 30d
  peerbin pool invite measurements --role server --uses 1`

const work = async () => await import('../../pools/members.ts')

export function addMemberCommands(pool: Command, context: CliContext): void {
  const join = pool
    .command('join')
    .description('Join a pool by a key that one of its owners made.')
    .argument('<key>', 'pbjoin_…, or the address with it')
    .option('--name <name>', 'name of the account that is made for a program')
    .option('--program', 'as a program, although you are signed in')
    .option('--print-token', "print the program's token, and keep nothing on this machine")
  addAccountOptions(join, 'as JSON: pool, role, …')
    .addHelpText('after', JOIN_TEXT)
    .action(
      async (key: string, options: JoinCommandOptions) => await (await work()).joinPool(key, options, context)
    )
  const leave = pool.command('leave').description('Be no member any more.').argument('<pool>', POOL_TEXT)
  addAccountOptions(leave).action(async (ref: string, options: AccountOptions) => {
    await (await work()).leavePool(ref, options, context)
  })
  addKeys(pool, context)
  addMembers(pool, context)
}

function addKeys(pool: Command, context: CliContext): void {
  const invite = pool
    .command('invite')
    .summary('make a key to join by, and print its address')
    .description('Make a key to join by, and print the address to give away; for owners.')
    .argument('<pool>', POOL_TEXT)
    .addOption(roleOption('-r, --role <role>', 'what whoever has it becomes').makeOptionMandatory())
    .option('-e, --expires <duration>', 'how long it works (default: 7d)', parseSeconds)
    .option('--uses <count>', 'how many may join by it (default: any number)', wholeNumber(1, 1_000_000))
  addAccountOptions(invite, 'as JSON: id, key, url, …')
    .addHelpText('after', INVITE_TEXT)
    .action(async (ref: string, options: InviteOptions) => await (await work()).invite(ref, options, context))
  const keys = pool
    .command('keys')
    .description('List keys to join by; for owners.')
    .argument('<pool>', POOL_TEXT)
  addAccountOptions(keys, 'one JSON object a line').action(async (ref: string, options: AccountOptions) => {
    await (await work()).listJoinKeys(ref, options, context)
  })
  const revoke = pool
    .command('revoke')
    .description('End a key to join by; who has joined stays. For owners.')
    .argument('<pool>', POOL_TEXT)
    .argument('<key>', 'its id, as `peerbin pool keys` shows it')
  addAccountOptions(revoke).action(async (ref: string, key: string, options: AccountOptions) => {
    await (await work()).removeJoinKey(ref, key, options, context)
  })
}

function addMembers(pool: Command, context: CliContext): void {
  const members = pool
    .command('members')
    .description('List members, and when they sent last.')
    .argument('<pool>', POOL_TEXT)
    .addOption(roleOption('-r, --role <role>', 'only of this role'))
    .option('--silent', 'only producers that should have sent and have not')
  addAccountOptions(members, 'one JSON object a line').action(
    async (ref: string, options: MembersOptions) => {
      await (await work()).listMembers(ref, options, context)
    }
  )
  const add = pool
    .command('add')
    .description('Make a user of this server a member; for owners.')
    .argument('<pool>', POOL_TEXT)
    .argument('<user>', 'name of the account')
    .addOption(roleOption('-r, --role <role>', 'what they become').makeOptionMandatory())
  addAccountOptions(add).action(
    async (ref: string, name: string, options: AccountOptions & { role: PoolRole }) => {
      await (await work()).addMember(ref, name, options, context)
    }
  )
  const role = pool
    .command('role')
    .description('Give a member another role; for owners.')
    .argument('<pool>', POOL_TEXT)
    .argument('<member>', 'name, or id of the account')
    .addArgument(new Argument('<role>').choices(POOL_ROLES))
  addAccountOptions(role).action(async (ref: string, name: string, to: PoolRole, options: AccountOptions) => {
    await (await work()).changeRole(ref, name, to, options, context)
  })
  const remove = pool
    .command('remove')
    .summary('make somebody no member any more')
    .description('Make members none any more, at once; what they have sent stays. For owners.')
    .argument('<pool>', POOL_TEXT)
    .argument('<member...>', 'names, or ids of accounts')
  addAccountOptions(remove).action(async (ref: string, names: string[], options: AccountOptions) => {
    await (await work()).removeMembers(ref, names, options, context)
  })
}
