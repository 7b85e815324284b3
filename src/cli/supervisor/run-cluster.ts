/** What `peerbin up` does: prepares the data folder and has a Supervisor run the processes. */

import { getCompileCacheDir } from 'node:module'
import { join } from 'node:path'
import { ensureFolder } from '../../compose/secret-file.ts'
import type { ConfigInput } from '../../config.ts'
import { dataFolder, gatherConfig } from '../commands/shared.ts'
import type { UpOptions } from '../commands/up.ts'
import { say } from '../context.ts'
import type { CliContext, Roles } from '../context.ts'
import { Supervisor } from './supervisor.ts'
import type { ProcessPlan } from './supervised-process.ts'

const NODES_DEFAULT = 3

/** Runs until it is told to stop. @throws what keeps the cluster from starting */
export async function up(options: UpOptions, context: CliContext): Promise<void> {
  const home = dataFolder(options, context)
  const flags = flagsOf(options)
  const { input } = await gatherConfig(home, options, flags, context)
  await ensureFolder(home)
  const roles = await context.roles()
  const lock = await roles.lockHome(home)
  try {
    await roles.foundCluster({ home, config: input, listen: input.network?.host })
    const nodes = await nodeNames(options, home, roles, context)
    const supervisor = new Supervisor({
      folder: home,
      plans: plansOf({ home, nodes, options, input }),
      program: context.program,
      env: { ...compileCache(home), ...childEnvironment(context) },
      clock: context.clock,
      say: (text) => say(context, text),
      onReady: (url) => context.stdout.write(`peerbin is ready: ${url}\n`),
      onSetup: (url) => say(context, `there is no administrator yet; make one at ${url}`)
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

/** Compiled code of the program is kept for the next start: a third less time until the cluster is ready. In the data folder, unless bin has a place for it. */
const compileCache = (home: string): Record<string, string> =>
  getCompileCacheDir() === undefined ? { NODE_COMPILE_CACHE: join(home, 'cache') } : {}

/** The join string stands in the data folder; one in the environment would be for another cluster. */
function childEnvironment(context: CliContext): Record<string, string | undefined> {
  const { PEERBIN_JOIN: _join, PEERBIN_DATA: _data, PORT: _port, ...env } = context.env
  return env
}
