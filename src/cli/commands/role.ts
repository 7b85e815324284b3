import { Option } from 'commander'
import type { Command } from 'commander'
import { readFile } from 'node:fs/promises'
import { flushCompileCache } from 'node:module'
import { resolve } from 'node:path'
import { asPeerbinError, PeerbinError } from '../../errors.ts'
import type { ConfigInput } from '../../config.ts'
import { withDeadline } from '../../runtime/deadline.ts'
import { armFailpoints } from '../../runtime/failpoints.ts'
import { createLogger } from '../../runtime/logger.ts'
import { MemoryGovernor } from '../../runtime/memory-governor.ts'
import { systemRandom } from '../../runtime/random.ts'
import { WorkerLoop } from '../../runtime/worker-loop.ts'
import { parsePort } from '../arguments.ts'
import type { RoleOptions } from '../../compose/open-role.ts'
import { TIERS } from '../../types.ts'
import type { Address, Tier } from '../../types.ts'
import { say } from '../context.ts'
import type { CliContext, Roles } from '../context.ts'
import { logOutput } from '../log-output.ts'
import type { ChildMessage } from '../supervisor/messages.ts'
import { addPeerOption } from './peer-option.ts'
import { addDataOption, addSettingOptions, dataFolder, gatherConfig } from './shared.ts'
import type { DataOptions, SettingOptions } from './shared.ts'

/** A role that has not stopped by then is left to the end of its process: O5 holds for kill -9 too. */
const STOP_MS = 4500

type RoleName = 'node' | 'controller' | 'edge'

interface RoleCommandOptions extends DataOptions, SettingOptions {
  join?: string
  joinFile?: string
  name?: string
  listen?: string
  port?: number
  host?: string
  tier?: Tier
  zone?: string
  recover?: boolean
  peer?: Address[]
}

const JOIN_NOTE = `
The join string is needed once: the data folder remembers it. It holds the cluster's secret, and other users of this machine can
see command lines, so PEERBIN_JOIN or --join-file is the better way. With a join string that leads to another machine, the
process listens on all interfaces; otherwise on 127.0.0.1 only (--listen says otherwise).`

const ABOUT: Readonly<Record<RoleName, { summary: string; text: string }>> = {
  node: {
    summary: 'run one storage node',
    text: `${JOIN_NOTE}

Examples:
  PEERBIN_JOIN=peerbin1_… peerbin node --data /var/lib/peerbin
  peerbin node --join-file join.txt --set node.capacityBytes=200GB
  peerbin node --tier cold --zone cellar --data /mnt/archive`
  },
  controller: {
    summary: 'run the controller (metadata) of a cluster that was founded here',
    text: `
Founds a cluster when the data folder has none yet, as \`peerbin init\` does.

--recover puts a controller in the place of one whose machine is gone: metadata, files and links come back from the nodes, on any
machine that can reach one of them. Use it only when that machine is gone: two controllers do not know each other's files. It refuses
while a node has heard the old one within the last minute. Links that may have been redeemed in the last moments are suspended, and
nothing is deleted until an operator says so. docs/recovery.md has it step by step.

Examples:
  peerbin init --data /var/lib/peerbin --listen 0.0.0.0
  peerbin controller --data /var/lib/peerbin
  peerbin controller --data /var/lib/peerbin --recover      on a machine that has a node or an edge
  PEERBIN_JOIN=peerbin1_… peerbin controller --recover --peer /ip4/10.0.0.7/tcp/4811`
  },
  edge: {
    summary: 'run one HTTP edge (uploads, links, downloads)',
    text: `${JOIN_NOTE}

Examples:
  peerbin edge --data /var/lib/peerbin --host 0.0.0.0 --port 80
  peerbin edge --set edge.tlsCert=/etc/peerbin/cert.pem --set edge.tlsKey=/etc/peerbin/key.pem`
  }
}

export function addRoleCommands(program: Command, context: CliContext): void {
  for (const role of ['node', 'controller', 'edge'] as const) {
    const command = program.command(role).summary(ABOUT[role].summary)
    command.description(`${ABOUT[role].summary.replace(/^run/, 'Run')}, until it is told to stop.`)
    addSettingOptions(addDataOption(command))
      .addOption(new Option('-j, --join <string>', 'join string of the cluster').env('PEERBIN_JOIN'))
      .option('--join-file <file>', 'file that holds the join string')
      .option('--name <name>', 'folder of this process in the data folder', checkName, role)
      .option('--listen <host>', 'address to listen on for peers (network.host)')
      .addHelpText('after', ABOUT[role].text)
    if (role === 'edge')
      command
        .addOption(
          new Option('-p, --port <port>', 'HTTP port, 0 = any (edge.port)').env('PORT').argParser(parsePort)
        )
        .option('--host <host>', 'address to listen on for HTTP (edge.host)')
    if (role === 'node')
      command
        .addOption(
          new Option('--tier <tier>', 'cold: keeps what nobody has read for long (network.tier)').choices(
            TIERS
          )
        )
        .option('--zone <name>', 'rack, room or site; copies are spread over zones (network.zone)')
    if (role === 'controller')
      addPeerOption(
        command.option(
          '--recover',
          'take over from a controller whose machine is gone, and only then; makes the metadata anew from what nodes keep'
        )
      )
    command.action((options: RoleCommandOptions) => runRole(role, options, context))
  }
}

