/** Something above the page that has to be done with before going on: the browser's own dialog, which holds the focus and gives it back. */

import type { ComponentChildren, JSX } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { accountTexts } from '../../src/edge/account-texts.ts'
import { Icon } from '../common/icons.tsx'

const words = accountTexts.common

export function Dialog(props: {
  title: string
  id: string
  onClose: () => void
  children: ComponentChildren
}): JSX.Element {
  const { title, id, onClose, children } = props
  const dialog = useRef<HTMLDialogElement>(null)
  useEffect(() => {
    const element = dialog.current
    if (element === null) return
    element.showModal()
    return () => element.close()
  }, [])
  return (
    <dialog
      ref={dialog}
      class="sheet"
      id={id}
      aria-labelledby={`${id}-title`}
      onCancel={(event) => {
        // by Escape; a field of a file cancels too, and is no dialog
        if (event.target !== event.currentTarget) return
        event.preventDefault()
        onClose()
      }}
      onMouseDown={(event) => {
        if (event.target === event.currentTarget) onClose()
      }}
    >
      <div class="sheet-body">
        <div class="sheet-head">
          <h2 id={`${id}-title`}>{title}</h2>
          <button class="icon-button" type="button" aria-label={words.close} onClick={onClose}>
            <Icon name="remove" />
          </button>
        </div>
        <p class="toast" role="status" data-toast />
        {children}
      </div>
    </dialog>
  )
}
