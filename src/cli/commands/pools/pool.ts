import { InvalidArgumentError } from 'commander'
import type { Command } from 'commander'
import { addAccountOptions } from '../../account/session.ts'
import type { AccountOptions } from '../../account/session.ts'
import { parseSize } from '../../arguments.ts'
import type { CliContext } from '../../context.ts'
import type { ChangeOptions, CreateOptions, ListOptions } from '../../pools/pools.ts'
import { addGroupCommands } from './groups.ts'
import { addMemberCommands } from './members.ts'
import { addSendCommands } from './send.ts'
import { addServeCommand } from './serve.ts'
import { addSettings, POOL_TEXT } from './shared.ts'

const TEXT = `
Producers send batches of files, each with a timestamp; the files of one window of time make a group; a server works on each group; every member gets its result (docs/pools.md).

Examples:
  peerbin pool create measurements --frequency 1h            an owner makes a pool,
  peerbin pool invite measurements --role producer           and keys to join it
  peerbin pool join pbjoin_… --server https://files.example.org
  peerbin pool send measurements today/                      a producer sends, now or when it is back
  peerbin pool send measurements --watch outbox/             or whatever appears in a folder
  peerbin pool serve measurements --exec './mean.py > "$PEERBIN_OUTPUT"'
  peerbin pool results measurements --follow -o results/     everybody gets every result, in order`

const SET_TEXT = `
Other windows hold for groups that are opened from then on.

Examples:
  peerbin pool set measurements --frequency 30m --close-at 20
  peerbin pool set measurements --name "Measurements 2026"
  peerbin pool set measurements --quota 500GB     (administrators)`

const work = async () => await import('../../pools/pools.ts')

export function addPoolCommand(program: Command, context: CliContext): void {
  const pool = program
    .command('pool')
    .summary('pools: many send, a server works, everybody gets the result')
    .description(
      'Pools: many programs send files, a server works on each window of time, everybody gets the result.'
    )
    .addHelpText('after', TEXT)
  const create = pool
    .command('create')
    .summary('make a pool, and print its id')
    .description('Make a pool, and print its id. Whoever makes it is its first owner.')
    .argument('<name>', 'what people call it')
  addAccountOptions(addSettings(create), 'as JSON: the pool').action(
    async (name: string, options: CreateOptions) => {
      await (await work()).createPool(name, options, context)
    }
  )
  const ls = pool
    .command('ls')
    .description('List the pools that you are in.')
    .option('--all', 'for administrators: all pools')
  addAccountOptions(ls, 'one JSON object a line').action(async (options: ListOptions) => {
    await (await work()).listPools(options, context)
  })
  const show = pool.command('show').description('Show a pool and its settings.').argument('<pool>', POOL_TEXT)
  addAccountOptions(show, 'as JSON: the pool').action(async (ref: string, options: AccountOptions) => {
    await (await work()).showPool(ref, options, context)
  })
  addChanging(pool, context)
  addMemberCommands(pool, context)
  addSendCommands(pool, context)
  addGroupCommands(pool, context)
  addServeCommand(pool, context)
}

function addChanging(pool: Command, context: CliContext): void {
  const set = pool
    .command('set')
    .description('Change name and settings of a pool; for owners.')
    .argument('<pool>', POOL_TEXT)
    .option('--name <name>', 'what people call it')
    .option('--quota <size>', 'for administrators: what it may take up; "none": as configured', parseQuota)
  addAccountOptions(addSettings(set), 'as JSON: the pool')
    .addHelpText('after', SET_TEXT)
    .action(async (ref: string, options: ChangeOptions) => {
      await (await work()).changePool(ref, options, context)
    })
  const archive = pool
    .command('archive')
    .summary('take nothing in any more; results stay')
    .description('Take nothing in any more: what is open closes and is worked on, results stay. For owners.')
    .argument('<pool>', POOL_TEXT)
    .option('--undo', 'take files in again')
  addAccountOptions(archive, 'as JSON: the pool').action(
    async (ref: string, options: AccountOptions & { undo?: boolean }) => {
      await (await work()).archivePool(ref, options, context)
    }
  )
  const remove = pool
    .command('delete')
    .description('Delete a pool with everything in it; for owners.')
    .argument('<pool>', POOL_TEXT)
    .option('--yes', 'do not ask')
  addAccountOptions(remove).action(async (ref: string, options: AccountOptions & { yes?: boolean }) => {
    await (await work()).deletePool(ref, options, context)
  })
}

function parseQuota(text: string): number | 'none' {
  if (text === 'none') return text
  const bytes = parseSize(text)
  if (bytes < 1) throw new InvalidArgumentError('Give a size with its unit, or "none".')
  return bytes
}
