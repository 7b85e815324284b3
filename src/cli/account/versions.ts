/** What `peerbin versions`, `restore` and `prune` do. */

import type { CliContext } from '../context.ts'
import { formatBytes } from '../progress.ts'
import { file as fileSchema, said, versionList } from './answers.ts'
import type { VersionAnswer } from './answers.ts'
import type { AccountApi } from './api.ts'
import { findFile, idPath } from './find-file.ts'
import { pages } from './pages.ts'
import { openFiles } from './open-files.ts'
import type { FileOptions } from './open-files.ts'
import { localTime, shown, tell, writeLines, writeTable } from './tables.ts'

export async function versions(path: string, options: FileOptions, context: CliContext): Promise<void> {
  const { api, owner } = await openFiles(options, context)
  const file = await findFile(api, path, owner)
  for await (const page of versionsOf(api, file.file_id)) {
    if (options.json === true) writeLines(context, page)
    else writeTable(context, ['VERSION', 'SIZE', 'UPLOADED', 'STATUS', 'SHA-256'], page.map(rowOf))
  }
}

async function* versionsOf(api: AccountApi, id: string): AsyncGenerator<VersionAnswer[], void, undefined> {
  const path = idPath(id, '/versions')
  yield* pages(async (before) => {
    const { versions: items, next } = await api.json({ method: 'GET', path, query: { before } }, versionList)
    return { items, next }
  })
}

const rowOf = (each: VersionAnswer): string[] => [
  String(each.version),
  formatBytes(each.file_size),
  localTime(each.upload_date),
  shown(each.status + (typeof each.error === 'string' ? ` (${each.error})` : '')),
  shown(each.sha256 ?? '')
]

/** Makes what was an earlier version the newest one; none is lost by it. */
export async function restoreVersion(
  path: string,
  version: number,
  options: FileOptions,
  context: CliContext
): Promise<void> {
  const { api, owner } = await openFiles(options, context)
  const file = await findFile(api, path, owner)
  const now = await api.json(
    { method: 'POST', path: idPath(file.file_id, '/restore'), body: { version } },
    fileSchema
  )
  tell(
    options,
    context,
    { restored: version, ...now },
    `${shown(now.path)} is what version ${version} was, as version ${now.version}`
  )
}

export interface PruneOptions extends FileOptions {
  keep: number
}

export async function prune(
  paths: readonly string[],
  { keep, ...options }: PruneOptions,
  context: CliContext
): Promise<void> {
  const { api, owner } = await openFiles(options, context)
  for (const path of paths) {
    const file = await findFile(api, path, owner)
    const answer = await api.json(
      { method: 'POST', path: idPath(file.file_id, '/prune'), body: { keep } },
      said
    )
    tell(
      options,
      context,
      { file_id: file.file_id, path: file.path, keep, ...answer },
      `${shown(file.path)}: ${shown(answer.message)}`
    )
  }
}
