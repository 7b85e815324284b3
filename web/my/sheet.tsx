/** One file: what it is, and everything that can be done with it. */

import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { accountTexts } from '../../src/edge/account-texts.ts'
import { sizeText } from '../../src/edge/texts.ts'
import { ApiError, ask, segment } from '../account/api.ts'
import { Dialog } from '../account/dialog.tsx'
import { useDoing, useFollowing, useLoaded } from '../account/hooks.ts'
import { Badge, Field, Form, Problem, When } from '../account/parts.tsx'
import type { FileRow } from '../account/shapes.ts'
import type { AccountSettings } from '../account/start.tsx'
import { tell } from '../account/toast.ts'
import { Icon } from '../common/icons.tsx'
import { isAboutFile, isAboutFiles, useLive } from '../live/use-live.ts'
import { SECTIONS, downloadPath, fileApi } from './file-api.ts'
import type { Opened, Section } from './file-api.ts'
import { EditSection } from './edit-section.tsx'
import { Facts } from './rows.tsx'
import { ShareSection } from './share-section.tsx'
import { VersionsSection } from './versions-section.tsx'

const words = accountTexts.sheet

export function FileSheet(props: {
  opened: Opened
  settings: AccountSettings
  onClose: () => void
  /** Something is different now. */
  onChange: () => void
  /** Whose it is, when it is not the reader's. */
  owner?: string
}): JSX.Element {
  const { opened, settings, onClose, onChange, owner } = props
  const [section, setSection] = useState<Section>(opened.section)
  const id = opened.file.file_id
  const loaded = useLoaded('file', (signal) => ask<FileRow>(fileApi(id), { signal }))
  const file = loaded.value ?? opened.file
  useLive(loaded, (news) => isAboutFile(news, id) && isAboutFiles(news))
  if (loaded.code === 'file-unknown') return <Gone file={file} onClose={onClose} />
  const changed = (): void => {
    loaded.reload()
    onChange()
  }
  return (
    <Dialog title={file.file_name} id="sheet" onClose={onClose}>
      <Problem text={loaded.problem} onRetry={loaded.reload} />
      <Facts file={file} />
      {file.status !== 'upload_failed' && (
        <div class="actions">
          <a class="button secondary" href={downloadPath(file)} download id="download">
            <Icon name="download" />
            {accountTexts.files.download}
          </a>
        </div>
      )}
      <div class="tabs" role="group" aria-label={words.sections}>
        {SECTIONS.map((each) => (
          <button
            key={each}
            class="tab"
            type="button"
            id={`section-${each}`}
            aria-pressed={section === each}
            onClick={() => setSection(each)}
          >
            {words[each]}
          </button>
        ))}
      </div>
      {section === 'details' && <Details file={file} owner={owner} onChange={changed} />}
      {section === 'share' && <ShareSection file={file} settings={settings} />}
      {section === 'versions' && <VersionsSection file={file} onChange={changed} />}
      {section === 'rename' && <Rename file={file} onChange={changed} />}
      {section === 'remove' && <Remove file={file} onClose={onClose} onChange={onChange} />}
    </Dialog>
  )
}

/** Somebody else has deleted it, or its time is over. */
const Gone = ({ file, onClose }: { file: FileRow; onClose: () => void }): JSX.Element => (
  <Dialog title={file.file_name} id="sheet" onClose={onClose}>
    <p class="notice warning" role="status" id="gone">
      {words.gone}
    </p>
    <div class="actions">
      <button class="button secondary" type="button" onClick={onClose}>
        {accountTexts.common.close}
      </button>
    </div>
  </Dialog>
)

function Details(props: { file: FileRow; owner: string | undefined; onChange: () => void }): JSX.Element {
  const { file, owner, onChange } = props
  const [isEditing, setEditing] = useState(false)
  if (isEditing) return <EditSection file={file} onDone={() => setEditing(false)} onChange={onChange} />
  return (
    <>
      <FactList file={file} owner={owner} />
      {file.status !== 'upload_failed' && (
        <div class="actions">
          <button class="button secondary" type="button" id="edit" onClick={() => setEditing(true)}>
            {words.edit}
          </button>
        </div>
      )}
    </>
  )
}

function FactList({ file, owner }: { file: FileRow; owner: string | undefined }): JSX.Element {
  const { path, status, sha256, expires_at: expiresAt, metadata } = file
  const folder = path.slice(0, Math.max(0, path.lastIndexOf('/')))
  const notes = Object.entries(metadata)
  return (
    <dl class="facts">
      {owner !== undefined && <Fact name={words.owner}>{owner}</Fact>}
      {folder !== '' && <Fact name={words.folder}>{folder}</Fact>}
      <Fact name={words.size}>
        {sizeText(file.file_size)} <span class="soft">{file.media_type}</span>
      </Fact>
      <Fact name={words.uploaded}>
        <When at={file.upload_date} /> <span class="soft">{words.versionOf(file.version)}</span>
      </Fact>
      <Fact name={words.status}>
        <Badge kind={status}>{accountTexts.files.statuses[status]}</Badge>{' '}
        <span class="soft">{accountTexts.files.statusTexts[status]}</span>
      </Fact>
      {expiresAt !== null && (
        <Fact name={words.expires}>
          <When at={expiresAt} />
        </Fact>
      )}
      {sha256 !== null && (
        <Fact name={words.digest}>
          <span class="digest">{sha256}</span>
        </Fact>
      )}
      {notes.length > 0 && (
        <Fact name={words.notes}>
          {notes.map(([name, value]) => (
            <span key={name} class="note">
              {name}: {value}
            </span>
          ))}
        </Fact>
      )}
    </dl>
  )
}

const Fact = ({
  name,
  children
}: {
  name: string
  children: JSX.Element['props']['children']
}): JSX.Element => (
  <div>
    <dt>{name}</dt>
    <dd>{children}</dd>
  </div>
)

const CONFLICTS: ReadonlySet<string> = new Set(['path-taken', 'path-conflict'])
const conflictWords = (error: unknown): string | undefined =>
  error instanceof ApiError && CONFLICTS.has(error.code) ? words.conflict : undefined

function Rename({ file, onChange }: { file: FileRow; onChange: () => void }): JSX.Element {
  const [path, setPath] = useFollowing(file.path)
  const doing = useDoing()
  const submit = (): void =>
    doing.run(async () => {
      await ask(fileApi(file.file_id), { method: 'PATCH', body: { path } })
      tell(words.renamed)
      onChange()
    }, conflictWords)
  return (
    <Form id="rename" doing={doing} onSubmit={submit} submit={words.renameSubmit}>
      <Field
        id="path"
        label={words.path}
        value={path}
        onInput={setPath}
        hint={words.pathHint}
        required
        autoFocus
      />
    </Form>
  )
}

function Remove(props: { file: FileRow; onClose: () => void; onChange: () => void }): JSX.Element {
  const { file, onClose, onChange } = props
  const doing = useDoing()
  const submit = (): void =>
    doing.run(async () => {
      await ask(`/api/files/delete/${segment(file.file_id)}`, { method: 'DELETE' })
      onClose()
      onChange()
      // the dialog is closed by then: the page says it
      setTimeout(() => tell(words.removed(file.file_name)))
    })
  return (
    <Form id="remove" doing={doing} onSubmit={submit} submit={words.removeSubmit} isDanger>
      <p>{words.removeText(file.file_name)}</p>
    </Form>
  )
}
