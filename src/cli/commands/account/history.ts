import type { Command } from 'commander'
import { openAccount } from '../../account/session.ts'
import { addAccountOptions } from '../../account/session.ts'
import type { AccountOptions } from '../../account/session.ts'
import type { HistoryOptions } from '../../account/history.ts'
import { wholeNumber } from '../../arguments.ts'
import type { CliContext } from '../../context.ts'

const RECORDS_MAX = 1_000_000
const RECORDS_DEFAULT = 20

const TEXT = `
What you did, and what others did with your files: sign-ins, uploads and what became of them, downloads, shares. The newest stand at the bottom.

Examples:
  peerbin history
  peerbin history --follow
  peerbin history -n 1000 --json | jq 'select(.action == "download")'
  peerbin history --file reports/report.pdf --action download`

export interface HistoryCommandOptions extends AccountOptions, HistoryOptions {
  file?: string
  action?: string
}

/** `-n` and `--follow`. */
export const addRecordOptions = (command: Command): Command =>
  command
    .option('-n, --number <number>', 'how many of the last', wholeNumber(0, RECORDS_MAX), RECORDS_DEFAULT)
    .option('-f, --follow', 'then what comes, until Ctrl-C')
    .option('--action <action>', 'only of this kind: upload, download, login, share, …')

export function addHistoryCommand(program: Command, context: CliContext): void {
  const command = program
    .command('history')
    .summary('show what happened to the account and its files')
    .description('Show what happened to the account and its files.')
    .option('--file <path>', 'only of this file: its path, or its id')
  addAccountOptions(addRecordOptions(command), 'one JSON object a line')
    .addHelpText('after', TEXT)
    .action(async (options: HistoryCommandOptions) => {
      const { findFile } = await import('../../account/find-file.ts')
      const { showHistory } = await import('../../account/history.ts')
      const api = await openAccount(options, context)
      const file = options.file === undefined ? undefined : (await findFile(api, options.file)).file_id
      await showHistory(api, 'api/history', { file, action: options.action }, options, context)
    })
}
