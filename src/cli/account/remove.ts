/** What `peerbin rm` and `mv` do. */

import { foldPath } from '../../bundle/paths.ts'
import { asPeerbinError, hasCode, PeerbinError } from '../../errors.ts'
import { say } from '../context.ts'
import type { CliContext } from '../context.ts'
import { FailedQuietly } from '../failed-quietly.ts'
import { deletedFolder, file as fileSchema, movedFolder, said } from './answers.ts'
import type { FileAnswer } from './answers.ts'
import type { AccountApi } from './api.ts'
import { findFile, idPath, remotePath } from './find-file.ts'
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
      if (options.recursive === true) await removeFolder({ api, owner }, path, options, context)
      else await removeOne(api, await findFile(api, path, owner), options, context)
    } catch (error) {
      if (paths.length === 1 || context.interrupted.aborted) throw error
      const known = asPeerbinError(error)
      say(context, `${shown(path)}: ${known.message} (${known.code})`)
      failure ??= known
    }
  }
  if (failure !== undefined) throw new FailedQuietly(failure)
}

/** A folder with everything in it; a file where there is none of that name. */
async function removeFolder(
  { api, owner }: Files,
  path: string,
  options: RmOptions,
  context: CliContext
): Promise<void> {
  const folder = remotePath(path)
  if (folder === '')
    throw new PeerbinError('usage', 'name the folder: to delete everything at once is not offered')
  const body = { path: folder, owner }
  let deleted = 0
  for (let more = true; more;) {
    try {
      const step = await api.json({ method: 'POST', path: 'api/folders/delete', body }, deletedFolder)
      deleted += step.deleted
      more = step.more
    } catch (error) {
      if (!hasCode(error, 'file-unknown')) throw error
      if (deleted === 0) return await removeOne(api, await findFile(api, path, owner), options, context)
      more = false // somebody else was faster
    }
  }
  tell(
    options,
    context,
    { type: 'folder', path: folder, deleted },
    `${shown(folder)}/: ${count(deleted)} deleted`
  )
}

const count = (files: number): string => (files === 1 ? '1 file' : `${files} files`)

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

/** A file, or a folder with everything below it, of which all moves or nothing. */
export async function mv(from: string, to: string, options: FileOptions, context: CliContext): Promise<void> {
  const { api, owner } = await openFiles(options, context)
  const folder = remotePath(from)
  const isInto = /[/\\]$/.test(to) || remotePath(to) === ''
  const into = (name: string): string =>
    isInto ? [remotePath(to), name].filter((part) => part !== '').join('/') : remotePath(to)
  const target = into(lastOf(folder))
  const isFolder = folder !== '' && (await moveFolder({ api, owner }, folder, target, options, context))
  if (isFolder) return
  const file = await findFile(api, from, owner).catch((error: unknown) => {
    if (isInside(target, folder) && hasCode(error, 'file-unknown'))
      throw new PeerbinError('usage', 'a folder cannot be moved into itself', { cause: error })
    throw error
  })
  // one that was named by its id keeps its own name
  await moveOne(api, file, into(file.file_name), options, context)
}

/** False where there is no such folder. */
async function moveFolder(
  { api, owner }: Files,
  from: string,
  to: string,
  options: FileOptions,
  context: CliContext
): Promise<boolean> {
  if (isInside(to, from)) return false // of a file there is no doubt
  try {
    const body = { from, to, owner }
    const { moved } = await api.json({ method: 'POST', path: 'api/folders/move', body }, movedFolder)
    const text = `${shown(from)}/ -> ${shown(to)}/ (${count(moved)})`
    tell(options, context, { type: 'folder', from, to, moved }, text)
    return true
  } catch (error) {
    if (hasCode(error, 'file-unknown')) return false
    throw error
  }
}

const isInside = (path: string, folder: string): boolean =>
  folder !== '' && foldPath(path).startsWith(`${foldPath(folder)}/`)

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
