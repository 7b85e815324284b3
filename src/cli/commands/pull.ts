import type { Command } from 'commander'
import type { CliContext } from '../context.ts'
import { addPasswordOptions } from '../password/sources.ts'
import type { PasswordOptions } from '../password/sources.ts'

export interface PullOptions extends PasswordOptions {
  output?: string
  force?: boolean
  zip?: boolean
}

const TEXT = `
Redeems the link. What has arrived is kept in NAME.peerbin-part, with what is needed to go on beside it: after a break, a Ctrl-C or a
power cut the same command goes on where it was, within ten minutes of the last byte. The file gets its name only when its SHA-256
matches what the server says.

Several files come as a folder of their own, named as the sender named it, each compared by its CRC-32; --zip keeps them as one archive, and on standard output they always are one.
A folder that is there is never written into.

The key of an encrypted link is the part behind its #. It stays on this machine. Without all of it nothing is downloaded, and the link is not spent. Every piece is verified before
a byte of it is written.

For a link with a password you are asked for it, unless an option says where it is. Going on needs it no more.

Examples:
  peerbin pull http://127.0.0.1:8080/d/TOKEN
  peerbin pull 'http://127.0.0.1:8080/d/TOKEN#KEY'      # in quotes: some shells eat what is behind a #
  peerbin pull -o ~/Downloads http://127.0.0.1:8080/d/TOKEN
  peerbin pull --zip http://127.0.0.1:8080/d/TOKEN
  peerbin pull -o - http://127.0.0.1:8080/d/TOKEN | tar xz`

export function addPullCommand(program: Command, context: CliContext): void {
  const command = program.command('pull').summary('download what a link leads to')
  command
    .description('Download what a link leads to, once, and go on after a break.')
    .argument(
      '<url>',
      'the link: http://host/d/TOKEN or http://host/download/TOKEN, and #KEY where it has one'
    )
    .option(
      '-o, --output <file|folder|->',
      'where to save; - is standard output (default: the file’s own name, here)'
    )
    .option('-f, --force', 'replace a file that is there (a folder never is)')
    .option('--zip', 'keep several files as one zip file')
  addPasswordOptions(command, 'password of the link')
    .addHelpText('after', TEXT)
    .action(async (url: string, options: PullOptions) => {
      const { pull } = await import('../pull/pull.ts')
      await pull(url, options, context)
    })
}
