/**
 * A machine's data folder, as the command line uses it: `--data` names it, and each process on the machine has a folder in it.
 *
 *     config.json   settings of everything here        join          the cluster's join string, mode 0600
 *     cluster.json  processes of `peerbin up`          logs/         one log per process
 *     controller/  node-1/ …  edge/                    data folders of roles (data-folder.ts)
 *     lock          `peerbin up` holds it alone, single roles hold it together
 */

import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { ConfigInput } from '../config.ts'
import { PeerbinError } from '../errors.ts'
import type { Cell } from '../runtime/cell.ts'
import { systemRandom } from '../runtime/random.ts'
import type { PeerId } from '../types.ts'
import { joinStringOf, newClusterKey, readClusterKey, sameCluster, writeClusterKey } from './cluster-key.ts'
import type { ClusterKey } from './cluster-key.ts'
import { IDENTITY_FILE, openListening, openRoleState } from './data-folder.ts'
import type { Listening } from './data-folder.ts'
import { ownAddresses, readHomeMemory } from './home-memory.ts'
import { lockFolder } from './folder-lock.ts'
import type { FolderLock } from './folder-lock.ts'
import { chooseListen, joinAddresses } from './listening.ts'
import type { Listen } from './listening.ts'
import { ensureFolder, readSecretFile } from './secret-file.ts'

export const CONTROLLER_NAME = 'controller'

export interface FoundOptions {
  readonly home: string
  /** Address the controller listens on; undefined: as before, or loopback. */
  readonly listen?: string | undefined
  /** Host name or address that other machines dial. */
  readonly advertise?: string | undefined
  readonly config: ConfigInput
}

/**
 * Makes a cluster in the folder, or finds the one that is there: secret, the controller's identity and its port. The controller's port is looked at again, and
 * another is taken when somebody else has it by now; call this only while the controller does not run.
 * @throws `join-string-invalid` when the folder joined a cluster that was made elsewhere
 */
export async function foundCluster(options: FoundOptions): Promise<ClusterKey> {
  await ensureFolder(options.home)
  const known = await readClusterKey(options.home)
  const folder = join(options.home, CONTROLLER_NAME)
  if (known !== undefined) {
    await refuseForeign(options.home, folder)
    const self = known.addresses[0]?.split('/p2p/')[1] as PeerId | undefined
    if (self !== undefined && (await isUnchanged(options, folder, known, self))) return known
  }
  const state = await openRoleState(folder)
  try {
    const addresses = joinAddresses(await listenAsAsked(state.listening, options), state.self)
    const key = { ...(known ?? newClusterKey(systemRandom)), addresses }
    await writeClusterKey(options.home, key)
    return key
  } finally {
    state.close()
  }
}

/**
 * A controller with metadata of its own would not know the files of the one that runs elsewhere, and take the lead all the same.
 */
async function refuseForeign(home: string, controllerFolder: string): Promise<void> {
  if (await hasIdentity(controllerFolder)) return
  throw new PeerbinError(
    'join-string-invalid',
    `${home} belongs to a cluster whose controller has its data elsewhere; use another --data for a cluster of its own. If the controller's data is lost, see \`peerbin controller --recover\``
  )
}

/** Whether the join string still says where the controller will listen; the usual case, and quickly found out. */
async function isUnchanged(
  options: FoundOptions,
  folder: string,
  known: ClusterKey,
  self: PeerId
): Promise<boolean> {
  const listen = await listenAsAsked(await openListening(folder), options)
  return joinAddresses(listen, self).join() === known.addresses.join()
}

async function listenAsAsked(listening: Cell<Listening>, options: FoundOptions): Promise<Listen> {
  const before = listening.get()
  const host = options.listen ?? before.host
  const advertise = options.advertise ?? before.advertise
  if (host !== before.host || advertise !== before.advertise)
    await listening.set({ ...before, host, advertise })
  return await chooseListen({ listening }, options.config, [])
}

/** The join string of the folder's cluster, which is made if there is none. Asking again changes nothing, also while the cluster runs. */
export async function initCluster(options: FoundOptions): Promise<{ joinString: string; made: boolean }> {
  await ensureFolder(options.home)
  const known = await readClusterKey(options.home)
  const asked = options.listen !== undefined || options.advertise !== undefined
  if (known !== undefined && !asked)
    return { joinString: joinStringOf(await withMembers(options, known)), made: false }
  const lock = await lockHome(options.home)
  try {
    return { joinString: joinStringOf(await foundCluster(options)), made: known === undefined }
  } finally {
    lock.release()
  }
}

/**
 * On a machine that joined, the string it was given leads to a controller that may be gone by now: the members that live here, and those they know, are named first.
 */
async function withMembers({ home, config }: FoundOptions, known: ClusterKey): Promise<ClusterKey> {
  if (await hasIdentity(join(home, CONTROLLER_NAME))) return known
  const own = await ownAddresses(home, config, known.addresses)
  const { addresses } = await readHomeMemory(home)
  const all = [...new Set([...own, ...addresses.slice(0, PEERS_NAMED), ...known.addresses])]
  return { ...known, addresses: all.slice(0, ADDRESSES_MAX) }
}

/** Of the peers that are remembered, so many: the string stays short. */
const PEERS_NAMED = 4
/** The most a join string holds (cluster/join-string.ts). */
const ADDRESSES_MAX = 16

const hasIdentity = async (folder: string): Promise<boolean> =>
  (await readSecretFile(join(folder, IDENTITY_FILE))) !== undefined

/** The whole folder for one process. @throws `data-in-use` when `up` or any role runs on it */
export async function lockHome(home: string): Promise<FolderLock> {
  await ensureFolder(home)
  return lockFolder(home, 'exclusive')
}

/** Names of the nodes with data in the folder, `node-1` first. */
export async function storedNodes(home: string): Promise<string[]> {
  await ensureFolder(home)
  const names = await readdir(home)
  return names
    .filter((name) => /^node-\d+$/.test(name))
    .toSorted((a, b) => Number(a.slice('node-'.length)) - Number(b.slice('node-'.length)))
}

/** After a controller's start: its address may be a new one, and whoever joins from now on has to find it there. */
export async function rememberAddresses(home: string, key: ClusterKey): Promise<void> {
  const known = await readClusterKey(home)
  if (known === undefined || !sameCluster(known, key)) return
  if (joinStringOf(known) !== joinStringOf(key)) await writeClusterKey(home, key)
}
