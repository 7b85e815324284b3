/** The upload page: what is chosen, what is sent, and the link. */

import type { JSX } from 'preact'
import { pageTexts } from '../../src/edge/page-texts.ts'
import { sizeText, texts } from '../../src/edge/texts.ts'
import { Icon } from '../common/icons.tsx'
import type { UploadApp } from './app.ts'
import { DoneView } from './done-view.tsx'
import { focusOnMount } from './focus.ts'
import { OptionsView } from './options-view.tsx'
import { fromFiles } from './picked.ts'
import { SendingView } from './sending-view.tsx'

const words = pageTexts.upload

/** Rows of the list; what is beyond is only counted. */
const ROWS_MAX = 100

export function UploadView({ app }: { app: UploadApp }): JSX.Element {
  if (app.done !== undefined) return <DoneView done={app.done} app={app} />
  return (
    <>
      <h1>{texts.upload.title}</h1>
      <p class="lead">{texts.upload.intro(app.settings.maxBytes)}</p>
      {app.phase === 'sending' ? <SendingView app={app} /> : <Choosing app={app} />}
    </>
  )
}

function Choosing({ app }: { app: UploadApp }): JSX.Element {
  const submit = (event: Event): void => {
    event.preventDefault()
    app.start()
  }
  const hasFiles = app.files.length > 0
  return (
    <form class="card upload" id="upload" onSubmit={submit} noValidate>
      {app.stored !== undefined && <Resume app={app} />}
      <Problem text={app.problem} />
      {hasFiles && <FileList app={app} />}
      <div class={hasFiles ? 'drop small' : 'drop'}>
        {!hasFiles && (
          <>
            <span class="drop-icon">
              <Icon name="files" />
            </span>
            <p class="drop-title">
              <span class="at-rest">{words.dropHere}</span>
              <span class="while-dropping">{words.dropNow}</span>
            </p>
            <p class="drop-text">{words.paste}</p>
          </>
        )}
        <div class="choose">
          <Chooser app={app} id="file" label={hasFiles ? words.addFiles : words.chooseFiles} />
          <Chooser app={app} id="folder" label={hasFiles ? words.addFolder : words.chooseFolder} isFolder />
        </div>
      </div>
      <OptionsView app={app} />
      <button class="button primary wide" id="send" type="submit">
        {words.submit}
      </button>
    </form>
  )
}

/** Read out when it appears, and when it changes. */
function Problem({ text }: { text: string }): JSX.Element {
  return (
    <div role="alert" id="problem">
      {text !== '' && <p class="notice error">{text}</p>}
    </div>
  )
}

function Chooser({
  app,
  id,
  label,
  isFolder = false
}: {
  app: UploadApp
  id: string
  label: string
  isFolder?: boolean
}): JSX.Element {
  const take = (input: HTMLInputElement): void => {
    app.add(fromFiles(input.files ?? []))
    input.value = '' // the same file can be chosen again
  }
  return (
    <span class="chooser">
      <input
        class="file"
        id={id}
        type="file"
        multiple
        onChange={(event) => take(event.currentTarget)}
        {...(isFolder && { ref: markAsFolder })}
      />
      <label class="button secondary" for={id}>
        <Icon name={isFolder ? 'folder' : 'file'} />
        {label}
      </label>
    </span>
  )
}

const markAsFolder = (input: HTMLInputElement | null): void => {
  if (input !== null) input.webkitdirectory = true
}

function FileList({ app }: { app: UploadApp }): JSX.Element {
  const { files } = app
  return (
    <section class="chosen" aria-label={words.list}>
      <ul class="files" id="chosen">
        {files.slice(0, ROWS_MAX).map(({ file, path }, i) => (
          <li key={`${i}:${path}`}>
            <Icon name="file" />
            <span class="file-path" title={path}>
              {path}
            </span>
            <span class="file-size">{sizeText(file.size)}</span>
            <button
              class="icon-button"
              type="button"
              aria-label={words.remove(path)}
              onClick={() => app.remove(i)}
            >
              <Icon name="remove" />
            </button>
          </li>
        ))}
      </ul>
      <p class="files-total" role="status">
        {files.length > ROWS_MAX && `${words.more(files.length - ROWS_MAX)}: `}
        {words.total(files.length, app.totalBytes)}
        {files.length > 1 && (
          <button class="text-button" type="button" onClick={() => app.clear()}>
            {words.removeAll}
          </button>
        )}
      </p>
    </section>
  )
}

/** An upload of an earlier page can go on. */
function Resume({ app }: { app: UploadApp }): JSX.Element | null {
  const { stored } = app
  if (stored === undefined) return null
  const { name, entries } = stored.index
  const total = entries.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  return (
    <section class="resume notice" id="resume" aria-labelledby="resume-title">
      <h2 id="resume-title" tabIndex={-1} ref={focusOnMount}>
        {words.resumeTitle}
      </h2>
      <p>{words.resumeText(name, sizeText(total), Math.floor(100 * app.storedShare))}</p>
      <div class="choose">
        <label class="button primary" for={stored.isFolder ? 'folder' : 'file'}>
          {stored.isFolder ? words.resumeFolder : words.resumeChoose}
        </label>
        <button class="button secondary" type="button" id="discard" onClick={() => app.discard()}>
          {words.resumeNot}
        </button>
      </div>
    </section>
  )
}
