import type { Command } from 'commander'
import type { CliContext } from '../context.ts'
import { addPasswordOptions } from '../password/sources.ts'
import type { PasswordOptions } from '../password/sources.ts'

export interface PullOptions extends PasswordOptions {
  output?: string
  force?: boolean
}

const TEXT = `
Redeems the link. What has arrived is kept in NAME.peerbin-part, with what is needed to go on beside it: after a break, a Ctrl-C or a
power cut the same command goes on where it was, within ten minutes of the last byte. The file gets its name only when its SHA-256
matches what the server says.

For a link with a password you are asked for it, unless an option says where it is. Going on needs it no more.

Examples:
  peerbin pull http://127.0.0.1:8080/d/TOKEN
  peerbin pull -o ~/Downloads http://127.0.0.1:8080/d/TOKEN
  peerbin pull -o - http://127.0.0.1:8080/d/TOKEN | tar xz`

export function addPullCommand(program: Command, context: CliContext): void {
  const command = program.command('pull').summary('download what a link leads to')
  command
    .description('Download what a link leads to, once, and go on after a break.')
    .argument('<url>', 'the link: http://host/d/TOKEN or http://host/download/TOKEN')
    .option(
      '-o, --output <file|folder|->',
      'where to save; - is standard output (default: the file’s own name, here)'
    )
    .option('-f, --force', 'replace a file that is there')
  addPasswordOptions(command, 'password of the link')
    .addHelpText('after', TEXT)
    .action(async (url: string, options: PullOptions) => {
      const { pull } = await import('../pull/pull.ts')
      await pull(url, options, context)
    })
}
