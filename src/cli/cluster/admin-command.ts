/** What commands of an operator have in common: where the cluster is, and which node is meant. */

import { Option } from 'commander'
import type { Command } from 'commander'
import { PeerbinError } from '../../errors.ts'
import type { ClusterStatus } from '../../protocol/messages.ts'
import type { PeerId } from '../../types.ts'
import type { CliContext, Roles } from '../context.ts'
import { addDataOption, dataFolder } from '../commands/shared.ts'
import type { DataOptions } from '../commands/shared.ts'

export interface AdminCommandOptions extends DataOptions {
  join?: string
  json?: boolean
}

type WithAdmin = Roles['withAdmin']
export type AdminWork<T> = Parameters<WithAdmin>[2] extends (admin: infer A) => unknown
  ? (admin: A) => Promise<T>
  : never

/** `--data`, `--join` and `--json`. */
export const addAdminOptions = (command: Command): Command =>
  addDataOption(command)
    .addOption(
      new Option(
        '-j, --join <string>',
        'join string of the cluster, in place of what the data folder knows'
      ).env('PEERBIN_JOIN')
    )
    .option('--json', 'as JSON')

/** Joins for a moment, does `work`, leaves. */
export async function asAdmin<T>(
  options: AdminCommandOptions,
  context: CliContext,
  work: AdminWork<T>
): Promise<T> {
  const roles = await context.roles()
  return await roles.withAdmin(
    dataFolder(options, context),
    {
      join: options.join === undefined ? undefined : roles.parseJoinString(options.join),
      signal: context.interrupted
    },
    work
  )
}

type Nodes = ClusterStatus['nodes']

/**
 * The node that `text` means: its peer id, the unique end of one (at least 4 characters, they all begin alike), or the name of a host that has only one node.
 * @throws `node-unknown` when there is none or more than one, naming those that could be meant
 */
export function findNode(nodes: Nodes, text: string): Nodes[number] {
  const meant = nodes.filter(
    ({ peer, host }) => peer === text || host === text || (text.length >= 4 && peer.endsWith(text))
  )
  const [only] = meant
  if (only !== undefined && meant.length === 1) return only
  const names = (meant.length === 0 ? nodes : meant).map(({ peer, host }) => `${peer} (${host})`).join(', ')
  if (meant.length === 0)
    throw new PeerbinError('node-unknown', `there is no node ${text}; known are: ${names}`)
  throw new PeerbinError('node-unknown', `${text} could be any of these; give the peer id: ${names}`)
}

/** Looks the node up in the controller's own list. */
export const peerOf = async (
  admin: Parameters<AdminWork<unknown>>[0],
  text: string
): Promise<{ peer: PeerId; status: ClusterStatus }> => {
  const status = await admin.controller.call('status', {})
  return { peer: findNode(status.nodes, text).peer, status }
}
