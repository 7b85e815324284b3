import type { Command } from 'commander'
import { addAccountOptions } from '../../account/session.ts'
import { wholeNumber } from '../../arguments.ts'
import type { CliContext } from '../../context.ts'
import type { ServeOptions } from '../../pools/serve.ts'
import { parseSeconds } from '../account/shared.ts'
import { POOL_TEXT } from './shared.ts'

const TEXT = `
For each group that is ready its files are fetched into a folder, in which the command runs; what it writes to the file PEERBIN_OUTPUT is the result. While it runs the group is this server's; when that ends (another server has it), the command is ended. Any number of servers may run, anywhere: each
group goes to one of them.

The command is given PEERBIN_GROUP_DIR (its working directory), PEERBIN_MANIFEST (manifest.json: member, timestamp, digest and metadata of every file, and its path), PEERBIN_OUTPUT, PEERBIN_GROUP, PEERBIN_GROUP_START, PEERBIN_GROUP_END,
PEERBIN_GROUP_GENERATION, PEERBIN_GROUP_LATE and PEERBIN_ATTEMPT. An exit status other than 0 is a failure, told with the last lines of standard error, and tried again as often as the pool says; 65 says that trying again would not help.

Examples:
  peerbin pool serve measurements --exec 'python3 mean.py > "$PEERBIN_OUTPUT"'
  peerbin pool serve measurements --exec ./train.sh --time-limit 30m --result-name model.bin
  peerbin pool serve measurements --exec ./train.sh --once        one group, if one is ready`

export function addServeCommand(pool: Command, context: CliContext): void {
  const serve = pool
    .command('serve')
    .summary('work on groups by a command')
    .description('Work on groups as they are ready, by a command; for servers.')
    .argument('<pool>', POOL_TEXT)
    .requiredOption('--exec <command>', 'shell command that works on a group')
    .option('--work <folder>', 'where folders of groups are made (default: below the system’s temporary one)')
    .option('--keep', 'leave folders of groups there')
    .option('--result-name <name>', 'what results are called (default: result-WINDOW)')
    .option('--result-type <type>', 'media type of results', 'application/octet-stream')
    .option('--time-limit <duration>', 'end a command that takes longer: it has failed', parseSeconds)
    .option('--concurrency <count>', 'groups that are worked on at once', wholeNumber(1, 64), 1)
    .option('--once', 'one group if one is ready, and end; exit code 7 when it failed')
  addAccountOptions(serve, 'one JSON object a line')
    .addHelpText('after', TEXT)
    .action(async (ref: string, options: ServeOptions) => {
      const { servePool } = await import('../../pools/serve.ts')
      await servePool(ref, options, context)
    })
}
