import { InvalidArgumentError, Option } from 'commander'
import type { Command } from 'commander'
import { enableCompileCache } from 'node:module'
import { join } from 'node:path'
import { ensureFolder } from '../../compose/secret-file.ts'
import type { ConfigInput } from '../../config.ts'
import { parsePort, wholeNumber } from '../arguments.ts'
import { say } from '../context.ts'
import type { CliContext, Roles } from '../context.ts'
import { Supervisor } from '../supervisor/supervisor.ts'
import type { ProcessPlan } from '../supervisor/supervised-process.ts'
import { addDataOption, addSettingOptions, dataFolder, gatherConfig } from './shared.ts'
import type { DataOptions, SettingOptions } from './shared.ts'

const NODES_DEFAULT = 3
/** Fewer could not keep two copies. */
const NODES_MIN = 2
const NODES_MAX = 64

interface UpOptions extends DataOptions, SettingOptions {
  nodes?: number
  port?: number
  host?: string
  listen?: string
}

const TEXT = `
Starts a controller, storage nodes and an HTTP edge, each a process of its own, and prints one line when an upload would work. Runs
until Ctrl-C or SIGTERM; the next start on the same data folder serves what was stored. A process that dies is reported, and the rest
goes on. In the data folder: cluster.json lists the processes, logs/ has a log for each, config.json may hold settings.

Examples:
  peerbin up
  peerbin up --data /var/lib/peerbin --port 80 --host 0.0.0.0
  peerbin up --listen 0.0.0.0               further machines may join: see \`peerbin init\`
  peerbin up --set link.ttlMs=1w --set edge.uploadBytesMax=50MB`

export function addUpCommand(program: Command, context: CliContext): void {
  const command = program.command('up').summary('run a whole cluster on this machine')
  command.description('Run a whole cluster on this machine, until it is told to stop.')
  addSettingOptions(addDataOption(command))
    .addOption(
      new Option('-p, --port <port>', 'port of the edge, 0 = any (default: 8080)')
        .env('PORT')
        .argParser(parsePort)
    )
    .option('--host <host>', 'address the edge listens on (default: 127.0.0.1)')
    .option('-n, --nodes <number>', 'storage nodes (default: as many as there were, or 3)', parseNodes)
    .option('--listen <host>', 'address to listen on for peers of other machines (default: 127.0.0.1)')
    .addHelpText('after', TEXT)
    .action((options: UpOptions) => up(options, context))
}

function parseNodes(text: string): number {
  const nodes = wholeNumber(0, NODES_MAX)(text)
  if (nodes < NODES_MIN)
    throw new InvalidArgumentError(`At least ${NODES_MIN} are needed: every file has copies on two nodes.`)
  return nodes
}

async function up(options: UpOptions, context: CliContext): Promise<void> {
  const home = dataFolder(options, context)
  const flags = flagsOf(options)
  const { input } = await gatherConfig(home, options, flags, context)
  await ensureFolder(home)
  enableCompileCache(cacheFolder(home))
  const roles = await context.roles()
  const lock = await roles.lockHome(home)
  try {
    await roles.foundCluster({ home, config: input, listen: input.network?.host })
    const nodes = await nodeNames(options, home, roles, context)
    const supervisor = new Supervisor({
      folder: home,
      plans: plansOf({ home, nodes, options, input }),
      program: context.program,
      env: { NODE_COMPILE_CACHE: cacheFolder(home), ...childEnvironment(context) },
      clock: context.clock,
      say: (text) => say(context, text),
      onReady: (url) => context.stdout.write(`peerbin is ready: ${url}\n`)
    })
    await supervisor.run(context.interrupted)
  } finally {
    lock.release()
  }
}

const flagsOf = (options: UpOptions): ConfigInput => ({
  edge: {
    ...(options.port === undefined ? {} : { port: options.port }),
    ...(options.host === undefined ? {} : { host: options.host })
  },
  network: options.listen === undefined ? {} : { host: options.listen }
})

/** All nodes that have data here are started, unless fewer are asked for. */
async function nodeNames(
  options: UpOptions,
  home: string,
  roles: Roles,
  context: CliContext
): Promise<string[]> {
  const stored = await roles.storedNodes(home)
  const wanted = options.nodes ?? Math.max(NODES_DEFAULT, stored.length)
  const names = Array.from({ length: wanted }, (_, index) => `node-${index + 1}`)
  const left = stored.filter((name) => !names.includes(name))
  if (left.length > 0) say(context, `not started, though there is data of theirs: ${left.join(', ')}`)
  return names
}

interface PlanNeeds {
  readonly home: string
  readonly nodes: readonly string[]
  readonly options: UpOptions
  readonly input: ConfigInput
}

/** The same settings for every process, by the same sources; each has a folder and a log of its own. */
function plansOf({ home, nodes, options, input }: PlanNeeds): ProcessPlan[] {
  const settings = (options.set ?? []).flatMap((setting) => ['--set', setting.text])
  const shared = [
    '--data',
    home,
    ...(options.config === undefined ? [] : ['--config', options.config]),
    ...settings,
    ...(options.listen === undefined ? [] : ['--listen', options.listen])
  ]
  // one port cannot serve all of them: it is the controller's
  const anyPort = (input.network?.port ?? 0) === 0 ? [] : ['--set', 'network.port=0']
  const plan = (role: ProcessPlan['role'], name: string, args: readonly string[]): ProcessPlan => ({
    role,
    name,
    logPath: join(home, 'logs', `${name}.log`),
    args: [role, '--name', name, ...shared, ...args]
  })
  const edge = [
    ...(options.port === undefined ? [] : ['--port', String(options.port)]),
    ...(options.host === undefined ? [] : ['--host', options.host])
  ]
  return [
    plan('controller', 'controller', []),
    ...nodes.map((name) => plan('node', name, anyPort)),
    plan('edge', 'edge', [...anyPort, ...edge])
  ]
}

/** Compiled code of the program, kept for the next start: a third less time until the cluster is ready. May be deleted. */
const cacheFolder = (home: string): string => join(home, 'cache')

/** The join string stands in the data folder; one in the environment would be for another cluster. */
function childEnvironment(context: CliContext): Record<string, string | undefined> {
  const { PEERBIN_JOIN: _join, PEERBIN_DATA: _data, PORT: _port, ...env } = context.env
  return env
}
