/** A group's files in a folder, with what is known of them in manifest.json. */

import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, open, rename, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { isCleanPath } from '../bundle/paths.ts'
import { PeerbinError } from '../errors.ts'
import { inParallel } from '../runtime/in-parallel.ts'
import type { GroupAnswer, ManifestFile } from './answers.ts'
import { asLocal, download } from './download.ts'
import type { PoolClient } from './pool-client.ts'

export const MANIFEST = 'manifest.json'
/** Files that are fetched at once. */
const DOWNLOADS = 4
/** A server that is away is waited for so long. */
const AWAY_MS = 10 * 60_000
/** Of a manifest that is kept in memory: what a group may have many times over. */
const FILES_MAX = 1_000_000

export interface FetchGroupOptions {
  readonly signal: AbortSignal
  readonly onFile?: ((file: ManifestFile, done: number, total: number) => void) | undefined
}

/** What manifest.json in the folder holds. */
export interface GroupManifest {
  readonly group: GroupAnswer
  readonly files: readonly ManifestFile[]
}

/**
 * Fetches what is not there yet, with its right bytes, and writes manifest.json last: where it is, the folder is complete.
 * @throws `group-emptied`, `permission-denied`, `checksum-mismatch`, `local-file`, `local-full`
 */
export async function fetchGroup(
  client: PoolClient,
  group: GroupAnswer,
  folder: string,
  { signal, onFile }: FetchGroupOptions
): Promise<GroupManifest> {
  const files: ManifestFile[] = []
  for await (const file of client.manifest(group.group, { signal })) {
    // a server is not trusted with where files go
    if (!isCleanPath(file.path_in_archive) || file.path_in_archive === MANIFEST)
      throw new PeerbinError('protocol-violation', 'a file of the group has a path that cannot be used')
    if (files.push(file) > FILES_MAX)
      throw new PeerbinError('protocol-violation', 'the group has too many files')
  }
  try {
    await mkdir(folder, { recursive: true })
  } catch (error) {
    throw asLocal(error, folder)
  }
  let done = 0
  await inParallel(files, DOWNLOADS, async (file) => {
    await fetchFile(client, group.group, file, join(folder, file.path_in_archive), signal)
    onFile?.(file, ++done, files.length)
  })
  await writeManifest(folder, { group, files })
  return { group, files }
}

async function fetchFile(
  client: PoolClient,
  group: string,
  file: ManifestFile,
  path: string,
  signal: AbortSignal
): Promise<void> {
  if (await isThere(path, file)) return
  await download({
    http: client.http,
    request: client.request('GET', `groups/${group}/files/${encodeURIComponent(file.file)}`, signal),
    path,
    sha256: file.sha256,
    sizeBytes: file.size,
    limitMs: AWAY_MS
  })
}

async function isThere(path: string, { size, sha256 }: ManifestFile): Promise<boolean> {
  const found = await stat(path).catch(() => undefined) // what cannot be looked at is told when it is written
  if (found?.isFile() !== true || found.size !== size) return false
  const hash = createHash('sha256')
  for await (const piece of createReadStream(path)) hash.update(piece as Uint8Array)
  return hash.digest('hex') === sha256
}

async function writeManifest(folder: string, manifest: GroupManifest): Promise<void> {
  const path = join(folder, MANIFEST)
  try {
    {
      await using file = await open(`${path}.new`, 'w')
      await file.writeFile(`${JSON.stringify(manifest, undefined, 2)}\n`)
      await file.sync()
    }
    await rename(`${path}.new`, path)
  } catch (error) {
    throw asLocal(error, path)
  }
}
