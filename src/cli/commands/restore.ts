import { Option } from 'commander'
import type { Command } from 'commander'
import { resolve } from 'node:path'
import type { Address } from '../../types.ts'
import { say } from '../context.ts'
import type { CliContext } from '../context.ts'
import { addAccountOptions } from '../account/session.ts'
import type { FileOptions } from '../account/open-files.ts'
import { wholeNumber } from '../arguments.ts'
import { addOwnerOption, VERSION_MAX } from './account/shared.ts'
import { addPeerOption } from './peer-option.ts'
import { joinTextOf } from './role.ts'
import { addDataOption, addSettingOptions, dataFolder, gatherConfig } from './shared.ts'
import type { DataOptions, SettingOptions } from './shared.ts'

interface RestoreCommandOptions extends DataOptions, SettingOptions {
  join?: string
  joinFile?: string
  peer?: Address[]
  json?: boolean
}

const TEXT = `
Two things have this name. With a version it is about a file of your account: what it was then becomes its newest version, and nothing is lost by that.

With one file it is for a cluster whose controller is lost, when \`peerbin controller --recover\` finds no snapshot on the nodes that can be used: that one
is newer. The nodes must be running and no controller. Files that were stored after the backup are found by their manifests on the
nodes. Nobody knows which links were redeemed since, so that all of them are suspended until an administrator resumes them.

That is refused when the cluster has a controller, or had one within the last minute; when there is metadata in the data folder; when the
backup is damaged, of another cluster, or of a newer version. Then start \`peerbin controller\`.

Examples:
  peerbin restore reports/report.pdf 2
  PEERBIN_JOIN=peerbin1_… peerbin restore nightly.backup --data /var/lib/peerbin
  peerbin restore nightly.backup --join-file join.txt --peer /ip4/10.0.0.7/tcp/4811`

export function addRestoreCommand(program: Command, context: CliContext): void {
  const command = program
    .command('restore')
    .summary('bring back an earlier version of a file; or a cluster from a backup')
    .description(
      'Bring back an earlier version of a file of the account; or, of a lost controller, the metadata from a backup.'
    )
    .argument('<file>', 'file of the account; or, without a version, one that `peerbin backup` wrote')
    .argument(
      '[version]',
      'version of the file of the account, as `peerbin versions` lists it',
      wholeNumber(1, VERSION_MAX)
    )
  addOwnerOption(addAccountOptions(command))
  addPeerOption(
    addSettingOptions(addDataOption(command))
      .addOption(
        new Option(
          '-j, --join <string>',
          'join string of the cluster, unless the data folder belongs to it'
        ).env('PEERBIN_JOIN')
      )
      .option('--join-file <file>', 'file that holds the join string')
  )
    .addHelpText('after', TEXT)
    .action(
      async (file: string, version: number | undefined, options: RestoreCommandOptions & FileOptions) => {
        if (version === undefined) return await restore(file, options, context)
        const work = await import('../account/versions.ts')
        await work.restoreVersion(file, version, options, context)
      }
    )
}

async function restore(file: string, options: RestoreCommandOptions, context: CliContext): Promise<void> {
  const home = dataFolder(options, context)
  const { input } = await gatherConfig(home, options, {}, context)
  const joinText = await joinTextOf(options, context)
  const roles = await context.roles()
  const { report } = await roles.restore({
    file: resolve(context.cwd, file),
    home,
    join: joinText === undefined ? undefined : roles.parseJoinString(joinText),
    peers: options.peer,
    config: input,
    signal: context.interrupted,
    onProgress: (text) => say(context, text)
  })
  context.stdout.write(
    options.json === true
      ? `${JSON.stringify(report, undefined, 2)}\n`
      : `${roles.describeReport(report)}Now start it: peerbin controller --data ${home}\n`
  )
}
