import { Option } from 'commander'
import type { Command } from 'commander'
import { addAccountOptions } from '../../account/session.ts'
import { collectPair, parseDuration } from '../../arguments.ts'
import type { CliContext } from '../../context.ts'
import type { QueueOptions, SendOptions } from '../../pools/send.ts'
import { addQueueFolder, collectIds, parseTimestamp, POOL_TEXT } from './shared.ts'

const TEXT = `
Files are copied into a queue on this machine first, and sent from there as one batch, all or nothing. What could not be sent yet stays in the queue, over kills and power cuts, and is sent by the next \`send\` for this pool: never lost,
never twice. A file is known by its name (below the folder that was given) and its timestamp, which decides its window.

Exit codes: 0 everything was taken by the pool; 3 or 6 it is in the queue, but the server is away or busy; 2, 4 or 5 something was refused, and is told.

Examples:
  peerbin pool send measurements today/
  peerbin pool send measurements out.csv --timestamp 2026-11-22T09:30:00Z --meta sensor=17
  peerbin pool send measurements outbox/ --no-send       only into the queue
  peerbin pool send measurements --watch outbox/ --every 10s`

const QUEUE_TEXT = `
Files that the pool refused for good (too old, or another file of this name and timestamp was sent) are set aside, and do not hold the others.

Examples:
  peerbin pool queue measurements
  peerbin pool queue measurements --send                 what waits
  peerbin pool queue measurements --retry 17 18          what was set aside, too; --retry-all: all of it
  peerbin pool queue measurements --drop 17              never mind`

const WAIT_MS = 60_000
const EVERY_MS = 5000

const waitOption = (): Option =>
  new Option('--wait <duration>', 'for how long to try').argParser(parseDuration).default(WAIT_MS, '1m')

const work = async () => await import('../../pools/send.ts')

export function addSendCommands(pool: Command, context: CliContext): void {
  const send = pool
    .command('send')
    .summary('send files, now or when the server can be reached')
    .description('Send files and folders to a pool, now or when the server can be reached.')
    .argument('<pool>', POOL_TEXT)
    .argument('<path...>', 'files, and folders with files')
    .option(
      '-t, --timestamp <time>',
      '"mtime": when each was last modified; "now"; or a time',
      parseTimestamp,
      'mtime'
    )
    .option('-m, --meta <key=value>', 'a note about each file; may be given again', collectPair)
    .option('--type <type>', 'media type of the files', 'application/octet-stream')
    .option('--no-send', 'only put them into the queue')
    .addOption(waitOption())
    .option('-w, --watch', 'go on: send what appears in the folders, as soon as it stopped changing')
    .addOption(
      new Option('--every <duration>', 'with --watch: look so often')
        .argParser(parseDuration)
        .default(EVERY_MS, '5s')
    )
  addAccountOptions(addQueueFolder(send), 'one JSON object a line')
    .addHelpText('after', TEXT)
    .action(async (ref: string, paths: string[], options: SendOptions) => {
      await (await work()).sendFiles(ref, paths, options, context)
    })
  const queue = pool
    .command('queue')
    .summary('what waits to be sent: list, send, retry, drop')
    .description('Show what waits to be sent to a pool, and what was set aside.')
    .argument('<pool>', POOL_TEXT)
    .option('--send', 'send what waits')
    .option('--retry <id...>', 'send these, which were set aside', collectIds)
    .option('--retry-all', 'send all that was set aside')
    .option('--drop <id...>', 'take these out, and do not send them', collectIds)
    .option('--drop-refused', 'take out what was set aside')
    .addOption(waitOption())
  addAccountOptions(addQueueFolder(queue), 'one JSON object a line')
    .addHelpText('after', QUEUE_TEXT)
    .action(async (ref: string, options: QueueFlags) => {
      const { dropQueued, sendQueue, showQueue } = await work()
      const { retry = [], retryAll: all = false, drop = [], dropRefused: refused = false } = options
      if (drop.length > 0 || refused) return await dropQueued(ref, drop, { ...options, refused }, context)
      if (options.send === true || retry.length > 0 || all)
        return await sendQueue(ref, retry, { ...options, all }, context)
      await showQueue(ref, options, context)
    })
}

interface QueueFlags extends QueueOptions {
  send?: boolean
  retry?: number[]
  retryAll?: boolean
  drop?: number[]
  dropRefused?: boolean
}
