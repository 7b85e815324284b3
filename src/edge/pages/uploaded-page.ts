/** After an upload: the link. */

import { html } from '../html.ts'
import type { Html } from '../html.ts'
import type { Assets } from '../assets.ts'
import type { UploadAnswer } from '../upload-answer.ts'
import { sizeText, texts, timeText } from '../texts.ts'
import { page } from './layout.ts'
import { qrFigure } from './qr-figure.ts'

const words = texts.uploaded

/** The token goes along in the fragment, which no server ever sees: so the sender's page can show the link again. */
const senderHref = ({ senderUrl, url }: UploadAnswer): string => `${senderUrl}#${url.split('/').at(-1) ?? ''}`

/** The part that upload.js puts into the upload page as well. */
export function uploadedCard(answer: UploadAnswer): Html {
  const { downloads } = answer
  return html`<section class="card result" aria-labelledby="ready">
    <h1 id="ready" tabindex="-1" data-focus>${words.title}</h1>
    <p>${downloads === 1 ? words.once : words.several(downloads)}</p>
    <label class="link-label" for="link">${words.link}</label>
    <div class="link-row">
      <input class="link" id="link" type="text" readonly value="${answer.url}" data-select />
      <button
        class="button primary"
        type="button"
        data-copy="link"
        data-text-done="${words.copied}"
        data-text-failed="${words.copyFailed}"
        hidden
      >
        ${words.copy}
      </button>
    </div>
    <p class="visually-hidden" role="status" data-announce></p>
    ${qrFigure(answer.url, words.codeAlt, words.code)}
    <dl class="facts">
      <div>
        <dt>${words.file}</dt>
        <dd class="name">${answer.name}</dd>
      </div>
      <div>
        <dt>${words.size}</dt>
        <dd>${sizeText(answer.payloadBytes)}</dd>
      </div>
      <div>
        <dt>${words.expires}</dt>
        <dd><time datetime="${answer.expiresAt}">${timeText(Date.parse(answer.expiresAt))}</time></dd>
      </div>
      <div>
        <dt>${words.downloads}</dt>
        <dd>${words.downloadsText(downloads)}</dd>
      </div>
      ${
        answer.passwordRequired &&
        html`<div>
          <dt>${words.password}</dt>
          <dd>${words.passwordText}</dd>
        </div>`
      }
      <div>
        <dt>${words.digest}</dt>
        <dd class="digest">${answer.sha256}</dd>
      </div>
    </dl>
    <div class="actions">
      <a class="button secondary" href="${senderHref(answer)}">${words.follow}</a>
      <a class="button secondary" href="/">${texts.upload.again}</a>
      <button
        class="button danger"
        type="button"
        data-withdraw="${answer.deleteUrl}"
        data-text-done="${words.withdrawn}"
        data-text-failed="${words.withdrawFailed}"
        hidden
      >
        ${words.withdraw}
      </button>
    </div>
  </section>`
}

export const uploadedPage = (assets: Assets, answer: UploadAnswer): string =>
  page({ assets, title: words.title, content: uploadedCard(answer), scripts: ['actions.js'] })
