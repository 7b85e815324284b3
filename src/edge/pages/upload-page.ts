/** `GET /`: choose files, get a link. The form works by itself; web/upload takes its place and adds encryption, folders, resuming and more. */

import type { Config } from '../../config.ts'
import { PASSWORD_BYTES_MAX } from '../../protocol/limits.ts'
import { html } from '../html.ts'
import type { Html } from '../html.ts'
import type { Assets } from '../assets.ts'
import { durationText, texts } from '../texts.ts'
import { accountLink } from './account-nav.ts'
import { page } from './layout.ts'

const words = texts.upload

/** Lifetimes offered, in seconds: an hour, a day, two, a week, a month; those outside the settings are left out. */
const LIFETIMES_S = [3600, 86_400, 172_800, 604_800, 2_592_000]
/** Numbers of downloads offered, as far as the settings allow them. */
const DOWNLOADS = [1, 2, 3, 5, 10, 25, 50, 100]

/** Something to choose, as web/upload/settings.ts reads it. */
interface Choice {
  readonly value: number
  readonly label: string
  readonly isDefault: boolean
}

/** The default among the others, in order. */
const choices = (values: readonly number[], standard: number, label: (value: number) => string): Choice[] =>
  [...new Set([...values, standard])]
    .sort((a, b) => a - b)
    .map((value) => ({ value, label: label(value), isDefault: value === standard }))

/** Offered lifetimes with the default among them, shortest first. */
export function lifetimes(link: Config['link']): Choice[] {
  const possible = LIFETIMES_S.filter((s) => s * 1000 >= link.ttlMinMs && s * 1000 <= link.ttlMaxMs)
  return choices(possible, Math.round(link.ttlMs / 1000), durationText)
}

/** Offered numbers of downloads with the default and the most that is possible among them. */
export function downloadChoices({ downloads, downloadsMax }: Config['link']): Choice[] {
  const possible = DOWNLOADS.filter((count) => count <= downloadsMax)
  return choices([...possible, downloadsMax], downloads, words.downloadsChoice)
}

const select = (name: string, label: string, offered: readonly Choice[]): Html =>
  html`<select class="inline" id="${name}" name="${name}" aria-label="${label}">
    ${offered.map(({ value, label: text, isDefault }) =>
      isDefault
        ? html`<option value="${value}" selected>${text}</option>`
        : html`<option value="${value}">${text}</option>`
    )}
  </select>`

const passwordField = (): Html =>
  html`<details class="more">
    <summary>${words.password}</summary>
    <div class="field">
      <label for="password">${texts.link.password}</label>
      <input
        id="password"
        name="password"
        type="password"
        maxlength="${PASSWORD_BYTES_MAX}"
        autocomplete="new-password"
        aria-describedby="password-hint"
      />
      <p id="password-hint" class="hint">${words.passwordHint}</p>
    </div>
  </details>`

export interface UploadPageOptions {
  readonly assets: Assets
  readonly config: Config
  readonly origin: string
  /** Whether the browser has a session, which may have ended. */
  readonly isSignedIn: boolean
  /** What was wrong with the form that led back here. */
  readonly message?: string
}

export function uploadPage({ assets, config, origin, isSignedIn, message }: UploadPageOptions): string {
  const { uploadBytesMax } = config.edge
  const [downloads, expires] = [downloadChoices(config.link), lifetimes(config.link)]
  const settings = {
    maxBytes: uploadBytesMax,
    passwordBytesMax: PASSWORD_BYTES_MAX,
    downloads,
    lifetimes: expires
  }
  const content = html`<div id="app" data-settings="${JSON.stringify(settings)}">
      <h1>${words.title}</h1>
      <p class="lead">${words.intro(uploadBytesMax)}</p>
      <form class="card upload" id="upload" method="post" action="/upload" enctype="multipart/form-data">
        ${message !== undefined && html`<div role="alert" id="problem"><p class="notice error">${message}</p></div>`}
        <div class="drop">
          <label for="file">${words.choose}</label>
          <input class="file" id="file" type="file" name="file" multiple required />
        </div>
        <div class="options">
          <p class="sentence">
            ${words.sentenceStart} ${select('downloads', words.downloads, downloads)} ${words.sentenceOr}
            ${select('expires', words.expires, expires)}.
          </p>
          ${passwordField()}
        </div>
        <button class="button primary wide" id="send" type="submit">${words.submit}</button>
        <noscript><p class="hint">${words.scriptless}</p></noscript>
      </form>
    </div>
    <details class="shell">
      <summary>${words.shell}</summary>
      <pre><code>curl -T report.pdf ${origin}/</code></pre>
    </details>`
  return page({ assets, title: words.title, content, scripts: ['upload.js'], nav: accountLink(isSignedIn) })
}
