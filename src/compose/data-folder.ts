/**
 * The data folder of one role:
 *
 *     identity     private key of the peer id, mode 0600: whoever has it is this peer
 *     join         the cluster's join string, mode 0600
 *     boot.json    number of the last start        peers.json   peers seen, and where
 *     term.json    greatest term seen              listen.json  where the peer network listened last
 *     draining.json  whether it is being emptied (node)
 *     scrub.json     how far it is with reading all it holds again (node)
 *     lock         held while a process uses the folder
 *     chunks/      LevelDB (node)                  metadata.db  SQLite (controller)
 *     snapshots/   LevelDB with encrypted snapshots of the controller's metadata (node)
 */

import { join } from 'node:path'
import { z } from 'zod'
import type { KnownPeers } from '../cluster/announcer.ts'
import { PeerbinError } from '../errors.ts'
import type * as identityModule from '../network/identity.ts'
import { NEVER_SCRUBBED, scrubStateSchema } from '../node/scrubber.ts'
import type { ScrubState } from '../node/scrubber.ts'
import { addresses, count, term } from '../protocol/schema.ts'
import { memoryCell, openFileCell } from '../runtime/cell.ts'
import type { Cell } from '../runtime/cell.ts'
import type { PeerId, Term } from '../types.ts'
import { lockFolder } from './folder-lock.ts'
import { ensureFolder, readSecretFile, writeSecretFile } from './secret-file.ts'

/** Where the peer network listens; remembered so that a peer is found again where it was. */
export interface Listening {
  /** Address to bind; empty: not chosen, see listening.ts. */
  host: string
  /** 0: none taken yet. */
  port: number
  /** Host name or address that others dial in place of those found; empty: none. */
  advertise: string
}

const listeningSchema = z.object({
  host: z.string().max(255),
  port: z.int().min(0).max(65_535),
  advertise: z.string().max(255)
})
const knownPeersSchema = z.record(z.string(), addresses)

/** Loaded when one is needed: the libraries behind it take long, and `peerbin up` needs none but at its first start. */
const identities = (): Promise<typeof identityModule> => import('../network/identity.ts')

/** What a role remembers over restarts. */
export interface RoleState {
  /** Undefined: everything is in memory. */
  readonly folder: string | undefined
  readonly identity: Uint8Array
  readonly self: PeerId
  readonly boot: Cell<number>
  readonly term: Cell<Term>
  readonly peers: Cell<KnownPeers>
  readonly listening: Cell<Listening>
  /** Gives the folder back. Idempotent. */
  close(): void
}

/** What a node remembers beside that. */
export interface NodeCells {
  /** Whether an operator has it emptied. */
  readonly draining: Cell<boolean>
  /** How far the scrub is. */
  readonly scrub: Cell<ScrubState>
}

/** Private key, libp2p's protobuf encoding. */
export const IDENTITY_FILE = 'identity'
const NOTHING_CHOSEN: Listening = { host: '', port: 0, advertise: '' }
const TERM_NONE = 0 as Term

/** State that ends with the process. */
export async function memoryRoleState(): Promise<RoleState> {
  const { newIdentity, peerIdOf } = await identities()
  const identity = await newIdentity()
  return {
    folder: undefined,
    identity,
    self: peerIdOf(identity),
    boot: memoryCell(0),
    term: memoryCell(TERM_NONE),
    peers: memoryCell<KnownPeers>({}),
    listening: memoryCell(NOTHING_CHOSEN),
    close: () => {}
  }
}

/**
 * Opens or makes a role's data folder and locks it.
 * @throws `data-in-use`, `data-incompatible` when a file in it is damaged, `local-file`
 */
export async function openRoleState(folder: string): Promise<RoleState> {
  await ensureFolder(folder)
  const lock = lockFolder(folder, 'exclusive')
  try {
    const identity = await openIdentity(join(folder, IDENTITY_FILE))
    return {
      folder,
      ...identity,
      boot: await openFileCell(join(folder, 'boot.json'), count, 0),
      term: await openFileCell(join(folder, 'term.json'), term, TERM_NONE),
      peers: await openFileCell<KnownPeers>(join(folder, 'peers.json'), knownPeersSchema, {}),
      listening: await openListening(folder),
      close: () => lock.release()
    }
  } catch (error) {
    lock.release()
    throw error
  }
}

/** State of a node that ends with the process. */
export const memoryNodeCells = (): NodeCells => ({
  draining: memoryCell(false),
  scrub: memoryCell(NEVER_SCRUBBED)
})

/** @param folder the role's, locked (openRoleState). @throws `data-incompatible`, `local-file` */
export const openNodeCells = async (folder: string): Promise<NodeCells> => ({
  draining: await openFileCell(join(folder, 'draining.json'), z.boolean(), false),
  scrub: await openFileCell(join(folder, 'scrub.json'), scrubStateSchema, NEVER_SCRUBBED)
})

/** Where the role of that folder listened last; the folder must be there. @throws `data-incompatible`, `local-file` */
export const openListening = (folder: string): Promise<Cell<Listening>> =>
  openFileCell(join(folder, 'listen.json'), listeningSchema, NOTHING_CHOSEN)

async function openIdentity(path: string): Promise<{ identity: Uint8Array; self: PeerId }> {
  const { newIdentity, peerIdOf } = await identities()
  const stored = await readSecretFile(path)
  if (stored === undefined) {
    const identity = await newIdentity()
    await writeSecretFile(path, identity)
    return { identity, self: peerIdOf(identity) }
  }
  try {
    return { identity: stored, self: peerIdOf(stored) }
  } catch (error) {
    throw new PeerbinError('data-incompatible', `${path} holds no private key that can be read`, {
      cause: error
    })
  }
}