function checkName(text: string): string {
  if (!/^[a-z][a-z0-9-]{0,62}$/.test(text))
    throw new PeerbinError('usage', '--name: small letters, digits and hyphens only, a letter first')
  return text
}

async function runRole(role: RoleName, options: RoleCommandOptions, context: CliContext): Promise<void> {
  try {
    await serve(role, options, context)
  } catch (error) {
    const known = asPeerbinError(error)
    const message: ChildMessage = { type: 'failed', code: known.code, message: known.message }
    context.supervisor?.send(message)
    throw error
  }
}

async function serve(role: RoleName, options: RoleCommandOptions, context: CliContext): Promise<void> {
  const home = dataFolder(options, context)
  const { config, input } = await gatherConfig(home, options, flagsOf(options), context)
  const joinText = await joinTextOf(options, context)
  const roles = await context.roles()
  const name = options.name ?? role
  const broken = new AbortController()
  const logger = createLogger(config.log.level, { process: name }, logOutput())
  const armed = armFailpoints(context.env['PEERBIN_FAILPOINTS'], name)
  if (armed.length > 0) logger.warn('failpoints are armed: this process fails on purpose', { armed })
  const opened = await roles.openRole({
    role,
    home,
    name,
    config: input,
    join: joinText === undefined ? undefined : roles.parseJoinString(joinText),
    logger,
    supervised: context.supervisor !== undefined,
    onFailure: (failure) => broken.abort(failure),
    recover: recoverOf(options, context, roles),
    onSetupSecret: (secret) => tellSetup(secret, context)
  })
  const stopAsked =
    context.supervisor === undefined
      ? context.interrupted
      : AbortSignal.any([context.interrupted, context.supervisor.stop])
  const governor = new WorkerLoop(new MemoryGovernor(), {
    clock: context.clock,
    random: systemRandom,
    logger
  })
  try {
    await opened.peer.start()
    await governor.start()
    if (role === 'controller')
      await roles.rememberAddresses(home, roles.parseJoinString(opened.peer.joinString))
    announceReady(role, opened.peer, context)
    flushCompileCache() // a process that is killed writes nothing at its end
    await aborted(AbortSignal.any([stopAsked, broken.signal]))
    // what is on the disk is in doubt: whoever supervises this process starts it again on what can be read back
    broken.signal.throwIfAborted()
  } finally {
    await governor.stop()
    await withDeadline(context.clock, STOP_MS, undefined, () => opened.stop())
  }
}

function recoverOf(options: RoleCommandOptions, context: CliContext, roles: Roles): RoleOptions['recover'] {
  if (options.recover !== true) {
    if (options.peer !== undefined) throw new PeerbinError('usage', '--peer goes with --recover')
    return undefined
  }
  return {
    peers: options.peer ?? [],
    signal: context.interrupted,
    onProgress: () => {}, // the log has it
    onReport: (report) => context.stdout.write(roles.describeReport(report))
  }
}

/** To whoever supervises this process, or to a person who is looking: what is not a terminal may be a log. */
function tellSetup(secret: string, context: CliContext): void {
  const message: ChildMessage = { type: 'setup', secret }
  if (context.supervisor !== undefined) context.supervisor.send(message)
  else if (context.stderr.isTTY === true)
    say(context, `there is no administrator yet; make one at an edge's address with /setup#${secret}`)
  else say(context, 'there is no administrator yet; `peerbin admin create NAME` makes one')
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve()
    signal.addEventListener('abort', () => resolve(), { once: true })
  })

function announceReady(
  role: RoleName,
  peer: Awaited<ReturnType<Roles['openRole']>>['peer'],
  context: CliContext
): void {
  const url = 'url' in peer && typeof peer.url === 'string' ? peer.url : undefined
  const message: ChildMessage = {
    type: 'ready',
    peerId: peer.peerId,
    addresses: [...peer.addresses],
    ...(url === undefined ? {} : { url })
  }
  context.supervisor?.send(message)
  if (context.supervisor !== undefined) return
  const where = url ?? peer.addresses[0] ?? ''
  context.stdout.write(`peerbin ${role} is ready: ${peer.peerId} ${where}\n`)
}

function flagsOf(options: RoleCommandOptions): ConfigInput {
  return {
    network: {
      ...(options.listen === undefined ? {} : { host: options.listen }),
      ...(options.tier === undefined ? {} : { tier: options.tier }),
      ...(options.zone === undefined ? {} : { zone: options.zone })
    },
    edge: {
      ...(options.port === undefined ? {} : { port: options.port }),
      ...(options.host === undefined ? {} : { host: options.host })
    }
  }
}

export async function joinTextOf(
  options: { join?: string; joinFile?: string },
  context: CliContext
): Promise<string | undefined> {
  if (options.joinFile === undefined) return options.join
  if (options.join !== undefined && context.env['PEERBIN_JOIN'] === undefined)
    throw new PeerbinError('usage', 'give --join or --join-file, not both')
  const path = resolve(context.cwd, options.joinFile)
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    throw new PeerbinError('local-file', `cannot read ${path}`, { cause: error })
  }
}
