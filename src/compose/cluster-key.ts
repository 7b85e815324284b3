/** What makes a process a member of a cluster, and where a data folder keeps it. */

import { join } from 'node:path'
import { decodeJoin, encodeJoin } from '../cluster/join-string.ts'
import type { JoinInfo } from '../cluster/join-string.ts'
import { PeerbinError } from '../errors.ts'
import type { Random } from '../interfaces.ts'
import { readSecretFile, writeSecretFile } from './secret-file.ts'

/** Name, secret (32 bytes; whoever has them is a member), and where to find a first peer. */
export type ClusterKey = Readonly<JoinInfo>

const SECRET_BYTES = 32
const DEFAULT_NAME = 'peerbin'
/** The join string as text, mode 0600. */
const JOIN_FILE = 'join'

export const newClusterKey = (random: Random, clusterName = DEFAULT_NAME): ClusterKey => ({
  clusterName,
  secret: random.bytes(SECRET_BYTES),
  addresses: []
})

export const joinStringOf = (key: ClusterKey): string => encodeJoin(key)

/** @throws `join-string-invalid` */
export const parseJoinString = (text: string): ClusterKey => decodeJoin(text)

/** The cluster a folder belongs to; undefined for a new one. @throws `data-incompatible` when the file is damaged */
export async function readClusterKey(folder: string): Promise<ClusterKey | undefined> {
  const path = join(folder, JOIN_FILE)
  const bytes = await readSecretFile(path)
  if (bytes === undefined) return undefined
  try {
    return parseJoinString(Buffer.from(bytes).toString('utf8'))
  } catch (error) {
    throw new PeerbinError('data-incompatible', `${path} holds no join string that can be read`, {
      cause: error
    })
  }
}

/** Makes the folder belong to that cluster, durably. */
export async function writeClusterKey(folder: string, key: ClusterKey): Promise<void> {
  await writeSecretFile(join(folder, JOIN_FILE), Buffer.from(`${joinStringOf(key)}\n`, 'utf8'))
}

export const sameCluster = (a: ClusterKey, b: ClusterKey): boolean => Buffer.compare(a.secret, b.secret) === 0

/**
 * Which cluster to be in: the one given, else the one the folder remembers. What was given is remembered for the next start.
 * @throws `join-string-invalid` when the folder belongs to another cluster
 */
export async function settleClusterKey(
  folder: string | undefined,
  given: ClusterKey | undefined
): Promise<ClusterKey | undefined> {
  if (folder === undefined) return given
  const known = await readClusterKey(folder)
  if (given === undefined) return known
  if (known !== undefined && !sameCluster(known, given))
    throw new PeerbinError(
      'join-string-invalid',
      `${folder} belongs to another cluster than the join string; use another folder`
    )
  if (known === undefined || joinStringOf(known) !== joinStringOf(given)) await writeClusterKey(folder, given)
  return given
}

/**
 * The cluster that a command is about: the given one, or else the home's.
 * @throws `join-string-invalid` when neither is known, or the home belongs to another cluster
 */
export async function clusterOf(home: string, given: ClusterKey | undefined): Promise<ClusterKey> {
  const known = await readClusterKey(home)
  if (known !== undefined && given !== undefined && !sameCluster(known, given))
    throw new PeerbinError(
      'join-string-invalid',
      `${home} belongs to another cluster than the join string; use another --data`
    )
  const cluster = given ?? known
  if (cluster === undefined)
    throw new PeerbinError(
      'join-string-invalid',
      `${home} belongs to no cluster: give the --data of a member on this machine, or a join string`
    )
  return cluster
}
