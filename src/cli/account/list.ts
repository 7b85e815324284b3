/** What `peerbin ls` does. */

import { PeerbinError } from '../../errors.ts'
import type { CliContext } from '../context.ts'
import { formatBytes } from '../progress.ts'
import type { FileAnswer } from './answers.ts'
import { byPath, listFiles, remotePath } from './find-file.ts'
import type { ListOptions } from './find-file.ts'
import { openFiles } from './open-files.ts'
import type { FileOptions } from './open-files.ts'
import { localTime, shown, writeLines, writeTable } from './tables.ts'

export interface LsOptions extends FileOptions {
  long?: boolean
  recursive?: boolean
  search?: string
  sort?: 'name' | 'date' | 'size'
  reverse?: boolean
}

export async function ls(
  folderText: string | undefined,
  options: LsOptions,
  context: CliContext
): Promise<void> {
  const { api, owner } = await openFiles(options, context, 'everybody')
  const folder = remotePath(folderText ?? '')
  const wanted: ListOptions = {
    folder,
    // whoever looks for a name does not know where it is
    recursive: options.recursive === true || options.search !== undefined,
    search: options.search,
    sort: options.sort,
    order: orderOf(options),
    owner
  }
  const isDeep = wanted.recursive === true
  const seen = new Set<string>()
  let count = 0
  for await (const { files, folders } of listFiles(api, wanted)) {
    // a page may tell them again
    const fresh = folders.filter((each) => !seen.has(each))
    for (const each of fresh) seen.add(each)
    count += files.length + fresh.length
    write(fresh, files, folder, isDeep, options, context)
  }
  if (count > 0 || folder === '' || options.search !== undefined) return
  // a path of everybody's would be anybody's file
  const file = owner === '*' ? undefined : await byPath(api, folder, owner)
  if (file === undefined)
    throw new PeerbinError('file-unknown', `there is neither a folder nor a file ${shown(folder)} here`)
  write([], [file], '', true, options, context)
}

/** Newest and largest first, as they are looked for; names from A. */
function orderOf({ sort, reverse }: LsOptions): string | undefined {
  if (sort === undefined && reverse !== true) return undefined
  const isDown = sort === 'date' || sort === 'size'
  return isDown === (reverse === true) ? 'asc' : 'desc'
}

function write(
  folders: readonly string[],
  files: readonly FileAnswer[],
  folder: string,
  isDeep: boolean,
  options: LsOptions,
  context: CliContext
): void {
  if (options.json === true) {
    writeLines(
      context,
      folders.map((path) => ({ type: 'folder', path: whole(path, folder) }))
    )
    return writeLines(
      context,
      files.map((each) => ({ type: 'file', ...each }))
    )
  }
  const nameOf = (path: string): string =>
    shown(isDeep || folder === '' ? path : path.slice(folder.length + 1))
  const folderNames = folders.map((each) => `${nameOf(whole(each, folder))}/`)
  if (options.long !== true) {
    const names = [...folderNames, ...files.map(({ path }) => nameOf(path))]
    return context.stdout.write(names.map((name) => `${name}\n`).join(''))
  }
  writeTable(
    context,
    ['SIZE', 'UPLOADED', 'VERSION', 'STATUS', 'ID', 'NAME'],
    [
      ...folderNames.map((name) => ['', '', '', '', '', name]),
      ...files.map((each) => [
        formatBytes(each.file_size),
        localTime(each.upload_date),
        String(each.version),
        shown(each.status),
        shown(each.file_id),
        nameOf(each.path) +
          (typeof each.expires_at === 'string' ? ` (until ${localTime(each.expires_at)})` : '')
      ])
    ]
  )
}

/** A server may tell folders by their own names, or by their paths. */
const whole = (name: string, folder: string): string => {
  const clean = name.replace(/\/+$/, '')
  return folder === '' || clean.startsWith(`${folder}/`) ? clean : `${folder}/${clean}`
}
