/** The link, and everything that can be done with it. */

import type { JSX } from 'preact'
import { pageTexts } from '../../src/edge/page-texts.ts'
import { sizeText } from '../../src/edge/texts.ts'
import { copyText } from '../common/dom.ts'
import { Icon } from '../common/icons.tsx'
import { Qr } from '../common/qr.tsx'
import { remainingText } from '../common/times.ts'
import { senderFragment } from '../sender/share-link.ts'
import type { Done, UploadApp } from './app.ts'
import { focusOnMount } from './focus.ts'

const words = pageTexts.done

/** For so long the button says that it has copied. */
const COPIED_MS = 2500

/** The link with its key. */
export const fullLink = ({ link, secret }: Done): string =>
  secret === undefined ? link : `${link}#${secret}`

export function DoneView({ done, app }: { done: Done; app: UploadApp }): JSX.Element {
  const link = fullLink(done)
  return (
    <section class="card result" aria-labelledby="ready">
      <span class="badge" aria-hidden="true">
        <Icon name="check" />
      </span>
      <h1 id="ready" tabIndex={-1} ref={focusOnMount}>
        {words.title}
      </h1>
      <p class="result-name">
        <span class="name">{done.name}</span> <span class="soft">{sizeText(done.bytes)}</span>
      </p>
      {app.withdrawn ? <p class="notice">{words.withdrawn}</p> : <Share link={link} app={app} />}
      <p class="hint" role="status">
        {app.note}
      </p>
      {!app.withdrawn && <Terms done={done} />}
      <div class="actions">
        <button class="button secondary" id="again" type="button" onClick={() => app.again()}>
          {words.again}
        </button>
        <a class="button secondary" id="follow" href={done.senderUrl + senderFragment(link)}>
          {words.follow}
        </a>
        {!app.withdrawn && (
          <button class="text-button danger" id="withdraw" type="button" onClick={() => void app.withdraw()}>
            {words.withdraw}
          </button>
        )}
      </div>
    </section>
  )
}

function Share({ link, app }: { link: string; app: UploadApp }): JSX.Element {
  const copy = async (): Promise<void> => {
    const field = document.getElementById('link')
    if (!(field instanceof HTMLInputElement)) return
    app.say((await copyText(field)) ? words.copied : words.copyFailed, COPIED_MS)
  }
  const share = async (): Promise<void> => {
    // closing the sheet is no failure
    await navigator.share({ url: link }).catch(() => undefined)
  }
  return (
    <>
      <label class="link-label" for="link">
        {words.link}
      </label>
      <div class="link-row">
        <input
          class="link"
          id="link"
          type="text"
          readonly
          value={link}
          onClick={(event) => event.currentTarget.select()}
        />
        <button class="button primary" id="copy" type="button" onClick={() => void copy()}>
          {app.note === words.copied ? words.copied : words.copy}
        </button>
        {'share' in navigator && (
          <button class="button secondary" id="share" type="button" onClick={() => void share()}>
            {words.share}
          </button>
        )}
      </div>
      <details class="more qr-more">
        <summary>{words.qr}</summary>
        <div class="qr">
          <Qr text={link} label={words.qrAlt} />
        </div>
      </details>
    </>
  )
}

function Terms({ done }: { done: Done }): JSX.Element {
  const { downloads, expiresAt, hasPassword, secret } = done
  const left = Date.parse(expiresAt) - Date.now()
  const time = new Date(expiresAt).toLocaleString(document.documentElement.lang, {
    dateStyle: 'medium',
    timeStyle: 'short'
  })
  return (
    <ul class="terms">
      <li>
        {downloads === 1 ? words.once : words.several(downloads)}, {words.until(time)} ({remainingText(left)}
        ). {words.safe}
      </li>
      {secret !== undefined && <li>{words.wholeLink}</li>}
      {hasPassword && <li>{words.withPassword}</li>}
    </ul>
  )
}
