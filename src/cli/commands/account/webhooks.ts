import { Option } from 'commander'
import type { Command } from 'commander'
import { addAccountOptions } from '../../account/session.ts'
import type { AccountOptions } from '../../account/session.ts'
import type { AddWebhookOptions, ReplayOptions } from '../../account/webhooks.ts'
import { collect } from '../../arguments.ts'
import type { CliContext } from '../../context.ts'

const TEXT = `
What happens to files and sessions of the account is posted to the address, in order, signed by the Standard Webhooks scheme. A webhook is named by its id (the first characters do),
or by its address.

Examples:
  peerbin webhooks add https://example.org/hook --type file.added --type file.edited > secret.txt
  peerbin webhooks ls
  peerbin webhooks test https://example.org/hook
  peerbin webhooks log 5b0c
  peerbin webhooks replay 5b0c --dead`

const work = async () => await import('../../account/webhooks.ts')

export function addWebhooksCommand(program: Command, context: CliContext): void {
  const webhooks = program
    .command('webhooks')
    .summary('webhooks of the account: add, ls, rm, test, log, replay, …')
    .description('Tell other servers what happens to files of the account.')
    .addHelpText('after', TEXT)
  addAccountOptions(
    webhooks
      .command('ls', { isDefault: true })
      .alias('list')
      .description('List the webhooks of the account.'),
    'one JSON object a line'
  ).action(async (options: AccountOptions) => await (await work()).listWebhooks(options, context))
  const add = webhooks
    .command('add')
    .description('Make a webhook, and print its secret.')
    .argument('<url>', 'where events are posted to')
    .addOption(
      new Option('-t, --type <type>', 'type of events, given once for each (default: all)')
        .argParser(collect)
        .default([], 'all')
    )
    .option('-d, --description <text>', 'what it is for')
  addAccountOptions(add, 'as JSON: webhook_id, secret, …').action(
    async (url: string, options: AddWebhookOptions) => await (await work()).addWebhook(url, options, context)
  )
  for (const [name, description, run] of [
    ['rm', 'Remove webhooks.', (module: Module) => module.removeWebhooks],
    ['enable', 'Go on with webhooks, where they stood.', switchTo('enabled')],
    ['disable', 'Pause webhooks.', switchTo('disabled')]
  ] as const)
    addAccountOptions(
      webhooks.command(name).description(description).argument('<webhook...>', 'id, or address'),
      'one JSON object a line'
    ).action(
      async (names: string[], options: AccountOptions) => await run(await work())(names, options, context)
    )
  for (const [name, description, run] of [
    ['test', 'Send a test, and say how it went; exit code 3 when it was not taken.', 'testWebhook'],
    ['log', 'Show the last attempts, and what was given up.', 'logWebhook'],
    ['rotate', 'Make and print a new secret; for a day both sign.', 'rotateWebhook']
  ] as const)
    addAccountOptions(
      webhooks.command(name).description(description).argument('<webhook>', 'id, or address')
    ).action(
      async (webhook: string, options: AccountOptions) => await (await work())[run](webhook, options, context)
    )
  const replay = webhooks
    .command('replay')
    .description('Send events again.')
    .argument('<webhook>', 'id, or address')
    .argument('[event...]', 'ids, as `peerbin webhooks log` shows them')
    .option('--dead', 'all that were given up')
    .option('--after <cursor>', 'go back (or on) to a place: everything behind it is told')
  addAccountOptions(replay).action(
    async (webhook: string, events: string[], options: ReplayOptions) =>
      await (await work()).replayWebhook(webhook, events, options, context)
  )
}

type Module = Awaited<ReturnType<typeof work>>

const switchTo =
  (state: 'enabled' | 'disabled') =>
  (module: Module): Module['removeWebhooks'] =>
  (names, options, context) =>
    module.switchWebhooks(state, names, options, context)
