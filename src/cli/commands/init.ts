import type { Command } from 'commander'
import { say } from '../context.ts'
import type { CliContext } from '../context.ts'
import { addDataOption, addSettingOptions, dataFolder, gatherConfig } from './shared.ts'
import type { DataOptions, SettingOptions } from './shared.ts'

interface InitOptions extends DataOptions, SettingOptions {
  listen?: string
  advertise?: string
}

const TEXT = `
Makes the cluster's secret, the controller's identity and its port in the data folder, once. Asked again, or for a cluster that
\`peerbin up\` made, it prints the join string that is there, also while the cluster runs.

On a machine that joined a cluster it prints a join string that leads to the members on this machine and to those they know: it
works also when the controller's machine is gone.

The join string is the key to the cluster: whoever has it can join and read everything.

Examples:
  peerbin init                                     a cluster on this machine only
  peerbin init --listen 0.0.0.0                    other machines join by this machine's own addresses
  peerbin init --listen 0.0.0.0 --advertise lab1.example.org
Then:
  peerbin controller                               here
  PEERBIN_JOIN=peerbin1_… peerbin node             on each machine, and likewise \`peerbin edge\``

export function addInitCommand(program: Command, context: CliContext): void {
  const command = program
    .command('init')
    .summary('make a cluster, and print the join string for further machines')
  command.description('Make a cluster, and print the join string for further machines.')
  addSettingOptions(addDataOption(command))
    .option(
      '--listen <host>',
      'address the controller listens on for peers; 0.0.0.0 for other machines (default: 127.0.0.1)'
    )
    .option(
      '--advertise <host>',
      'host name or address that other machines dial, when it is not the one listened on'
    )
    .addHelpText('after', TEXT)
    .action((options: InitOptions) => init(options, context))
}

async function init(options: InitOptions, context: CliContext): Promise<void> {
  const home = dataFolder(options, context)
  const { input } = await gatherConfig(home, options, {}, context)
  const roles = await context.roles()
  const { joinString, made } = await roles.initCluster({
    home,
    config: input,
    listen: options.listen,
    advertise: options.advertise
  })
  if (made) say(context, `made a cluster in ${home}; keep the join string secret`)
  context.stdout.write(`${joinString}\n`)
}
