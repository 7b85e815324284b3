import { Argument } from 'commander'
import type { Command } from 'commander'
import { addAdminOptions } from '../cluster/admin-command.ts'
import type { AdminCommandOptions } from '../cluster/admin-command.ts'
import type { CollectorAction } from '../cluster/collector.ts'
import { PeerbinError } from '../../errors.ts'
import type { CliContext } from '../context.ts'

const TEXT = `
The collector deletes chunks that no file needs. It freezes by itself when the metadata was recovered or restored, and stops before
a large sweep of chunks that are on a node's disk but unknown to the metadata: both can mean that the metadata is what is wrong.

  show      what it is doing (the default)
  freeze    nothing is deleted from now on
  resume    deleting goes on
  approve   delete the unknown chunks of one node, however many they are

Examples:
  peerbin collector
  peerbin collector resume
  peerbin collector approve lab3`

export function addCollectorCommand(program: Command, context: CliContext): void {
  const command = program
    .command('collector')
    .summary('stop or resume deleting, and approve large sweeps')
    .description('Stop or resume deleting, and approve large sweeps.')
    .addArgument(
      new Argument('[action]', 'what to do').choices(['show', 'freeze', 'resume', 'approve']).default('show')
    )
    .argument('[node]', 'whose sweep is approved')
  addAdminOptions(command)
    .addHelpText('after', TEXT)
    .action(async (action: CollectorAction, node: string | undefined, options: AdminCommandOptions) => {
      if ((action === 'approve') !== (node !== undefined))
        throw new PeerbinError('usage', 'give the node for approve, and only there')
      const { collector } = await import('../cluster/collector.ts')
      await collector(action, node, options, context)
    })
}
