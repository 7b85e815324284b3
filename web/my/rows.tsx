/** Folders and files, one line each. */

import type { JSX } from 'preact'
import { accountTexts } from '../../src/edge/account-texts.ts'
import { sizeText } from '../../src/edge/texts.ts'
import { timeWords } from '../account/format.ts'
import { Badge } from '../account/parts.tsx'
import type { FileRow } from '../account/shapes.ts'
import { Icon } from '../common/icons.tsx'
import { downloadPath } from './file-api.ts'
import type { Opened } from './file-api.ts'
import { addressOf } from './place.ts'
import type { Place } from './place.ts'

const words = accountTexts.files

export function FolderRows(props: {
  folders: readonly string[]
  place: Place
  onOpen: (folder: string) => void
  onManage: (folder: string) => void
}): JSX.Element {
  const { folders, place, onOpen, onManage } = props
  return (
    <>
      {folders.map((folder) => (
        <li key={`folder:${folder}`} data-folder={folder}>
          <Icon name="folder" />
          <a
            class="row-name"
            href={addressOf({ ...place, folder, search: '' })}
            aria-label={words.folder(folder.slice(folder.lastIndexOf('/') + 1))}
            onClick={(event) => {
              if (event.ctrlKey || event.metaKey || event.shiftKey) return
              event.preventDefault()
              onOpen(folder)
            }}
          >
            {folder.slice(folder.lastIndexOf('/') + 1)}
          </a>
          <span class="row-actions">
            <button
              class="icon-button"
              type="button"
              aria-haspopup="dialog"
              aria-label={words.manageFolder(folder.slice(folder.lastIndexOf('/') + 1))}
              title={words.manage}
              onClick={() => onManage(folder)}
            >
              <Icon name="more" />
            </button>
          </span>
        </li>
      ))}
    </>
  )
}

export function FileRows(props: {
  files: readonly FileRow[]
  /** Files of other folders are among them, which is said then. */
  isSearch: boolean
  /** Whose a file is, where it is not the reader's. */
  ownerOf?: (id: string) => string
  onOpen: (opened: Opened) => void
}): JSX.Element {
  const { files, isSearch, ownerOf, onOpen } = props
  return (
    <>
      {files.map((file) => {
        const { file_id: id, file_name: name, path } = file
        const folder = path.slice(0, Math.max(0, path.lastIndexOf('/')))
        return (
          <li key={id} data-file={path}>
            <Icon name="file" />
            <div class="row-text">
              <button
                class="row-name"
                type="button"
                aria-haspopup="dialog"
                title={name}
                onClick={() => onOpen({ file, section: 'details' })}
              >
                {name}
              </button>
              {(isSearch || ownerOf !== undefined) && (
                <span class="row-place">
                  {[ownerOf?.(file.owner_id), folder]
                    .filter((text) => text !== undefined && text !== '')
                    .join(' · ')}
                </span>
              )}
              <Facts file={file} />
            </div>
            <RowActions file={file} onOpen={onOpen} />
          </li>
        )
      })}
    </>
  )
}

/** Size, time, version, status. */
export function Facts({ file }: { file: FileRow }): JSX.Element {
  const { file_size: bytes, upload_date: date, version, status } = file
  return (
    <span class="row-facts">
      <span>{sizeText(bytes)}</span>
      <span>
        <time dateTime={date}>{timeWords(date)}</time>
      </span>
      {version > 1 && <span>{words.version(version)}</span>}
      <Badge kind={status}>
        <span title={words.statusTexts[status]}>{words.statuses[status]}</span>
      </Badge>
      {file.failed !== null && <Badge kind="upload_failed">{words.lastFailed(file.failed.version)}</Badge>}
    </span>
  )
}

function RowActions({
  file,
  onOpen
}: {
  file: FileRow
  onOpen: (opened: Opened) => void
}): JSX.Element | null {
  if (file.status === 'upload_failed') return null
  return (
    <span class="row-actions">
      <a
        class="icon-button"
        href={downloadPath(file)}
        download
        aria-label={words.downloadOf(file.file_name)}
        title={words.download}
      >
        <Icon name="download" />
      </a>
      <button
        class="icon-button"
        type="button"
        aria-haspopup="dialog"
        aria-label={words.shareOf(file.file_name)}
        title={accountTexts.sheet.share}
        onClick={() => onOpen({ file, section: 'share' })}
      >
        <Icon name="link" />
      </button>
    </span>
  )
}
