/** Which file of an account a command line means: by its path, or by its id. */

import { cleanPath } from '../../bundle/paths.ts'
import { hasCode, PeerbinError } from '../../errors.ts'
import { file, fileList } from './answers.ts'
import type { FileAnswer } from './answers.ts'
import type { AccountApi, Query } from './api.ts'
import { pages } from './pages.ts'
import { shown } from './tables.ts'

/** Files in one answer. */
export const PAGE_FILES = 1000
const UUID = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/i

/** A path at the server as it is stored, without `/` at its ends; empty: the top. Wildcards and `.` mean nothing there. */
export const remotePath = (text: string): string =>
  /^[/\\.]*$/.test(text) ? '' : cleanPath(text.replace(/^[/\\]+|[/\\]+$/g, ''))

export interface ListOptions {
  readonly folder?: string | undefined
  readonly recursive?: boolean | undefined
  readonly search?: string | undefined
  readonly sort?: string | undefined
  readonly order?: string | undefined
  readonly owner?: string | undefined
}

export interface ListPage {
  readonly files: readonly FileAnswer[]
  readonly folders: readonly string[]
}

/** All pages of a listing, one after the other. @throws what the server says */
export async function* listFiles(
  api: AccountApi,
  options: ListOptions
): AsyncGenerator<ListPage, void, undefined> {
  const { recursive, ...rest } = options
  const query = { ...rest, ...(recursive === true && { recursive }), limit: PAGE_FILES }
  const ask = (more: Query) =>
    api.json({ method: 'GET', path: 'api/files/list', query: { ...query, ...more } }, fileList)
  let foldersAfter: string | null = null
  yield* pages(async (after) => {
    const page = await ask({ after })
    foldersAfter ??= page.folders_next ?? null
    return { items: page, next: page.next }
  })
  // thousands of folders in one: further pages of them come by themselves
  if (foldersAfter === null) return
  yield* pages(async (after) => {
    const { folders, folders_next: next } = await ask({
      folders_after: after ?? foldersAfter ?? '',
      limit: 1
    })
    return { items: { files: [], folders }, next }
  })
}

/** What every file below a folder is, also in folders inside. */
export async function filesBelow(api: AccountApi, folder: string, owner?: string): Promise<FileAnswer[]> {
  const found: FileAnswer[] = []
  for await (const { files } of listFiles(api, { folder, recursive: true, owner })) found.push(...files)
  return found
}

/** @param text a path, or the id that `ls -l` shows @throws `file-unknown` when there is no such file; what the server says */
export async function findFile(api: AccountApi, text: string, owner?: string): Promise<FileAnswer> {
  const found = (UUID.test(text) ? await byId(api, text) : undefined) ?? (await byPath(api, text, owner))
  if (found !== undefined) return found
  throw new PeerbinError(
    'file-unknown',
    `there is no file ${shown(text)} in this account; see \`peerbin ls\``
  )
}

export const idPath = (id: string, below = ''): string => `api/files/${encodeURIComponent(id)}${below}`

/** A version of a file, as if it were the newest. @throws `not-found` and the like */
export const fileAt = async (api: AccountApi, id: string, version: number): Promise<FileAnswer> =>
  await api.json({ method: 'GET', path: idPath(id), query: { version } }, file)

async function byId(api: AccountApi, id: string): Promise<FileAnswer | undefined> {
  try {
    return await api.json({ method: 'GET', path: idPath(id) }, file)
  } catch (error) {
    // a path may look like an id
    if (hasCode(error, 'file-unknown', 'not-found')) return undefined
    throw error
  }
}

/** @param owner UUID of another user @returns undefined where there is none */
export async function byPath(api: AccountApi, text: string, owner?: string): Promise<FileAnswer | undefined> {
  const path = remotePath(text)
  if (path === '') return undefined
  try {
    return await api.json({ method: 'GET', path: 'api/files/find', query: { path, owner } }, file)
  } catch (error) {
    if (hasCode(error, 'file-unknown')) return undefined
    throw error
  }
}
