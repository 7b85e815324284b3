/** One role of the command line, with its data folder in the machine's (founding.ts shows the layout). */

import { join } from 'node:path'
import type { ConfigInput } from '../config.ts'
import type { RecoveryReport } from '../controller/recovery/report.ts'
import { PeerbinError } from '../errors.ts'
import type { Logger } from '../interfaces.ts'
import type { Address } from '../types.ts'
import { readClusterKey, sameCluster, writeClusterKey } from './cluster-key.ts'
import type { ClusterKey } from './cluster-key.ts'
import { IDENTITY_FILE } from './data-folder.ts'
import { lockFolder } from './folder-lock.ts'
import { foundCluster } from './founding.ts'
import type { RunningPeer } from './running-peer.ts'
import { ensureFolder, readSecretFile } from './secret-file.ts'

export interface RoleOptions {
  readonly role: 'node' | 'controller' | 'edge'
  readonly home: string
  /** Folder in the home. */
  readonly name: string
  readonly join?: ClusterKey | undefined
  readonly config: ConfigInput
  readonly logger: Logger
  /** Whoever started this process holds the home's lock. */
  readonly supervised: boolean
  /** As PeerOptions.onFailure. */
  readonly onFailure: (failure: PeerbinError) => void
  /** For a controller: make the metadata anew first, of a cluster whose controller is lost. */
  readonly recover?: RecoverRole | undefined
  /** Of a controller, as ControllerOptions.onSetupSecret. */
  readonly onSetupSecret?: ((secret: string) => void) | undefined
}

export interface RecoverRole {
  /** Where members may be found. */
  readonly peers: readonly Address[]
  readonly signal: AbortSignal
  readonly onProgress: (text: string) => void
  readonly onReport: (report: RecoveryReport) => void
}

export interface OpenedRole {
  readonly peer: RunningPeer
  stop(): Promise<void>
}

/** A role with its data folder in the home, not started. `stop` gives the home's lock back too. */
export async function openRole(options: RoleOptions): Promise<OpenedRole> {
  await ensureFolder(options.home)
  const lock = options.supervised ? undefined : lockFolder(options.home, 'shared')
  try {
    if (options.recover !== undefined) await recoverRole(options, options.recover)
    const peer = await createRole(options, await homeCluster(options))
    return {
      peer,
      stop: async () => {
        await peer.stop()
        lock?.release()
      }
    }
  } catch (error) {
    lock?.release()
    throw error
  }
}

async function recoverRole(options: RoleOptions, recover: RecoverRole): Promise<void> {
  const { recoverController } = await import('./recover.ts')
  recover.onReport(await recoverController({ ...options, ...recover }))
}

/**
 * A second controller with metadata of its own would not know the first one's files, and take the lead all the same. So a controller runs only
 * where its cluster was founded.
 */
async function refuseSecondController(options: RoleOptions, known: ClusterKey | undefined): Promise<void> {
  if (known === undefined && options.join === undefined) return // founds a cluster
  const founded = await readSecretFile(join(options.home, options.name, IDENTITY_FILE))
  if (founded === undefined)
    throw new PeerbinError(
      'join-string-invalid',
      `the controller of this cluster has its data elsewhere, not in ${options.home}: start it with the --data that \`peerbin init\` was given. If that machine is gone for good, see --recover`
    )
}

/** The cluster of the home; a join string that was given is kept for the other roles here and for later starts. */
async function homeCluster(options: RoleOptions): Promise<ClusterKey> {
  const known = await readClusterKey(options.home)
  if (options.role === 'controller') await refuseSecondController(options, known)
  if (options.join !== undefined) {
    if (known !== undefined && !sameCluster(known, options.join))
      throw new PeerbinError(
        'join-string-invalid',
        `${options.home} belongs to another cluster; use another --data`
      )
    if (known === undefined) await writeClusterKey(options.home, options.join)
    return options.join
  }
  if (known !== undefined) return known
  if (options.role === 'controller') return await foundCluster({ home: options.home, config: options.config })
  throw new PeerbinError(
    'join-string-invalid',
    `${options.home} belongs to no cluster yet: give --join with the join string that \`peerbin init\` prints`
  )
}

async function createRole(options: RoleOptions, cluster: ClusterKey): Promise<RunningPeer> {
  const { config, logger, home, name, onFailure } = options
  const shared = { data: join(home, name), cluster, config, logger, onFailure }
  // each role loads its own parts only: a node has no use for Fastify, and starts sooner without it
  switch (options.role) {
    case 'node': {
      const { createNode } = await import('./node.ts')
      return await createNode(shared)
    }
    case 'controller': {
      const { createController } = await import('./controller.ts')
      return await createController({ ...shared, onSetupSecret: options.onSetupSecret })
    }
    case 'edge': {
      const { createEdge } = await import('./edge.ts')
      return await createEdge(shared)
    }
  }
}
