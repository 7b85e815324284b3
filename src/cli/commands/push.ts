import { InvalidArgumentError, Option } from 'commander'
import type { Command } from 'commander'
import { parseDuration, parseServer, wholeNumber } from '../arguments.ts'
import type { CliContext } from '../context.ts'
import { DEFAULT_SERVER } from './shared.ts'
import { addPasswordOptions } from '../password/sources.ts'
import type { PasswordOptions } from '../password/sources.ts'

export interface PushOptions extends PasswordOptions {
  server: [URL, ...URL[]]
  name?: string
  each?: boolean
  encrypt?: boolean
  downloads?: number
  expires?: number
  json?: boolean
  qr?: boolean
}

const TEXT = `
Prints the link. Several files, or a folder with all that is in it, go under one link, and are downloaded as a zip or one by one; --each gives every file a link of its own.
The link works once, for two days, unless the options or the server say otherwise. What the server has in the end is compared by SHA-256.

Of folders hidden files are sent too; symbolic links inside are not followed, and empty folders are not kept.

With --encrypt nobody can read the files, nor their names, who has not the whole link: the key stands behind its #, and no server ever sees it. Put such a link in quotes
where you type it, and send all of it.

A connection that breaks is gone on with, at another edge of the cluster where several are named. A file that changes while it is sent ends the upload.

A password is never an argument, since other users of the machine can see those. Tell it to the recipient in another way than the link.

Examples:
  peerbin push report.pdf
  peerbin push --encrypt holiday/                       # a folder, readable by who has the link
  peerbin push --name "for Ada" notes.txt drawings/ plan.pdf
  peerbin push --each --downloads 5 --expires 1w *.jpg
  peerbin push --ask-password --qr report.pdf
  peerbin push --json report.pdf | jq -r .senderUrl     # where you see what became of it
  peerbin push --server https://a.example.org --server https://b.example.org video.mkv`

export function addPushCommand(program: Command, context: CliContext): void {
  const command = program.command('push').summary('upload files and folders, and print the link')
  command
    .description('Upload files and folders, and print the link to them.')
    .argument('<file...>', 'files and folders to upload')
    .option('-E, --encrypt', 'encrypt on this machine; the key is part of the link, and of nothing else')
    .option('--name <name>', 'name of the whole (default: the file’s or folder’s; "files" for several)')
    .option('--each', 'a link for each file or folder, one a line, in their order')
    .addOption(
      new Option('--server <url>', 'edge to talk to; given again, or several with commas: others to go on at')
        .env('PEERBIN_SERVER')
        .argParser(collectServers)
        .default(DEFAULT_SERVERS, DEFAULT_SERVER)
    )
  addPasswordOptions(command, 'password of the links')
    .option('--ask-password', 'asks for the password of the links at the terminal')
    .option('--qr', 'draws each link as a QR code as well, on standard error')
    .option(
      '-n, --downloads <number>',
      'how often the link works (default: 1, or what the server says)',
      wholeNumber(1, 10_000)
    )
    .option(
      '-e, --expires <duration>',
      'how long the link works: 90s, 30m, 2h, 2d, 1w (default: 2d, or what the server says)',
      parseExpiry
    )
    .option(
      '--json',
      'one JSON object a line: id, name, size, sha256, url, directUrl, deleteUrl, senderUrl, expiresAt, downloads, passwordRequired, encryption, entries'
    )
    .addHelpText('after', TEXT)
    .action(async (files: string[], options: PushOptions) => {
      const { push } = await import('../push/push.ts')
      await push(files, options, context)
    })
}

const DEFAULT_SERVERS: [URL, ...URL[]] = [new URL(DEFAULT_SERVER)]

/** `https://a,https://b`, and again; the default is replaced by the first. */
function collectServers(text: string, previous: URL[]): URL[] {
  const servers = text.split(',').map((each) => parseServer(each.trim()))
  return previous === DEFAULT_SERVERS ? servers : [...previous, ...servers]
}

function parseExpiry(text: string): number {
  const durationMs = parseDuration(text)
  if (durationMs < 1000) throw new InvalidArgumentError('A link lives for a second at least.')
  return durationMs
}
