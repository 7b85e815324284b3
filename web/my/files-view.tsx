/** `/my`: folders and files, what is uploaded, and what can be done with each. */

import type { JSX } from 'preact'
import { useEffect, useMemo, useState } from 'preact/hooks'
import { accountTexts } from '../../src/edge/account-texts.ts'
import { ask, queryOf } from '../account/api.ts'
import { useLoaded, usePaged } from '../account/hooks.ts'
import type { Paged } from '../account/hooks.ts'
import { More, Problem, Loading } from '../account/parts.tsx'
import type { FileList, FileRow, Me } from '../account/shapes.ts'
import { setTitle } from '../account/start.tsx'
import type { Inside } from '../account/start.tsx'
import { listenForDrops } from '../common/drops.ts'
import { Icon } from '../common/icons.tsx'
import { changed } from '../live/live.ts'
import { isAboutFiles, isAboutSpace, isIn, useLive } from '../live/use-live.ts'
import type { Opened } from './file-api.ts'
import { FolderSheet } from './folder-sheet.tsx'
import { FileRows, FolderRows } from './rows.tsx'
import { FileSheet } from './sheet.tsx'
import { Space } from './space.tsx'
import { Toolbar } from './toolbar.tsx'
import { addressOf, foldersAbove, usePlace } from './place.ts'
import type { Place } from './place.ts'
import { UploadQueue } from './upload-queue.ts'
import { Interrupted, UploadsView } from './uploads-view.tsx'

const words = accountTexts.files

/** A row of a list: folders come before files. */
type Listed = { readonly folder: string } | { readonly file: FileRow }

/** The uploads of the page; drawn again on every change. */
function useQueue(me: Me): UploadQueue {
  const [, redraw] = useState(0)
  const queue = useMemo(
    () => new UploadQueue(me.user_id, { onChange: () => redraw((n) => n + 1), onStored: changed }),
    []
  )
  useEffect(() => {
    const stay = (event: BeforeUnloadEvent): void => {
      if (queue.isActive) event.preventDefault()
    }
    window.addEventListener('beforeunload', stay)
    return () => window.removeEventListener('beforeunload', stay)
  }, [])
  return queue
}

/** Answers of a thousand folders each that one page shows at most. */
const FOLDER_ANSWERS_MAX = 10

/** Those of the first page, and further ones where they are very many. */
async function allFolders(first: FileList, folder: string, signal: AbortSignal): Promise<readonly string[]> {
  const folders = [...first.folders]
  let after = first.folders_next
  for (let i = 0; after !== null && i < FOLDER_ANSWERS_MAX; i++) {
    const query = queryOf({ folder, folders_after: after, limit: 1 })
    const page: FileList = await ask<FileList>(`/api/files/list${query}`, { signal })
    folders.push(...page.folders)
    after = page.folders_next
  }
  return folders
}

function useFiles(place: Place): Paged<Listed> {
  const { folder, search, sort } = place
  const [by, order] = sort.split(':')
  return usePaged<Listed>(JSON.stringify(place), async ({ after, limit }, signal) => {
    const isSearch = search !== ''
    const query = { folder, search, recursive: isSearch ? true : undefined, sort: by, order, after, limit }
    const page = await ask<FileList>(`/api/files/list${queryOf(query)}`, { signal })
    // folders come along with the first page
    const folders = isSearch || after !== undefined ? [] : await allFolders(page, folder, signal)
    const rows = [...folders.map((each) => ({ folder: each })), ...page.files.map((file) => ({ file }))]
    return { rows, next: page.next }
  })
}

