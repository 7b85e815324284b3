/** What `peerbin backup` and `peerbin restore` do. */

import { existsSync } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { forgetBoots } from '../metadata/sqlite/forget-boots.ts'
import { applySnapshot } from '../metadata/sqlite/apply-snapshot.ts'
import { nameOf, openBytes, unpack } from '../controller/snapshots/pieces.ts'
import type { RecoveryReport } from '../controller/recovery/report.ts'
import { asPeerbinError, hasCode, PeerbinError } from '../errors.ts'
import { systemRandom } from '../runtime/random.ts'
import type { PeerId, Term } from '../types.ts'
import { VERSION } from '../version.ts'
import { withAdmin } from './admin.ts'
import type { Admin, AdminOptions } from './admin.ts'
import { BackupReader, BackupWriter } from './backup-file.ts'
import type { BackupHeader } from './backup-file.ts'
import { readClusterKey } from './cluster-key.ts'
import { recoverFolder } from './recover.ts'
import type { RecoverOptions } from './recover.ts'
import type { DraftSource } from './recover-source.ts'

/** Making a new base of a large cluster's metadata and getting it to nodes comes before the first piece. */
const PIECE_TIMEOUT_MS = 10 * 60_000

export interface BackupDone {
  readonly file: string
  readonly bytes: number
  readonly pieces: number
  /** Wall clock of the controller, ms. */
  readonly madeAt: number
  readonly term: Term
}

export interface BackupOptions extends AdminOptions {
  /** Replace a file that is there. */
  readonly force?: boolean | undefined
  /** Told how much is written by now. */
  readonly onProgress?: ((bytes: number) => void) | undefined
}

/**
 * Writes the metadata of the running cluster to `file`: all of it or nothing.
 * @throws `local-file`, `no-controller`, `copies-missing`, …
 */
export async function backup(home: string, file: string, options: BackupOptions): Promise<BackupDone> {
  if (options.force !== true && existsSync(file))
    throw new PeerbinError('local-file', `${file} is there already; --force replaces it`)
  const draft = `${file}.part`
  try {
    const done = await withAdmin(home, options, async (admin) => {
      await using handle = await open(draft, 'w', 0o600)
      const made = await fetchBackup(admin, handle, options.onProgress ?? (() => {}))
      await handle.sync()
      return made
    })
    await rename(draft, file)
    await using folder = await open(dirname(file), 'r')
    await folder.sync()
    return { ...done, file }
  } catch (error) {
    throw error instanceof PeerbinError
      ? error
      : new PeerbinError('local-file', `cannot write ${file}`, { cause: error })
  } finally {
    await rm(draft, { force: true })
  }
}

async function fetchBackup(
  admin: Admin,
  handle: FileHandle,
  onProgress: (bytes: number) => void
): Promise<Omit<BackupDone, 'file'>> {
  const { cluster, membership } = admin
  const leader = admin.leader()
  const term = membership.get(leader)?.term ?? (0 as Term)
  const writer = new BackupWriter(handle, { secret: cluster.secret, random: systemRandom })
  let number: number | undefined
  let madeAt = 0
  for (let part = 0; ; part++) {
    const { backup: base, last, sealed } = await fetchPiece(admin, leader, number, part)
    number = base
    const name = nameOf({ term, base, kind: 'base', sequence: 0 }, { part, last })
    const plain = openBytes({ name, bytes: sealed }, cluster.secret) // whole, and what it claims to be
    if (part === 0) {
      madeAt = unpack(plain).at
      await writer.begin({ clusterName: cluster.clusterName, madeAt, term, program: VERSION })
    }
    await writer.piece(plain, last)
    onProgress(writer.bytes)
    if (last) return { bytes: writer.bytes, pieces: part + 1, madeAt, term }
  }
}

async function fetchPiece(
  { controlRpc, signal }: Admin,
  leader: PeerId,
  number: number | undefined,
  part: number
): Promise<{ backup: number; last: boolean; sealed: Uint8Array }> {
  const request = { part, ...(number !== undefined && { backup: number }) }
  const { message, body } = await controlRpc.call(leader, 'backup', request, {
    timeoutMs: PIECE_TIMEOUT_MS,
    allocate: (sizeBytes) => new Uint8Array(sizeBytes),
    ...(signal && { signal })
  })
  return { ...message, sealed: body ?? new Uint8Array(0) }
}

export interface RestoreOptions extends RecoverOptions {
  readonly file: string
}

/**
 * Puts the metadata of a backup in the place of a controller's that is lost. Nodes have to be there: their terms, chunks and manifests say what came after it.
 * @throws `restore-refused` with the reason: damaged, of another cluster or a newer version, the cluster has a controller, there is metadata already
 */
export async function restore(
  options: RestoreOptions
): Promise<{ header: BackupHeader; report: RecoveryReport }> {
  const secret = (options.join ?? (await readClusterKey(options.home)))?.secret
  if (secret === undefined)
    throw new PeerbinError(
      'join-string-invalid',
      `${options.home} belongs to no cluster: give the join string of the one that the backup is of`
    )
  await using handle = await openBackup(options.file)
  const reader = new BackupReader(handle, secret)
  const header = await reader.header()
  options.onProgress?.('reading the backup')
  for await (const piece of reader.pieces()) unpack(piece) // before anything else is done: all of it can be read
  const report = await recoverFolder(options, {
    kind: 'restore',
    refusal: 'restore-refused',
    draft: async (file) => await draftFromBackup(file, reader, header)
  })
  return { header, report }
}

async function openBackup(file: string): Promise<FileHandle> {
  try {
    return await open(file, 'r')
  } catch (error) {
    throw new PeerbinError('local-file', `cannot read ${file}`, { cause: error })
  }
}

async function draftFromBackup(
  file: string,
  reader: BackupReader,
  header: BackupHeader
): Promise<DraftSource> {
  async function* base(): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const piece of reader.pieces()) yield unpack(piece).bytes
  }
  async function* noChanges(): AsyncGenerator<Uint8Array, void, undefined> {}
  try {
    await applySnapshot(file, base(), noChanges())
  } catch (error) {
    if (!hasCode(error, 'data-incompatible')) throw error
    throw new PeerbinError('restore-refused', `The backup cannot be used here: ${error.message}`, {
      cause: asPeerbinError(error)
    })
  }
  forgetBoots(file)
  return {
    applied: { term: header.term, base: 0, changes: 0 },
    takenAt: header.madeAt,
    suspendAll: `the backup is of ${new Date(header.madeAt).toISOString()}, and what was redeemed since is not known.`
  }
}
