/** The files of a group, page by page, with their places in its archives; and the manifest that says so. */

import { POOL_FILES_PER_PAGE_MAX } from '../../protocol/limits.ts'
import type { GroupFile, GroupId, GroupRecord } from '../../pools.ts'
import { asking } from '../accounts/actor.ts'
import { isoTime } from '../accounts/answers.ts'
import type { EdgeContext } from '../context.ts'
import type { Asked } from './announce.ts'
import { groupFileAnswer } from './answers.ts'
import { ArchiveNames } from './archive-names.ts'

export interface GroupAsked extends Asked {
  readonly group: GroupId
}

export interface ListedFile {
  readonly file: GroupFile
  /** In the archives. */
  readonly path: string
}

/** By member, timestamp and name. @throws `group-unknown`, `group-emptied`, `permission-denied` */
export async function* listedFiles(
  { controller }: Pick<EdgeContext, 'controller'>,
  { actor, pool, group, signal }: GroupAsked
): AsyncGenerator<readonly ListedFile[], void, undefined> {
  const names = new ArchiveNames()
  const asked = { actor: asking(actor), pool, group, limit: POOL_FILES_PER_PAGE_MAX }
  let last: GroupFile | undefined
  for (;;) {
    const after = last && { member: last.member, at: last.at, name: last.name }
    const page = await controller.call(
      'listGroupFiles',
      { ...asked, ...(after !== undefined && { after }) },
      { signal }
    )
    yield page.files.map((file) => ({ file, path: names.next(file) }))
    last = page.files.at(-1)
    if (page.isLast || last === undefined) return
  }
}

const lineOf = ({ file, path }: ListedFile): string => JSON.stringify(groupFileAnswer(file, path))

/** One line for each file. */
export async function* manifestLines(
  pages: AsyncIterable<readonly ListedFile[]>
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const page of pages) {
    if (page.length > 0) yield Buffer.from(`${page.map(lineOf).join('\n')}\n`)
  }
}

/** The manifest inside an archive: one JSON object, a line for each file. What it says of the group does not change any more once that is closed. */
export async function* archiveManifest(
  { id, pool, start, end, generation, isLate }: GroupRecord,
  pages: AsyncIterable<readonly ListedFile[]>
): AsyncGenerator<Uint8Array, void, undefined> {
  const head = { pool, group: id, start: isoTime(start), end: isoTime(end), generation, late: isLate }
  let isFirst = true
  yield Buffer.from(`${JSON.stringify(head).slice(0, -1)},"files":[`)
  for await (const page of pages) {
    if (page.length === 0) continue
    yield Buffer.from(`${isFirst ? '\n' : ',\n'}${page.map(lineOf).join(',\n')}`)
    isFirst = false
  }
  yield Buffer.from('\n]}\n')
}
