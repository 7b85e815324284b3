import type { Command } from 'commander'
import { addAccountOptions } from '../../account/session.ts'
import type { AccountOptions } from '../../account/session.ts'
import type { EndSessionsOptions } from '../../account/sessions.ts'
import type { CliContext } from '../../context.ts'

const TEXT = `
Each sign-in, of a browser or of this program, is a session. One that is ended is signed out within a second, wherever that is, with what it is in the middle of. API keys are no sessions: see \`peerbin keys\`.

Examples:
  peerbin sessions
  peerbin sessions end 0a4f3c1d
  peerbin sessions end --others`

export function addSessionsCommand(program: Command, context: CliContext): void {
  const sessions = program
    .command('sessions')
    .summary('where the account is signed in: list, end')
    .description('List where the account is signed in, and sign out there.')
    .addHelpText('after', TEXT)
  addAccountOptions(
    sessions.command('list', { isDefault: true }).description('List the sessions of the account.'),
    'one JSON object a line'
  ).action(async (options: AccountOptions) => {
    const work = await import('../../account/sessions.ts')
    await work.listSessions(options, context)
  })
  const end = sessions
    .command('end')
    .description('End sessions.')
    .argument('[session...]', 'id as `peerbin sessions` shows it, or its beginning')
    .option('--others', 'all but the one of this command line')
  addAccountOptions(end, 'one JSON object a line').action(
    async (ids: string[], options: EndSessionsOptions) => {
      const work = await import('../../account/sessions.ts')
      await work.endSessions(ids, options, context)
    }
  )
}
