import type { Command } from 'commander'
import { addAccountOptions } from '../../account/session.ts'
import type { ShareOptions, UnshareOptions } from '../../account/share.ts'
import type { FileOptions } from '../../account/open-files.ts'
import type { PruneOptions } from '../../account/versions.ts'
import { wholeNumber } from '../../arguments.ts'
import type { CliContext } from '../../context.ts'
import { addPasswordOptions } from '../../password/sources.ts'
import { addOwnerOption, FILE_TEXT, parseSeconds, VERSION_MAX } from './shared.ts'

const VERSIONS_TEXT = `
The newest first. \`peerbin get --version\` fetches one, \`peerbin restore PATH VERSION\` makes one the newest again.

Examples:
  peerbin versions report.pdf
  peerbin restore report.pdf 2`

const PRUNE_TEXT = `
Deletes all versions but the newest, and gives their space back. Those that links still need are kept until the links are over.

Examples:
  peerbin prune --keep 1 report.pdf
  peerbin prune --keep 5 a.csv b.csv`

const SHARE_TEXT = `
Prints a link for anybody who has it: once, for two days, unless options or the server say otherwise. It leads to the version that there is now, or the one that is named.

Examples:
  peerbin share report.pdf
  peerbin share --downloads 5 --expires 1w --ask-password report.pdf
  peerbin share --json report.pdf | jq -r .senderUrl     # where you see what became of it`

const SHARES_TEXT = `
Examples:
  peerbin shares report.pdf
  peerbin unshare report.pdf 0f1e2d3c4b5a6978`

const UNSHARE_TEXT = `
Examples:
  peerbin unshare report.pdf 0f1e2d3c4b5a6978
  peerbin unshare --all report.pdf`

export function addVersionCommands(program: Command, context: CliContext): void {
  const versions = program
    .command('versions')
    .summary('list the versions of a file of the account')
    .description('List the versions of a file of the account.')
    .argument('<path>', FILE_TEXT)
  addOwnerOption(addAccountOptions(versions, 'one JSON object a line'))
    .addHelpText('after', VERSIONS_TEXT)
    .action(async (path: string, options: FileOptions) => {
      const work = await import('../../account/versions.ts')
      await work.versions(path, options, context)
    })
  const prune = program
    .command('prune')
    .summary('delete old versions of files of the account')
    .description('Delete old versions of files of the account.')
    .argument('<path...>', FILE_TEXT)
    .requiredOption('-k, --keep <number>', 'how many of the newest stay', wholeNumber(1, VERSION_MAX))
  addOwnerOption(addAccountOptions(prune, 'one JSON object a line, of each file'))
    .addHelpText('after', PRUNE_TEXT)
    .action(async (paths: string[], options: PruneOptions) => {
      const work = await import('../../account/versions.ts')
      await work.prune(paths, options, context)
    })
}

export function addShareCommands(program: Command, context: CliContext): void {
  addShare(program, context)
  const shares = program
    .command('shares')
    .summary('list the links to a file of the account')
    .description('List the links to a file of the account.')
    .argument('<path>', FILE_TEXT)
  addOwnerOption(addAccountOptions(shares, 'one JSON object a line'))
    .addHelpText('after', SHARES_TEXT)
    .action(async (path: string, options: FileOptions) => {
      const work = await import('../../account/share.ts')
      await work.shares(path, options, context)
    })
  const unshare = program
    .command('unshare')
    .summary('withdraw links to a file of the account')
    .description('Withdraw links to a file of the account.')
    .argument('<path>', FILE_TEXT)
    .argument('[share...]', 'links as `peerbin shares` lists them')
    .option('--all', 'all that still work')
  addOwnerOption(addAccountOptions(unshare, 'one JSON object a line, of each link'))
    .addHelpText('after', UNSHARE_TEXT)
    .action(async (path: string, names: string[], options: UnshareOptions) => {
      const work = await import('../../account/share.ts')
      await work.unshare(path, names, options, context)
    })
}

function addShare(program: Command, context: CliContext): void {
  const command = program
    .command('share')
    .summary('make a link to a file of the account')
    .description('Make a link to a file of the account, and print it.')
    .argument('<path>', FILE_TEXT)
    .option(
      '-n, --downloads <number>',
      'how often the link works (default: 1, or what the server says)',
      wholeNumber(1, 10_000)
    )
    .option(
      '-e, --expires <duration>',
      'how long the link works: 90s, 30m, 2h, 2d, 1w (default: 2d, or what the server says)',
      parseSeconds
    )
    .option('--version <number>', 'an earlier version', wholeNumber(1, VERSION_MAX))
  addPasswordOptions(command, 'password of the link')
    .option('--ask-password', 'asks for the password of the link at the terminal')
    .option('--qr', 'draws the link as a QR code as well, on standard error')
  addOwnerOption(addAccountOptions(command, 'as JSON: url, directUrl, deleteUrl, senderUrl, expiresAt, …'))
    .addHelpText('after', SHARE_TEXT)
    .action(async (path: string, options: ShareOptions) => {
      const work = await import('../../account/share.ts')
      await work.share(path, options, context)
    })
}
