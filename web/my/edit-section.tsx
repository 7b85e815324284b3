/** Notes of a file and when it ends: what somebody may change without uploading it again. */

import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { accountTexts } from '../../src/edge/account-texts.ts'
import { ask } from '../account/api.ts'
import { timeWords } from '../account/format.ts'
import { useDoing } from '../account/hooks.ts'
import { Form, Select } from '../account/parts.tsx'
import type { FileRow } from '../account/shapes.ts'
import { tell } from '../account/toast.ts'
import { Icon } from '../common/icons.tsx'
import { fileApi } from './file-api.ts'

const words = accountTexts.sheet

/** Choices that are no number of seconds. */
const AS_IT_IS = -1
const NEVER = 0

interface Note {
  readonly key: number
  readonly name: string
  readonly text: string
}

let keys = 0
const newNote = (name = '', text = ''): Note => ({ key: keys++, name, text })

export function EditSection(props: { file: FileRow; onDone: () => void; onChange: () => void }): JSX.Element {
  const { file, onDone, onChange } = props
  const [expiry, setExpiry] = useState<number>(file.expires_at === null ? NEVER : AS_IT_IS)
  const [notes, setNotes] = useState<readonly Note[]>(() =>
    Object.entries(file.metadata).map(([name, text]) => newNote(name, text))
  )
  const doing = useDoing()
  const submit = (): void => {
    const kept = notes.filter(({ name, text }) => name.trim() !== '' || text !== '')
    const names = new Set(kept.map(({ name }) => name.trim()))
    if (names.has('')) return doing.say(words.noteNameless)
    if (names.size < kept.length) return doing.say(words.noteTwice)
    const metadata = Object.fromEntries(kept.map(({ name, text }) => [name.trim(), text]))
    const isSame = expiry === AS_IT_IS || (expiry === NEVER && file.expires_at === null)
    doing.run(async () => {
      await ask(fileApi(file.file_id), {
        method: 'PATCH',
        body: { metadata, ...(!isSame && { expires_in: expiry === NEVER ? null : expiry }) }
      })
      tell(accountTexts.common.saved)
      onChange()
      onDone()
    })
  }
  const choices = [
    ...(file.expires_at === null
      ? []
      : [{ value: AS_IT_IS, label: words.expiresAsItIs(timeWords(file.expires_at)) }]),
    ...words.lifetimes
  ]
  return (
    <Form
      id="edit-form"
      doing={doing}
      onSubmit={submit}
      submit={accountTexts.common.save}
      beside={
        <button class="button secondary" type="button" onClick={onDone}>
          {accountTexts.common.cancel}
        </button>
      }
    >
      <Select id="expiry" label={words.expiry} value={expiry} choices={choices} onChoose={setExpiry} />
      <Notes
        notes={notes}
        onChange={(next) => {
          setNotes(next)
          doing.say('')
        }}
      />
    </Form>
  )
}

function Notes(props: { notes: readonly Note[]; onChange: (notes: readonly Note[]) => void }): JSX.Element {
  const { notes, onChange } = props
  const change = (at: number, part: Partial<Note>): void =>
    onChange(notes.map((note, i) => (i === at ? { ...note, ...part } : note)))
  return (
    <fieldset class="notes">
      <legend>{words.notes}</legend>
      {notes.length === 0 && <p class="hint">{words.noNotes}</p>}
      {notes.map((note, i) => (
        <div class="note-row" key={note.key}>
          <input
            class="text"
            type="text"
            aria-label={words.noteName(i + 1)}
            placeholder={words.noteNameShort}
            autocomplete="off"
            value={note.name}
            ref={focusIfNew(note)}
            onInput={(event) => change(i, { name: event.currentTarget.value })}
          />
          <input
            class="text"
            type="text"
            aria-label={words.noteText(i + 1)}
            placeholder={words.noteTextShort}
            autocomplete="off"
            value={note.text}
            onInput={(event) => change(i, { text: event.currentTarget.value })}
          />
          <button
            class="icon-button"
            type="button"
            aria-label={words.noteRemove(i + 1)}
            title={words.noteRemove(i + 1)}
            onClick={() => onChange(notes.filter((each) => each !== note))}
          >
            <Icon name="remove" />
          </button>
        </div>
      ))}
      <button class="text-button" type="button" id="add-note" onClick={() => onChange([...notes, newNote()])}>
        {words.noteAdd}
      </button>
    </fieldset>
  )
}

/** Whoever adds a note goes on with its name. */
const focusIfNew =
  ({ name, text }: Note) =>
  (element: HTMLInputElement | null): void => {
    if (element === null || element.dataset['seen'] !== undefined) return
    element.dataset['seen'] = ''
    if (name === '' && text === '') element.focus()
  }
