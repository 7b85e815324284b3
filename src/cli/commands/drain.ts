import type { Command } from 'commander'
import { addAdminOptions } from '../cluster/admin-command.ts'
import type { DrainOptions, RetireOptions } from '../cluster/drain.ts'
import type { CliContext } from '../context.ts'

const NODE = 'peer id, its last characters, or the host when it has one node (`peerbin status` lists them)'

const DRAIN_TEXT = `
A node that is being emptied takes no new chunks and goes on serving. Its chunks are copied to the others first, so no chunk ever
has fewer copies than before. The command waits until it is safe to switch the node off; Ctrl-C ends the waiting, not the work.

Refused when the others could not hold everything: fewer than two nodes, or not enough room.

Examples:
  peerbin drain lab3                       wait until it is safe to switch off
  peerbin drain 8eKw2x --no-wait           \`peerbin status\` shows how far it is
  peerbin drain lab3 --undo                keep the node after all`

const RETIRE_TEXT = `
For a node that was emptied (\`peerbin drain\`), or one that will never come back. The cluster forgets what it held and does not let
it in again; the machine can join with a new data folder.

Refused while chunks still need it. With --force a node that is down is forgotten all the same: chunks whose only copy it had are lost.

Examples:
  peerbin retire lab3
  peerbin retire 8eKw2x --force            its disk is broken for good`

export function addDrainCommands(program: Command, context: CliContext): void {
  const drain = program
    .command('drain')
    .summary('empty a node, so that it can be switched off')
    .description('Empty a node, so that it can be switched off.')
    .argument('<node>', NODE)
  addAdminOptions(drain)
    .option('--undo', 'the node takes chunks again')
    .option('--no-wait', 'do not wait until it is empty')
    .addHelpText('after', DRAIN_TEXT)
    .action(async (node: string, options: DrainOptions) => {
      const commands = await import('../cluster/drain.ts')
      await commands.drain(node, options, context)
    })
  const retire = program
    .command('retire')
    .summary('forget a node that was emptied or is gone for good')
    .description('Forget a node that was emptied or is gone for good.')
    .argument('<node>', NODE)
  addAdminOptions(retire)
    .option('--force', 'also a node that is down and may hold the only copy of something')
    .addHelpText('after', RETIRE_TEXT)
    .action(async (node: string, options: RetireOptions) => {
      const commands = await import('../cluster/drain.ts')
      await commands.retire(node, options, context)
    })
}
