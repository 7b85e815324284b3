/** Above the list: uploading, a new folder, searching, sorting. */

import type { JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { accountTexts } from '../../src/edge/account-texts.ts'
import { cleanPart } from '../../src/bundle/paths.ts'
import { Dialog } from '../account/dialog.tsx'
import { useDoing } from '../account/hooks.ts'
import { Field, Form, Select } from '../account/parts.tsx'
import { Icon } from '../common/icons.tsx'
import { fromFiles } from '../upload/picked.ts'
import type { Picked } from '../upload/picked.ts'
import type { Place, Sort } from './place.ts'

const words = accountTexts.files

/** After so long without another key a search begins. */
const TYPING_MS = 300

const SORTS = Object.entries(words.sorts).map(([value, label]) => ({ value: value as Sort, label }))

export function Toolbar(props: {
  place: Place
  go: (next: Partial<Place>) => void
  onPick: (picked: readonly Picked[]) => void
}): JSX.Element {
  const { place, go, onPick } = props
  const [isNaming, setNaming] = useState(false)
  return (
    <div class="toolbar">
      <div class="choose">
        <Chooser id="file" label={words.upload} onPick={onPick} isPrimary />
        <Chooser id="folder" label={words.uploadFolder} onPick={onPick} isFolder />
        <button
          class="button secondary"
          type="button"
          aria-haspopup="dialog"
          id="new-folder"
          onClick={() => setNaming(true)}
        >
          {words.newFolder}
        </button>
      </div>
      <div class="finders">
        <SearchField
          id="search"
          label={words.search}
          value={place.search}
          onSearch={(search) => go({ search })}
        />
        <Select
          id="sort"
          label={words.sort}
          value={place.sort}
          choices={SORTS}
          onChoose={(sort) => go({ sort })}
          isInline
        />
      </div>
      {isNaming && (
        <NewFolder
          folder={place.folder}
          onClose={() => setNaming(false)}
          onOpen={(folder) => {
            setNaming(false)
            go({ folder, search: '' })
          }}
        />
      )}
    </div>
  )
}

function Chooser(props: {
  id: string
  label: string
  onPick: (picked: readonly Picked[]) => void
  isFolder?: boolean
  isPrimary?: boolean
}): JSX.Element {
  const { id, label, onPick, isFolder = false, isPrimary = false } = props
  return (
    <span class="chooser">
      <input
        class="file"
        id={id}
        type="file"
        multiple
        onChange={(event) => {
          const input = event.currentTarget
          onPick(fromFiles(input.files ?? []))
          input.value = '' // the same file can be chosen again
        }}
        {...(isFolder && { ref: markAsFolder })}
      />
      <label class={isPrimary ? 'button primary' : 'button secondary'} for={id}>
        <Icon name={isFolder ? 'folder' : 'files'} />
        {label}
      </label>
    </span>
  )
}

const markAsFolder = (input: HTMLInputElement | null): void => {
  if (input !== null) input.webkitdirectory = true
}

/** Searches while somebody types, but not at every key. */
export function SearchField(props: {
  id: string
  label: string
  value: string
  onSearch: (text: string) => void
}): JSX.Element {
  const { id, label, value, onSearch } = props
  const [text, setText] = useState(value)
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined)
  useEffect(() => setText(value), [value])
  useEffect(() => () => clearTimeout(timer.current), [])
  const type = (next: string): void => {
    setText(next)
    clearTimeout(timer.current)
    timer.current = setTimeout(() => onSearch(next.trim()), TYPING_MS)
  }
  return (
    <form
      role="search"
      class="search"
      onSubmit={(event) => {
        event.preventDefault()
        clearTimeout(timer.current)
        onSearch(text.trim())
      }}
    >
      <input
        class="text"
        id={id}
        type="search"
        aria-label={label}
        placeholder={label}
        autocomplete="off"
        value={text}
        onInput={(event) => type(event.currentTarget.value)}
      />
    </form>
  )
}

/** Folders are parts of paths: a new one is a place to go to, where something can be dropped. */
function NewFolder(props: {
  folder: string
  onClose: () => void
  onOpen: (folder: string) => void
}): JSX.Element {
  const [name, setName] = useState('')
  const doing = useDoing()
  const submit = (): void => {
    const clean = cleanPart(name)
    if (clean === '' || clean !== name.trim().normalize('NFC')) doing.say(words.newFolderBad)
    else props.onOpen(props.folder === '' ? clean : `${props.folder}/${clean}`)
  }
  return (
    <Dialog title={words.newFolder} id="naming" onClose={props.onClose}>
      <Form doing={doing} onSubmit={submit} submit={words.newFolderOpen}>
        <Field
          id="folder-name"
          label={words.newFolderName}
          value={name}
          onInput={setName}
          hint={words.newFolderHint}
          required
          autoFocus
        />
      </Form>
    </Dialog>
  )
}
