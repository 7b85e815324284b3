/** One folder: moving it with everything in it, and deleting that. */

import type { JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { accountTexts } from '../../src/edge/account-texts.ts'
import { ApiError, ask } from '../account/api.ts'
import { Dialog } from '../account/dialog.tsx'
import { useDoing } from '../account/hooks.ts'
import { Field, Form } from '../account/parts.tsx'
import { tell } from '../account/toast.ts'

const words = accountTexts.folder

interface FolderProps {
  /** Its whole path. */
  readonly folder: string
  readonly onClose: () => void
  /** Something is different now. */
  readonly onChange: () => void
}

const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1)

export function FolderSheet(props: FolderProps): JSX.Element {
  const { folder, onClose } = props
  return (
    <Dialog title={nameOf(folder)} id="folder-sheet" onClose={onClose}>
      <Move {...props} />
      <Remove {...props} />
    </Dialog>
  )
}

function Move({ folder, onClose, onChange }: FolderProps): JSX.Element {
  const [path, setPath] = useState(folder)
  const doing = useDoing()
  const submit = (): void =>
    doing.run(async () => {
      const body = { from: folder, to: path }
      const { moved } = await ask<{ moved: number }>('/api/folders/move', { method: 'POST', body })
      leave(onClose, onChange, words.moved(nameOf(folder), moved))
    })
  return (
    <Form id="move-folder" doing={doing} onSubmit={submit} submit={words.move} busy={words.moving}>
      <Field
        id="folder-path"
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

/** The server deletes some hundred files at a time, and says how many. */
function Remove({ folder, onClose, onChange }: FolderProps): JSX.Element {
  const [gone, setGone] = useState<number>()
  const doing = useDoing()
  const isClosed = useRef(false)
  // whoever closes the sheet does not want the rest of it deleted
  useEffect(() => () => void (isClosed.current = true), [])
  const submit = (): void =>
    doing.run(async () => {
      let deleted = 0
      setGone(0)
      try {
        for (let more = true; more && !isClosed.current;) {
          const step = await ask<{ deleted: number; more: boolean }>('/api/folders/delete', {
            method: 'POST',
            body: { path: folder }
          })
          deleted += step.deleted
          more = step.more
          setGone(deleted)
        }
      } catch (error) {
        setGone(undefined)
        onChange()
        // the last of it went in another way meanwhile
        if (!(error instanceof ApiError && error.code === 'file-unknown' && deleted > 0)) throw error
      }
      leave(onClose, onChange, words.removed(nameOf(folder), deleted))
    })
  return (
    <details class="more" id="remove-more">
      <summary>{words.removeTitle}</summary>
      <Form
        id="remove-folder"
        doing={doing}
        onSubmit={submit}
        submit={words.remove}
        busy={words.removing}
        isDanger
      >
        <p class="hint">{words.removeText(nameOf(folder))}</p>
        {gone !== undefined && (
          <p class="hint" role="status">
            {words.gone(gone)}
          </p>
        )}
      </Form>
    </details>
  )
}

/** The dialog is closed by then: the page says it. */
function leave(onClose: () => void, onChange: () => void, text: string): void {
  onClose()
  onChange()
  setTimeout(() => tell(text))
}
