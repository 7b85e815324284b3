/** The files of all users, or of one. */

import type { JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { accountTexts } from '../../src/edge/account-texts.ts'
import { adminTexts } from '../../src/edge/admin-texts.ts'
import { ask, queryOf, segment } from '../account/api.ts'
import { usePaged } from '../account/hooks.ts'
import { Loading, More, Problem } from '../account/parts.tsx'
import type { FileList, FileRow, User } from '../account/shapes.ts'
import type { AccountSettings } from '../account/start.tsx'
import { isAboutFiles, useLive } from '../live/use-live.ts'
import type { Opened } from '../my/file-api.ts'
import { FileRows } from '../my/rows.tsx'
import { FileSheet } from '../my/sheet.tsx'
import { SearchField } from '../my/toolbar.tsx'

const words = adminTexts

/** Names of users, by id. One that cannot be found any more is its id. */
function useNames(ids: readonly string[]): (id: string) => string {
  const [names, setNames] = useState<ReadonlyMap<string, string>>(new Map())
  const missing = [...new Set(ids)].filter((id) => !names.has(id))
  useEffect(() => {
    for (const id of missing)
      void ask<User>(`/api/users/${segment(id)}`).then(
        (user) => setNames((before) => new Map(before).set(id, user.username)),
        () => setNames((before) => new Map(before).set(id, id))
      )
  }, [missing.join(' ')])
  return (id) => names.get(id) ?? ''
}

export function AllFiles(props: {
  /** Empty: of all. */
  user: string
  settings: AccountSettings
}): JSX.Element {
  const { user, settings } = props
  const [search, setSearch] = useState('')
  const [opened, setOpened] = useState<Opened>()
  const files = usePaged<FileRow>(search, async ({ after, limit }, signal) => {
    const query = queryOf({
      owner: user === '' ? '*' : user,
      recursive: true,
      search,
      sort: 'date',
      order: 'desc',
      after,
      limit
    })
    const page = await ask<FileList>(`/api/files/list${query}`, { signal })
    return { rows: page.files, next: page.next }
  })
  const nameOf = useNames([...files.rows.map((file) => file.owner_id), ...(user === '' ? [] : [user])])
  useLive(files, (news) => isAboutFiles(news) && (user === '' || news.owner === user))
  return (
    <>
      <p class="lead">{user === '' ? words.filesLead : words.filesOfUser(nameOf(user))}</p>
      <div class="toolbar">
        <SearchField id="search" label={words.filesSearch} value={search} onSearch={setSearch} />
      </div>
      <Problem text={files.problem} onRetry={files.reload} />
      {!files.isReady && files.problem === '' && <Loading />}
      {files.isReady && files.rows.length === 0 && !files.hasMore && (
        <p class="card empty">{search === '' ? accountTexts.common.none : accountTexts.files.noMatch}</p>
      )}
      {(files.rows.length > 0 || files.hasMore) && (
        <section class="card list" aria-label={accountTexts.files.list} aria-busy={files.isLoading}>
          <ul class="rows" id="files">
            <FileRows files={files.rows} isSearch ownerOf={nameOf} onOpen={setOpened} />
          </ul>
          <More of={files} />
        </section>
      )}
      {opened !== undefined && (
        <FileSheet
          key={opened.file.file_id}
          opened={opened}
          settings={settings}
          owner={nameOf(opened.file.owner_id)}
          onClose={() => setOpened(undefined)}
          onChange={files.reload}
        />
      )}
    </>
  )
}
