import type { Command } from 'commander'
import { addAccountOptions, openAccount } from '../../account/session.ts'
import type { AccountOptions } from '../../account/session.ts'
import type { EventsOptions } from '../../account/events.ts'
import type { CliContext } from '../../context.ts'

const TEXT = `
Files that were added, edited, moved and removed, links that were redeemed, uploads that were completed, sessions that began and ended: in order, and none left out.

Each event has a cursor (--json), and the last one is told at the end: whoever comes back with it is told what was missed. Events are kept for 30 days; for an older cursor
the command fails with \`cursor-expired\`.

Examples:
  peerbin events --follow
  peerbin events --since start --types file.added,file.edited
  peerbin events --follow --json | jq 'select(.type == "link.redeemed")'`

export function addEventsCommand(program: Command, context: CliContext): void {
  const command = program
    .command('events')
    .summary('show what happens to your files, links and sessions, as it happens')
    .description('Show what happens to your files, links and sessions, as it happens.')
    .option('-f, --follow', 'go on with what comes, until Ctrl-C')
    .option('--since <cursor>', 'after this one, or "start": all that are kept (default without --follow)')
    .option('--types <types>', 'only of these kinds, with commas between them')
    .option('--owner <user_id>', 'of another user, or "*", of everybody; for administrators')
  addAccountOptions(command, 'one CloudEvent a line')
    .addHelpText('after', TEXT)
    .action(async (options: AccountOptions & EventsOptions) => {
      const { showEvents } = await import('../../account/events.ts')
      await showEvents(await openAccount(options, context), options, context)
    })
}