export function FilesView({ inside }: { inside: Inside }): JSX.Element {
  const { me, settings } = inside
  const [place, go] = usePlace()
  const files = useFiles(place)
  const space = useLoaded('space', (signal) => ask<Me>('/api/me', { signal }))
  const [opened, setOpened] = useState<Opened>()
  const [managed, setManaged] = useState<string>()
  const refresh = (): void => {
    files.refresh()
    space.refresh()
  }
  const queue = useQueue(me)
  useLive(files, (news) => isAboutFiles(news) && (place.search !== '' || isIn(place.folder, news)))
  useLive(space, isAboutSpace)
  useDrops(queue, place.folder, opened !== undefined || managed !== undefined)
  const name = place.folder === '' ? words.home : (place.folder.split('/').at(-1) ?? '')
  useEffect(() => setTitle(name), [name])
  return (
    <>
      <Breadcrumbs place={place} go={go} />
      <h1 id="place">{place.search === '' ? name : words.searching(place.search)}</h1>
      <Toolbar place={place} go={go} onPick={(picked) => queue.add(picked, place.folder)} />
      <Interrupted queue={queue} />
      <UploadsView queue={queue} />
      <Problem text={files.problem} onRetry={files.reload} />
      <List files={files} place={place} go={go} onOpen={setOpened} onManage={setManaged} />
      <Space me={space.value ?? me} />
      {opened !== undefined && (
        <FileSheet
          key={opened.file.file_id}
          opened={opened}
          settings={settings}
          onClose={() => setOpened(undefined)}
          onChange={refresh}
        />
      )}
      {managed !== undefined && (
        <FolderSheet folder={managed} onClose={() => setManaged(undefined)} onChange={refresh} />
      )}
    </>
  )
}

/** Files that are let go anywhere on the page go to the folder that it shows then. */
function useDrops(queue: UploadQueue, folder: string, isCovered: boolean): void {
  const state = useMemo(() => ({ folder, isCovered }), [])
  state.folder = folder
  state.isCovered = isCovered
  useEffect(
    () =>
      listenForDrops(
        (picked) => queue.add(picked, state.folder),
        () => !state.isCovered
      ),
    []
  )
}

interface ListProps {
  readonly files: Paged<Listed>
  readonly place: Place
  readonly go: (next: Partial<Place>) => void
  readonly onOpen: (opened: Opened) => void
  readonly onManage: (folder: string) => void
}

function List({ files, place, go, onOpen, onManage }: ListProps): JSX.Element | null {
  if (!files.isReady) return files.problem === '' ? <Loading /> : null
  if (files.rows.length === 0 && !files.hasMore) return <Empty place={place} />
  const folders = files.rows.flatMap((row) => ('folder' in row ? [row.folder] : []))
  const rows = files.rows.flatMap((row) => ('file' in row ? [row.file] : []))
  const openFolder = (folder: string): void => go({ folder, search: '' })
  return (
    <section class="card list" aria-label={words.list} aria-busy={files.isLoading}>
      <ul class="rows" id="files">
        <FolderRows folders={folders} place={place} onOpen={openFolder} onManage={onManage} />
        <FileRows files={rows} isSearch={place.search !== ''} onOpen={onOpen} />
      </ul>
      <More of={files} />
    </section>
  )
}

function Empty({ place }: { place: Place }): JSX.Element {
  if (place.search !== '') return <p class="card empty">{words.noMatch}</p>
  const isTop = place.folder === ''
  return (
    <section class="card empty drop" id="empty">
      <span class="drop-icon">
        <Icon name="files" />
      </span>
      <p class="drop-title">
        <span class="at-rest">{isTop ? words.empty : words.emptyFolder}</span>
        <span class="while-dropping">{words.dropNow}</span>
      </p>
      <p class="drop-text">{isTop ? words.emptyText : words.emptyFolderText}</p>
    </section>
  )
}

function Breadcrumbs({
  place,
  go
}: {
  place: Place
  go: (next: Partial<Place>) => void
}): JSX.Element | null {
  const above = foldersAbove(place.folder).slice(0, -1)
  if (place.folder === '') return null
  const link = (folder: string, name: string): JSX.Element => (
    <li key={folder}>
      <a
        href={addressOf({ ...place, folder, search: '' })}
        onClick={(event) => {
          // with a key held, the browser's own way: another tab, another window
          if (event.ctrlKey || event.metaKey || event.shiftKey) return
          event.preventDefault()
          go({ folder, search: '' })
        }}
      >
        {name}
      </a>
    </li>
  )
  return (
    <nav class="crumbs" aria-label={words.breadcrumbs}>
      <ol>
        {link('', words.home)}
        {above.map(({ path, name }) => link(path, name))}
      </ol>
    </nav>
  )
}
