import type { Command } from 'commander'
import type { CliContext } from '../context.ts'
import { addServerOption } from './shared.ts'
import type { ServerOptions } from './shared.ts'

export interface StatusOptions extends ServerOptions {
  json?: boolean
}

const TEXT = `
Shows each node with its state and space, and what the cluster holds. "Owed" are chunks with fewer copies than there should be; they
get them in the background.

Examples:
  peerbin status
  peerbin status --json | jq .chunksOwed
  watch peerbin status --server http://lab1:8080`

export function addStatusCommand(program: Command, context: CliContext): void {
  const command = program.command('status').summary('show nodes, space, files, and chunks that lack copies')
  command.description('Show nodes, space, files, and chunks that lack copies.')
  addServerOption(command)
    .option('--json', 'as JSON, with everything the cluster says')
    .addHelpText('after', TEXT)
    .action(async (options: StatusOptions) => {
      const { show } = await import('../show-status.ts')
      await show(options, context)
    })
}
