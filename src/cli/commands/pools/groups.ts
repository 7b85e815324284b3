import { Option } from 'commander'
import type { Command } from 'commander'
import { GROUP_STATES } from '../../../pools.ts'
import { addAccountOptions } from '../../account/session.ts'
import type { AccountOptions } from '../../account/session.ts'
import { wholeNumber } from '../../arguments.ts'
import type { CliContext } from '../../context.ts'
import type { GetOptions, GroupsOptions, WatchOptions } from '../../pools/groups.ts'
import type { ResultsOptions } from '../../pools/results.ts'
import { GROUP_TEXT, parseTime, POOL_TEXT } from './shared.ts'

const GET_TEXT = `
A folder that is not complete goes on where it was, and has manifest.json (member, timestamp, digest and metadata of every file) only when all of it is there and right. Archives go on as well.

Examples:
  peerbin pool get measurements latest -o group/
  peerbin pool get measurements 5b0c… --tar -o - | tar -x`

const RESULTS_TEXT = `
With -o every result is fetched that this folder does not have yet, in the order in which they were made, each once; --follow goes on with those to come. Where it is stands in the folder (.peerbin-results.json), so that whoever was away gets
what they missed.

Examples:
  peerbin pool results measurements
  peerbin pool results measurements --group latest -o mean.json
  peerbin pool results measurements --follow -o results/`

const WATCH_TEXT = `
Each event has a cursor (--json): whoever comes back with it is told what was missed.

Examples:
  peerbin pool watch measurements
  peerbin pool watch measurements --no-follow --types group.done,group.failed`

const LIMIT = 50
const LIMIT_MAX = 1_000_000

const work = async () => await import('../../pools/groups.ts')

export function addGroupCommands(pool: Command, context: CliContext): void {
  const groups = pool
    .command('groups')
    .description('List groups, the newest first.')
    .argument('<pool>', POOL_TEXT)
    .addOption(new Option('--state <state>', 'only these').choices(GROUP_STATES))
    .option('--from <time>', 'windows that begin then or later', parseTime)
    .option('--to <time>', 'or before', parseTime)
    .option('-n, --limit <count>', 'so many at most', wholeNumber(1, LIMIT_MAX), LIMIT)
  addAccountOptions(groups, 'one JSON object a line').action(async (ref: string, options: GroupsOptions) => {
    await (await work()).listGroups(ref, options, context)
  })
  const get = pool
    .command('get')
    .summary('fetch the files of a group')
    .description('Fetch the files of a group into a folder, or as an archive; for owners and servers.')
    .argument('<pool>', POOL_TEXT)
    .argument('<group>', GROUP_TEXT)
    .option('-o, --output <path>', 'folder, or file of the archive; "-" writes an archive to standard output')
    .addOption(new Option('--tar', 'as one tar file').conflicts('zip'))
    .option('--zip', 'as one zip file')
  addAccountOptions(get)
    .addHelpText('after', GET_TEXT)
    .action(async (ref: string, group: string, options: GetOptions) => {
      await (await work()).getGroup(ref, group, options, context)
    })
  addResults(pool, context)
  const close = pool
    .command('close')
    .description('Close a group before its time, so that it is worked on; for owners and servers.')
    .argument('<pool>', POOL_TEXT)
    .argument('<group>', 'id of the group, or "open": the newest that is')
  addAccountOptions(close).action(async (ref: string, group: string, options: AccountOptions) => {
    await (await work()).closeGroup(ref, group, options, context)
  })
  const retry = pool
    .command('retry')
    .description('Have a group that has failed for good worked on again; for owners and servers.')
    .argument('<pool>', POOL_TEXT)
    .argument('<group>', 'id of the group')
  addAccountOptions(retry).action(async (ref: string, group: string, options: AccountOptions) => {
    await (await work()).retryGroup(ref, group, options, context)
  })
  const watch = pool
    .command('watch')
    .description('Show what happens in a pool, as it happens.')
    .argument('<pool>', POOL_TEXT)
    .option('--since <cursor>', 'after this one, or "start": all that is kept')
    .option('--types <types>', 'only of these kinds, with commas between them')
    .option('--no-follow', 'only what has happened')
  addAccountOptions(watch, 'one CloudEvent a line')
    .addHelpText('after', WATCH_TEXT)
    .action(async (ref: string, options: WatchOptions) => {
      await (await work()).watchPool(ref, options, context)
    })
}

function addResults(pool: Command, context: CliContext): void {
  const results = pool
    .command('results')
    .summary('list results, or fetch all of them, in order')
    .description('List results, or fetch all of them into a folder, in order.')
    .argument('<pool>', POOL_TEXT)
    .option('-f, --follow', 'go on with those to come, until Ctrl-C')
    .option('-o, --output <path>', 'folder to fetch into; with --group a file')
    .option('--group <group>', 'only the result of this one; "latest": the newest that is done')
    .option('-n, --limit <count>', 'so many are listed at most', wholeNumber(1, LIMIT_MAX), LIMIT)
  addAccountOptions(results, 'one JSON object a line')
    .addHelpText('after', RESULTS_TEXT)
    .action(async (ref: string, options: ResultsOptions) => {
      const { results: run } = await import('../../pools/results.ts')
      await run(ref, options, context)
    })
}
