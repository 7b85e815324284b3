/** What the processes with folders in a home remember of the cluster; for commands that have no folder of their own, also while those processes run. */

import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import type { KnownPeers } from '../cluster/announcer.ts'
import type { ConfigInput } from '../config.ts'
import { hasCode, PeerbinError } from '../errors.ts'
import { addresses, term } from '../protocol/schema.ts'
import { openFileCell } from '../runtime/cell.ts'
import type { Address, Term } from '../types.ts'
import { IDENTITY_FILE, openListening } from './data-folder.ts'
import { joinAddresses, listenHost, multiaddrOf } from './listening.ts'
import { readSecretFile } from './secret-file.ts'

/** Any one that lives is enough to find the others. */
const ADDRESSES_MAX = 64

export interface HomeMemory {
  /** Where peers were seen last, each once. */
  readonly addresses: Address[]
  /** Greatest term that any role of the home has heard of; 0: none. */
  readonly term: Term
}

const knownPeersSchema = z.record(z.string(), addresses)
const TERM_NONE = 0 as Term

/** @throws `local-file` when the home cannot be read; a home that is not there remembers nothing. */
export async function readHomeMemory(home: string): Promise<HomeMemory> {
  const found = new Set<Address>()
  let greatest = TERM_NONE
  for (const folder of await foldersIn(home)) {
    const peers = await readCell<KnownPeers>(join(folder, 'peers.json'), knownPeersSchema, {})
    for (const [peer, known] of Object.entries(peers)) {
      for (const address of known) found.add(withPeer(address, peer))
    }
    const heard = await readCell(join(folder, 'term.json'), term, TERM_NONE)
    if (heard > greatest) greatest = heard
  }
  return { addresses: [...found].slice(0, ADDRESSES_MAX), term: greatest }
}

/** Where the roles with folders in the home can be dialled, as far as they remember. */
export async function ownAddresses(
  home: string,
  config: ConfigInput,
  bootstrap: readonly Address[]
): Promise<Address[]> {
  const found: Address[] = []
  for (const folder of await foldersIn(home)) {
    const identity = await readSecretFile(join(folder, IDENTITY_FILE))
    if (identity === undefined) continue
    const { host, port, advertise } = (await openListening(folder)).get()
    if (port === 0) continue // it never ran
    const { peerIdOf } = await import('../network/identity.ts')
    const announce = advertise === '' ? [] : [multiaddrOf(advertise, port)]
    const listen = { host: listenHost(config, host, bootstrap), port, announce }
    found.push(...joinAddresses(listen, peerIdOf(identity)))
  }
  return found
}

const withPeer = (address: Address, peer: string): Address =>
  address.includes('/p2p/') ? address : (`${address}/p2p/${peer}` as Address)

async function foldersIn(home: string): Promise<string[]> {
  try {
    const entries = await readdir(home, { withFileTypes: true })
    return entries.filter((entry) => entry.isDirectory()).map((entry) => join(home, entry.name))
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
    throw new PeerbinError('local-file', `cannot read the data folder ${home}`, { cause: error })
  }
}

async function readCell<T>(path: string, schema: z.ZodType<T>, initial: T): Promise<T> {
  try {
    return (await openFileCell(path, schema, initial)).get()
  } catch (error) {
    // the role itself complains of a damaged file at its start; here any other source will do
    if (hasCode(error, 'data-incompatible', 'local-file')) return initial
    throw error
  }
}
