/** `GET /`: choose a file, get a link. The form works by itself; upload.js adds dropping, pasting, progress and cancelling. */

import type { Config } from '../../config.ts'
import { PASSWORD_BYTES_MAX } from '../../protocol/limits.ts'
import { html } from '../html.ts'
import type { Html } from '../html.ts'
import type { Assets } from '../assets.ts'
import { durationText, texts } from '../texts.ts'
import { page } from './layout.ts'

const words = texts.upload

/** Lifetimes offered, in seconds: an hour, a day, two, a week, a month; those outside the settings are left out. */
const LIFETIMES_S = [3600, 86_400, 172_800, 604_800, 2_592_000]

/** Offered lifetimes with the default among them, shortest first. */
export function lifetimes(link: Config['link']): number[] {
  const standard = Math.round(link.ttlMs / 1000)
  const possible = LIFETIMES_S.filter((s) => s * 1000 >= link.ttlMinMs && s * 1000 <= link.ttlMaxMs)
  return [...new Set([...possible, standard])].sort((a, b) => a - b)
}

function optionFields(link: Config['link']): Html {
  const standard = Math.round(link.ttlMs / 1000)
  const choices = lifetimes(link).map((seconds) =>
    seconds === standard
      ? html`<option value="${seconds}" selected>${durationText(seconds)}</option>`
      : html`<option value="${seconds}">${durationText(seconds)}</option>`
  )
  return html`<fieldset class="options">
    <legend>${words.options}</legend>
    <div class="field">
      <label for="expires">${words.expires}</label>
      <select id="expires" name="expires">
        ${choices}
      </select>
    </div>
    <div class="field">
      <label for="downloads">${words.downloads}</label>
      <input
        id="downloads"
        name="downloads"
        type="number"
        inputmode="numeric"
        min="1"
        max="${link.downloadsMax}"
        value="${link.downloads}"
        required
        aria-describedby="downloads-hint"
      />
    </div>
    <p id="downloads-hint" class="hint">${words.downloadsHint(link.downloadsMax)}</p>
    <div class="field password">
      <label for="password">${words.password}</label>
      <input
        id="password"
        name="password"
        type="password"
        maxlength="${PASSWORD_BYTES_MAX}"
        autocomplete="new-password"
        aria-describedby="password-hint"
      />
    </div>
    <p id="password-hint" class="hint">${words.passwordHint}</p>
  </fieldset>`
}

/** What upload.js says, as attributes, so that no text stands in the script. */
const scriptTexts = (): Html =>
  html` data-text-chosen="${words.chosen}" data-text-speed="${words.speed}"
  data-text-starting="${words.starting}" data-text-finishing="${words.finishing}"
  data-text-cancelled="${words.cancelled}" data-text-too-large="${words.tooLarge}"
  data-text-empty="${words.empty}" data-text-one-file="${words.oneFile}" data-text-folder="${words.folder}"
  data-text-network="${words.network}" data-text-unexpected="${words.unexpected}"
  data-text-pasted-name="${words.pastedName}"`

/** @param message what was wrong with the form that led back here */
export function uploadPage(assets: Assets, config: Config, origin: string, message?: string): string {
  const { uploadBytesMax } = config.edge
  const content = html`<h1>${words.title}</h1>
    <p class="lead">${words.intro(uploadBytesMax)}</p>
    <p class="notice error" id="problem" role="alert" tabindex="-1" ${message === undefined && html` hidden`}>
      ${message ?? ''}
    </p>
    <form
      class="card"
      id="upload"
      method="post"
      action="/upload"
      enctype="multipart/form-data"
      data-max-bytes="${uploadBytesMax}"
      ${scriptTexts()}
    >
      <div class="drop" id="drop">
        <p class="drop-text script-only" aria-hidden="true">${words.drop}</p>
        <label class="button secondary" for="file">${words.choose}</label>
        <input class="file" id="file" type="file" name="file" multiple required aria-describedby="chosen" />
        <p class="chosen" id="chosen" aria-live="polite"></p>
      </div>
      ${optionFields(config.link)}
      <div class="progress" id="progress" hidden>
        <progress id="meter" max="100" value="0" aria-label="${words.progress}"></progress>
        <p id="speed" class="hint"></p>
      </div>
      <p class="visually-hidden" id="announce" role="status"></p>
      <div class="actions">
        <button class="button primary" id="send" type="submit">${words.submit}</button>
        <button class="button secondary" id="cancel" type="button" hidden>${words.cancel}</button>
      </div>
    </form>
    <div id="result" aria-live="polite"></div>
    <details class="shell">
      <summary>${words.shell}</summary>
      <pre><code>curl -T report.pdf ${origin}/</code></pre>
    </details>`
  return page({ assets, title: words.title, content, scripts: ['upload.js', 'actions.js'] })
}
