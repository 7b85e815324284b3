import { InvalidArgumentError } from 'commander'
import type { Command } from 'commander'
import { parseDuration, wholeNumber } from '../arguments.ts'
import type { CliContext } from '../context.ts'
import { addServerOption } from './shared.ts'
import type { ServerOptions } from './shared.ts'
import { addPasswordOptions } from '../password/sources.ts'
import type { PasswordOptions } from '../password/sources.ts'

export interface PushOptions extends ServerOptions, PasswordOptions {
  downloads?: number
  expires?: number
  json?: boolean
  qr?: boolean
}

const TEXT = `
Prints one link a line, in the order of the files. The link works once, for two days, unless the options or the server say otherwise.
The file's SHA-256 goes along, and the server keeps nothing that does not match it.

A password is never an argument, since other users of the machine can see those. Tell it to the recipient in another way than the link.

Examples:
  peerbin push report.pdf
  peerbin push --ask-password --qr report.pdf
  peerbin push --downloads 5 --expires 1w *.jpg
  peerbin push --json report.pdf | jq -r .senderUrl     # where you see what became of it
  peerbin push --server https://share.example.org report.pdf`

export function addPushCommand(program: Command, context: CliContext): void {
  const command = program.command('push').summary('upload files, and print their links')
  command.description('Upload files, and print a link for each.').argument('<file...>', 'files to upload')
  addPasswordOptions(addServerOption(command), 'password of the links')
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
      'one JSON object a line: id, name, size, sha256, url, directUrl, deleteUrl, senderUrl, expiresAt, downloads, passwordRequired'
    )
    .addHelpText('after', TEXT)
    .action(async (files: string[], options: PushOptions) => {
      const { push } = await import('../push/push.ts')
      await push(files, options, context)
    })
}

function parseExpiry(text: string): number {
  const durationMs = parseDuration(text)
  if (durationMs < 1000) throw new InvalidArgumentError('A link lives for a second at least.')
  return durationMs
}
