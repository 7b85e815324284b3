import { Command, CommanderError } from 'commander'
import { asPeerbinError, EXIT, hasCode } from '../errors.ts'
import type { PeerbinError } from '../errors.ts'
import { VERSION } from '../version.ts'
import { addFileCommands } from './commands/account/files.ts'
import { addEventsCommand } from './commands/account/events.ts'
import { addHistoryCommand } from './commands/account/history.ts'
import { addKeysCommand } from './commands/account/keys.ts'
import { addSessionsCommand } from './commands/account/sessions.ts'
import { addAdminCommand } from './commands/account/operator.ts'
import { addSignInCommands } from './commands/account/sign-in.ts'
import { addSyncCommand } from './commands/account/sync.ts'
import { addShareCommands, addVersionCommands } from './commands/account/versions.ts'
import { addWebhooksCommand } from './commands/account/webhooks.ts'
import { addBackupCommand } from './commands/backup.ts'
import { addCollectorCommand } from './commands/collector.ts'
import { addConfigCommand } from './commands/config.ts'
import { addDrainCommands } from './commands/drain.ts'
import { addPoolCommand } from './commands/pools/pool.ts'
import { addInitCommand } from './commands/init.ts'
import { addLinksCommand } from './commands/links.ts'
import { addPullCommand } from './commands/pull.ts'
import { addPushCommand } from './commands/push.ts'
import { addRestoreCommand } from './commands/restore.ts'
import { addRoleCommands } from './commands/role.ts'
import { addScrubCommand } from './commands/scrub.ts'
import { addStatusCommand } from './commands/status.ts'
import { addUpCommand } from './commands/up.ts'
import type { CliContext } from './context.ts'
import { FailedQuietly } from './failed-quietly.ts'

const EPILOGUE = `
Exit codes:
  0 done                        4 refused (used link, too large, …)
  1 unexpected error            5 bytes do not match their checksum
  2 wrong usage or settings     6 the cluster is busy or too small right now: try again
  3 cannot be reached           7 a file, disk or port on this machine
  130 interrupted before it was done

Environment:
  PEERBIN_DATA    data folder, in place of --data
  PEERBIN_JOIN    join string, in place of --join (other users can see command lines)
  PEERBIN_SERVER  edge that push and status talk to, in place of --server (for push several, with commas)
  PEERBIN_URL     server of the account, in place of --server
  PEERBIN_TOKEN   token or API key of the account, in place of what \`peerbin login\` keeps
  PORT            port of the edge, in place of --port
  PEERBIN_DEBUG   set to 1 for stack traces

Examples:
  peerbin up                          a whole cluster on this machine
  peerbin push report.pdf             upload a file, print its link
  peerbin push --encrypt holiday/     a folder that only who has the link can read
  peerbin pull 'http://…/d/TOKEN#KEY' download what a link leads to
  peerbin login http://127.0.0.1:8080 sign in to an account
  peerbin put report.pdf reports/     keep a file in it
  peerbin get reports/report.pdf      and fetch it, anywhere
  peerbin sync ~/Peerbin              keep a folder in step with it
  peerbin pool send POOL outbox/      send files to a pool, or queue them while offline`

/** The whole command line; `onDone` gets the exit code of the command that ran. */
function buildProgram(context: CliContext): Command {
  const program = new Command('peerbin')
    .description('Share files through a cluster of your own machines; each link works exactly once.')
    .version(VERSION, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show help')
    .helpCommand('help [command]', 'show help of a command')
    .addHelpText('after', EPILOGUE)
    .showSuggestionAfterError(true)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => context.stdout.write(text),
      writeErr: (text) => context.stderr.write(text),
      outputError: () => {} // reported once, by runCommandLine
    })
  program.commandsGroup('Links:')
  addPushCommand(program, context)
  addPullCommand(program, context)
  program.commandsGroup('Accounts and their files:')
  addSignInCommands(program, context)
  addFileCommands(program, context)
  addSyncCommand(program, context)
  addShareCommands(program, context)
  addVersionCommands(program, context)
  addHistoryCommand(program, context)
  addEventsCommand(program, context)
  addSessionsCommand(program, context)
  addKeysCommand(program, context)
  addWebhooksCommand(program, context)
  addAdminCommand(program, context)
  program.commandsGroup('Pools:')
  addPoolCommand(program, context)
  program.commandsGroup('Clusters:')
  addUpCommand(program, context)
  addRoleCommands(program, context)
  addInitCommand(program, context)
  addStatusCommand(program, context)
  addLinksCommand(program, context)
  addBackupCommand(program, context)
  addRestoreCommand(program, context)
  addDrainCommands(program, context)
  addScrubCommand(program, context)
  addCollectorCommand(program, context)
  addConfigCommand(program, context)
  // only now, so that commands with commands of their own do not take it over: `get --version 2` is not `--version`
  program.enablePositionalOptions()
  return program
}

/** Runs one command line (without the program's name) and answers its exit code. Reports errors itself; never throws. */
export async function runCommandLine(argv: readonly string[], context: CliContext): Promise<number> {
  const program = buildProgram(context)
  try {
    if (argv.length === 0) {
      context.stderr.write(program.helpInformation() + EPILOGUE + '\n')
      return EXIT.usage
    }
    await program.parseAsync(argv, { from: 'user' })
    return EXIT.ok
  } catch (error) {
    return report(error, context)
  }
}

/** One clear line for a person, and the exit code. */
function report(error: unknown, context: CliContext): number {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return EXIT.ok // help and version
    const problem = error.message.replace(/^error: /, '').replace(/\s*\n\s*/g, ' ')
    // commander uses this code for "no command given", after it has printed the help
    if (error.code !== 'commander.help') context.stderr.write(`peerbin: ${problem} (usage)\n`)
    return EXIT.usage
  }
  if (hasCode(error, 'aborted', 'shutting-down') && context.interrupted.aborted) return INTERRUPTED
  const known = error instanceof FailedQuietly ? error.reason : asPeerbinError(error)
  if (!(error instanceof FailedQuietly)) context.stderr.write(`peerbin: ${oneLine(known)} (${known.code})\n`)
  if (context.env['PEERBIN_DEBUG'] === '1' && known.stack !== undefined)
    context.stderr.write(`${known.stack}\n${known.cause instanceof Error ? known.cause.stack : ''}\n`)
  return known.exitCode
}

/** Shells' convention for a program that ended by SIGINT: 128 + 2. */
const INTERRUPTED = 130

function oneLine(error: PeerbinError): string {
  // an error nobody expected says more by its cause than by the registry's sentence
  const cause = error.code === 'internal' && error.cause instanceof Error ? ` ${error.cause.message}` : ''
  return (error.message + cause).replace(/\s*\n\s*/g, ' ')
}
