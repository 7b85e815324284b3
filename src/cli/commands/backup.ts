import type { Command } from 'commander'
import { resolve } from 'node:path'
import { addAdminOptions } from '../cluster/admin-command.ts'
import type { AdminCommandOptions } from '../cluster/admin-command.ts'
import type { CliContext } from '../context.ts'
import { formatBytes } from '../progress.ts'
import { dataFolder } from './shared.ts'

interface BackupCommandOptions extends AdminCommandOptions {
  force?: boolean
}

const TEXT = `
Writes the metadata of the running cluster (names, links, where every chunk is) to one file, encrypted with the cluster's secret: keep
the join string as well, apart from it. The bytes of the files stay on the nodes. The nodes keep newer snapshots of the same by
themselves; a backup is for the day when those are gone too, or somebody has deleted what was needed.

Examples:
  peerbin backup peerbin-$(date +%F).backup
  peerbin backup nightly.backup --force --json`

export function addBackupCommand(program: Command, context: CliContext): void {
  const command = program
    .command('backup')
    .summary('write the metadata of the running cluster to a file')
    .description('Write the metadata of the running cluster to a file.')
    .argument('<file>', 'file to write')
  addAdminOptions(command)
    .option('--force', 'replace a file that is there')
    .addHelpText('after', TEXT)
    .action((file: string, options: BackupCommandOptions) => backup(file, options, context))
}

async function backup(file: string, options: BackupCommandOptions, context: CliContext): Promise<void> {
  const roles = await context.roles()
  const isShown = context.stderr.isTTY === true
  const done = await roles.backup(dataFolder(options, context), resolve(context.cwd, file), {
    join: options.join === undefined ? undefined : roles.parseJoinString(options.join),
    force: options.force,
    signal: context.interrupted,
    onProgress: (bytes) => {
      if (isShown) context.stderr.write(`\r${formatBytes(bytes)}\u001B[K`)
    }
  })
  if (isShown) context.stderr.write('\r\u001B[K')
  context.stdout.write(
    options.json === true
      ? `${JSON.stringify(done, undefined, 2)}\n`
      : `${done.file}: ${formatBytes(done.bytes)}, as of ${new Date(done.madeAt).toISOString()}\n`
  )
}
