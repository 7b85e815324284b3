import type { Command } from 'commander'
import { addAccountOptions } from '../../account/session.ts'
import { collect } from '../../arguments.ts'
import type { CliContext } from '../../context.ts'
import type { SyncCommandOptions } from '../../sync/sync.ts'

const TEXT = `
What changes on one side is brought to the other, until Ctrl-C; only parts of files that the other side lacks travel. Where both changed, both are kept: what came to the server first
has the name, the other one is NAME (conflict of HOST TIME) on both sides. A file that was deleted on one side and edited on the other stays.

Symbolic links, empty files, and names that a server does not take are left out, and told. Nothing is deleted when more than half of all files (and more than 25) are gone at once,
unless you confirm it. What is remembered is in DIR/.peerbin-sync.

Examples:
  peerbin sync ~/Peerbin
  peerbin sync ~/work/reports --to reports --exclude '*.tmp' --exclude node_modules
  peerbin sync --once --json /srv/backup      # from cron; the exit code says whether both sides are in step
  peerbin sync --dry-run ~/Peerbin`

export function addSyncCommand(program: Command, context: CliContext): void {
  const command = program
    .command('sync')
    .summary('keep a folder here in step with files of the account')
    .description('Keep a folder of this machine in step with files of the account, both ways.')
    .argument('<directory>', 'the folder here; it is made if it is not there')
    .option('--to <folder>', 'only this folder of the account (default: all its files)')
    .option('--once', 'end when both sides are in step')
    .option('--dry-run', 'only say what would be done')
    .option('--exclude <glob>', 'leave out what has this name, or path; may be given several times', collect)
    .option('--confirm-deletes', 'delete, even when more than half of all files are gone')
    .option('--no-watch', 'do not watch the folder, but look at it every ten minutes')
  addAccountOptions(command, 'one JSON object a line, of each step and each summary')
    .addHelpText('after', TEXT)
    .action(async (directory: string, options: SyncCommandOptions) => {
      const work = await import('../../sync/sync.ts')
      await work.sync(directory, options, context)
    })
}
