import type { Command } from 'commander'
import { addAdminOptions } from '../cluster/admin-command.ts'
import type { ScrubOptions } from '../cluster/scrub.ts'
import type { CliContext } from '../context.ts'

const TEXT = `
Nodes read and verify everything they hold on their own: within 14 days (scrub.intervalMs), new chunks within a day. This starts a
full pass now and shows how far it is. A rotten copy is set aside, and made again from a good one at once.

Examples:
  peerbin scrub                            all nodes; waits until they are through
  peerbin scrub lab3 --no-wait
  peerbin scrub --status                   how the last pass went`

export function addScrubCommand(program: Command, context: CliContext): void {
  const command = program
    .command('scrub')
    .summary('read and verify every stored chunk now')
    .description('Read and verify every stored chunk now.')
    .argument('[node]', 'one node; all when it is left out')
  addAdminOptions(command)
    .option('--no-wait', 'do not wait until it is done')
    .option('--status', 'start nothing, only show')
    .addHelpText('after', TEXT)
    .action(async (node: string | undefined, options: ScrubOptions) => {
      const { scrub } = await import('../cluster/scrub.ts')
      await scrub(node, options, context)
    })
}
