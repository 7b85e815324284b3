import { Option } from 'commander'
import type { Command } from 'commander'
import type { CreateKeyOptions } from '../../account/keys.ts'
import { addAccountOptions } from '../../account/session.ts'
import type { AccountOptions } from '../../account/session.ts'
import { collect } from '../../arguments.ts'
import type { CliContext } from '../../context.ts'
import { parseSeconds } from './shared.ts'

const SCOPES = ['files:read', 'files:write', 'files:share', 'history:read', 'account', 'pools', 'admin']

const TEXT = `
A key lets a program into the account, with no more than its scopes, until it is revoked. It is shown once, when it is made; the server keeps a hash.

Examples:
  peerbin keys create backup --scope files:read --scope files:write > key.txt
  peerbin keys create nightly --scope files:read --expires 52w
  peerbin keys list
  peerbin keys revoke backup`

export function addKeysCommand(program: Command, context: CliContext): void {
  const keys = program
    .command('keys')
    .summary('API keys of the account: list, make, revoke')
    .description('List, make and revoke API keys of the account.')
    .addHelpText('after', TEXT)
  addAccountOptions(
    keys.command('list', { isDefault: true }).description('List the keys of the account.'),
    'one JSON object a line'
  ).action(async (options: AccountOptions) => {
    const work = await import('../../account/keys.ts')
    await work.listKeys(options, context)
  })
  const create = keys
    .command('create')
    .description('Make a key, and print it.')
    .argument('<name>', 'what it is for')
    .addOption(
      new Option('-s, --scope <scope>', `what it may do, given once for each: ${SCOPES.join(', ')}`)
        .argParser(collect)
        .makeOptionMandatory()
    )
    .option(
      '-e, --expires <duration>',
      'how long it works: 7d, 52w (default: until it is revoked)',
      parseSeconds
    )
  addAccountOptions(create, 'as JSON: key_id, key, …').action(
    async (name: string, options: CreateKeyOptions) => {
      const work = await import('../../account/keys.ts')
      await work.createKey(name, options, context)
    }
  )
  const revoke = keys
    .command('revoke')
    .description('End keys: they work nowhere within a second.')
    .argument('<key...>', 'id, or name, as `peerbin keys list` shows it')
  addAccountOptions(revoke, 'one JSON object a line').action(
    async (names: string[], options: AccountOptions) => {
      const work = await import('../../account/keys.ts')
      await work.revokeKeys(names, options, context)
    }
  )
}
