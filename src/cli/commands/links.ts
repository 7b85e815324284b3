import type { Command } from 'commander'
import { PeerbinError } from '../../errors.ts'
import { addAdminOptions, asAdmin } from '../cluster/admin-command.ts'
import type { AdminCommandOptions } from '../cluster/admin-command.ts'
import { aligned } from '../cluster/status-text.ts'
import type { CliContext } from '../context.ts'
import { formatBytes } from '../progress.ts'

const TEXT = `
A link is suspended when a recovery cannot tell whether it was redeemed in the last moments before the controller was lost: its
recipient may have the file, or may not. Ask, then resume the link, or let it expire.

Examples:
  peerbin links                            list them
  peerbin links --json | jq -r '.[].fileId'
  peerbin links resume 0190a1b2-…          the links of one file work again
  peerbin links resume --all               all of them`

export function addLinksCommand(program: Command, context: CliContext): void {
  const links = program
    .command('links')
    .summary('list links that a recovery has suspended, and let them live again')
    .description('List links that a recovery has suspended, and let them live again.')
  addAdminOptions(links)
    .addHelpText('after', TEXT)
    .action((options: AdminCommandOptions) => list(options, context))
  const resume = links
    .command('resume')
    .summary('let suspended links live again')
    .description('Let suspended links live again.')
    .argument('[file-id...]', 'files as `peerbin links` lists them')
  addAdminOptions(resume)
    .option('--all', 'all that are suspended')
    // the options stand for both commands, wherever they are given
    .action(async (files: string[], _options: unknown, command: Command) => {
      await resumeSome(files, command.optsWithGlobals<AdminCommandOptions & { all?: boolean }>(), context)
    })
}

async function list(options: AdminCommandOptions, context: CliContext): Promise<void> {
  const roles = await context.roles()
  const links = await asAdmin(options, context, async (admin) => {
    const all = []
    for await (const page of roles.suspendedLinks(admin)) all.push(...page)
    return all
  })
  if (options.json === true) {
    context.stdout.write(`${JSON.stringify(links, undefined, 2)}\n`)
    return
  }
  if (links.length === 0) {
    context.stdout.write('No link is suspended.\n')
    return
  }
  const rows = links.map(({ fileId, uploadedAt, expiresAt, sizeBytes, name }) => [
    fileId,
    new Date(uploadedAt).toISOString(),
    new Date(expiresAt).toISOString(),
    formatBytes(sizeBytes),
    // a name is what somebody uploaded: it must not reach into the terminal
    name.replaceAll(/\p{C}/gu, '?')
  ])
  context.stdout.write(`${aligned([['FILE', 'UPLOADED', 'EXPIRES', 'SIZE', 'NAME'], ...rows]).join('\n')}\n`)
}

async function resumeSome(
  files: readonly string[],
  options: AdminCommandOptions & { all?: boolean },
  context: CliContext
): Promise<void> {
  if ((options.all === true) === files.length > 0)
    throw new PeerbinError('usage', 'name the files whose links are to live again, or give --all')
  const roles = await context.roles()
  const resumed = await asAdmin(options, context, (admin) =>
    roles.resumeLinks(admin, options.all === true ? 'all' : files)
  )
  context.stdout.write(
    options.json === true ? `${JSON.stringify({ resumed })}\n` : `${resumed} links live again.\n`
  )
}
