/** What `peerbin rm` and `mv` do. */

import { asPeerbinError, PeerbinError } from '../../errors.ts'
import { say } from '../context.ts'
import type { CliContext } from '../context.ts'
import { FailedQuietly } from '../failed-quietly.ts'
import { file as fileSchema, said } from './answers.ts'
import type { FileAnswer } from './answers.ts'
import type { AccountApi } from './api.ts'
import { filesBelow, findFile, idPath, remotePath } from './find-file.ts'
import { openFiles } from './open-files.ts'
import { shown, tell } from './tables.ts'
import type { FileOptions, Files } from './open-files.ts'

export interface RmOptions extends FileOptions {
  recursive?: boolean
  version?: number
}

export async function rm(paths: readonly string[], options: RmOptions, context: CliContext): Promise<void> {
  if (options.version !== undefined && (options.recursive === true || paths.length > 1))
    throw new PeerbinError('usage', '--version goes with one file, and not with --recursive')
  const { api, owner } = await openFiles(options, context)
  let failure: PeerbinError | undefined
  for (const path of paths) {
    try {
      for (const file of await meant({ api, owner }, path, options))
        await removeOne(api, file, options, context)
    } catch (error) {
      if (paths.length === 1 || context.interrupted.aborted) throw error
      const known = asPeerbinError(error)
      say(context, `${shown(path)}: ${known.message} (${known.code})`)
      failure ??= known
    }
  }
  if (failure !== undefined) throw new FailedQuietly(failure)
}

async function meant(
  { api, owner }: Files,
  path: string,
  options: RmOptions
): Promise<readonly FileAnswer[]> {
  if (options.recursive !== true) return [await findFile(api, path, owner)]
  const folder = remotePath(path)
  if (folder === '')
    throw new PeerbinError('usage', 'name the folder: to delete everything at once is not offered')
  const below = await filesBelow(api, folder, owner)
  return below.length > 0 ? below : [await findFile(api, path, owner)]
}

async function removeOne(
  api: AccountApi,
  file: FileAnswer,
  { version, json }: RmOptions,
  context: CliContext
): Promise<void> {
  const { file_id: id, path } = file
  const url =
    version === undefined ? `api/files/delete/${encodeURIComponent(id)}` : idPath(id, `/versions/${version}`)
  const { message } = await api.json({ method: 'DELETE', path: url }, said)
  const what = version === undefined ? 'deleted' : `version ${version} deleted`
  tell(
    { json: json === true },
    context,
    { file_id: id, path, message, ...(version !== undefined && { version }) },
    `${shown(path)}: ${what}`
  )
}

/** A file, or everything below a folder: each moves by itself, so that a failure on the way leaves the rest where it was. */
export async function mv(from: string, to: string, options: FileOptions, context: CliContext): Promise<void> {
  const { api, owner } = await openFiles(options, context)
  const folder = remotePath(from)
  const isInto = /[/\\]$/.test(to) || remotePath(to) === ''
  const base = isInto
    ? [remotePath(to), lastOf(folder)].filter((part) => part !== '').join('/')
    : remotePath(to)
  const below = folder === '' ? [] : await filesBelow(api, folder, owner)
  if (below.length === 0) {
    const file = await findFile(api, from, owner)
    // one that was named by its id keeps its own name
    const target = isInto ? [remotePath(to), file.file_name].filter((part) => part !== '').join('/') : base
    return await moveOne(api, file, target, options, context)
  }
  if (base === folder || base.startsWith(`${folder}/`))
    throw new PeerbinError('usage', 'a folder cannot be moved into itself')
  for (const file of below) await moveOne(api, file, base + file.path.slice(folder.length), options, context)
}

const lastOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1)

async function moveOne(
  api: AccountApi,
  file: FileAnswer,
  path: string,
  options: FileOptions,
  context: CliContext
): Promise<void> {
  const moved = await api.json({ method: 'PATCH', path: idPath(file.file_id), body: { path } }, fileSchema)
  tell(options, context, moved, `${shown(file.path)} -> ${shown(moved.path)}`)
}
