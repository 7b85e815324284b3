import { InvalidArgumentError, Option } from 'commander'
import type { Command } from 'commander'
import { parsePort, wholeNumber } from '../arguments.ts'
import type { CliContext } from '../context.ts'
import { addDataOption, addSettingOptions } from './shared.ts'
import type { DataOptions, SettingOptions } from './shared.ts'

/** Fewer could not keep two copies. */
const NODES_MIN = 2
const NODES_MAX = 64

export interface UpOptions extends DataOptions, SettingOptions {
  nodes?: number
  port?: number
  host?: string
  listen?: string
}

const TEXT = `
Starts a controller, storage nodes and an HTTP edge, each a process of its own, and prints one line when an upload would work. Runs
until Ctrl-C or SIGTERM; the next start on the same data folder serves what was stored. A process that dies is reported, and the rest
goes on. In the data folder: cluster.json lists the processes, logs/ has a log for each, config.json may hold settings.

Examples:
  peerbin up
  peerbin up --data /var/lib/peerbin --port 80 --host 0.0.0.0
  peerbin up --listen 0.0.0.0               further machines may join: see \`peerbin init\`
  peerbin up --set link.ttlMs=1w --set edge.uploadBytesMax=50MB`

export function addUpCommand(program: Command, context: CliContext): void {
  const command = program.command('up').summary('run a whole cluster on this machine')
  command.description('Run a whole cluster on this machine, until it is told to stop.')
  addSettingOptions(addDataOption(command))
    .addOption(
      new Option('-p, --port <port>', 'port of the edge, 0 = any (default: 8080)')
        .env('PORT')
        .argParser(parsePort)
    )
    .option('--host <host>', 'address the edge listens on (default: 127.0.0.1)')
    .option('-n, --nodes <number>', 'storage nodes (default: as many as there were, or 3)', parseNodes)
    .option('--listen <host>', 'address to listen on for peers of other machines (default: 127.0.0.1)')
    .addHelpText('after', TEXT)
    .action(async (options: UpOptions) => {
      const { up } = await import('../supervisor/run-cluster.ts')
      await up(options, context)
    })
}

function parseNodes(text: string): number {
  const nodes = wholeNumber(0, NODES_MAX)(text)
  if (nodes < NODES_MIN)
    throw new InvalidArgumentError(`At least ${NODES_MIN} are needed: every file has copies on two nodes.`)
  return nodes
}
