/** `GET /s/{secret}`: what became of a link. It works by itself, with a link to load it again; sender.js keeps it up to date. */

import { html } from '../html.ts'
import type { Html, Insertable } from '../html.ts'
import type { Assets } from '../assets.ts'
import { senderPath } from '../http/origin.ts'
import { obstacle } from '../link-state.ts'
import type { Sent, SentAnswer, SentDownload } from '../sent-link.ts'
import { sizeText, texts, timeText } from '../texts.ts'
import { errorWords } from './error-page.ts'
import { page } from './layout.ts'
import { linkFacts, titleOf } from './link-page.ts'

const words = texts.sender

/** How often sender.js asks, while the page is looked at. */
const POLL_MS = 3000

/** Extensions offered, in seconds: a day, three, a week, a month; those beyond what is possible are left out. */
const LONGER_S = [86_400, 259_200, 604_800, 2_592_000]

export interface SenderPageOptions {
  readonly assets: Assets
  /** Of the address; the forms post to it. */
  readonly secret: string
  readonly sent: Sent
  readonly answer: SentAnswer
  /** Where the link to share begins. */
  readonly origin: string
  readonly ttlMaxMs: number
  /** The page shows claims from somewhere below the newest on. */
  readonly isOlder: boolean
  /** What was wrong with the form that led back here. */
  readonly message?: string | undefined
}

/** Ends that can be chosen, with what to call them; empty when the link cannot live longer. */
export function laterEnds({
  expiresAt,
  extendableUntil
}: Pick<SentAnswer, 'expiresAt' | 'extendableUntil'>): Array<{ label: string; expiresAt: string }> {
  if (extendableUntil === null) return []
  const [from, latest] = [Date.parse(expiresAt), Date.parse(extendableUntil)]
  const steps = LONGER_S.filter((seconds) => from + seconds * 1000 < latest)
  return [
    ...steps.map((seconds) => ({
      label: words.longer(seconds),
      expiresAt: new Date(from + seconds * 1000).toISOString()
    })),
    { label: words.longest, expiresAt: extendableUntil }
  ]
}

export function senderPage(options: SenderPageOptions): string {
  const { assets, answer, message, isOlder } = options
  const content = html`<h1>${words.title}</h1>
    <p class="notice error" id="problem" role="alert" ${message === undefined && html` hidden`}>
      ${message ?? ''}
    </p>
    <div
      id="sent"
      data-poll-ms="${isOlder ? 0 : POLL_MS}"
      data-state="${answer.state}"
      data-expires="${answer.expiresAt}"
      data-revocable="${String(answer.revocable)}"
    >
      ${overview(options)} ${answer.revocable && controls(options)} ${preview(options)}
      <p class="hint outside">${words.secret}</p>
    </div>`
  const title = `${nameOf(answer)} · ${words.title}`
  return page({ assets, title, content, scripts: ['sender.js'] })
}

/** What an encrypted file is called stands in it, and not here. */
const nameOf = ({ name, encryption }: SentAnswer): string =>
  encryption === null ? name : texts.link.encryptedName

const time = (at: string, part?: string): Html =>
  html`<time datetime="${at}" ${part !== undefined && html` data-part="${part}"`}
    >${timeText(Date.parse(at))}</time
  >`

const fact = (name: string, value: Insertable): Html =>
  html`<div>
    <dt>${name}</dt>
    <dd>${value}</dd>
  </div>`

function overview({ answer, secret, origin, isOlder }: SenderPageOptions): Html {
  const { downloads, downloadsLeft } = answer
  const path = senderPath(secret)
  const left = html`<span data-part="left" data-text="${words.leftText('{left}', downloads)}"
    >${words.leftText(downloadsLeft, downloads)}</span
  >`
  return html`<section class="card" aria-label="${words.title}">
    <p class="file-name">${nameOf(answer)}</p>
    ${answer.encryption !== null && html`<p class="hint">${words.encrypted}</p>`}
    <p class="status" role="status" data-part="status" data-activity="${answer.activity}">
      ${answer.message}
    </p>
    <p class="notice error" data-part="stale" hidden>${words.stale}</p>
    <div data-part="share" data-origin="${origin}" hidden>
      <label class="link-label" for="link">${words.link}</label>
      <div class="link-row">
        <input class="link" id="link" type="text" readonly value="" data-select />
        <button
          class="button primary"
          type="button"
          data-copy="link"
          data-text-done="${texts.uploaded.copied}"
          data-text-failed="${texts.uploaded.copyFailed}"
          hidden
        >
          ${texts.uploaded.copy}
        </button>
      </div>
      <p class="visually-hidden" role="status" data-announce></p>
    </div>
    <dl class="facts">
      ${answer.entries !== undefined && fact(texts.link.files, answer.entries)}
      ${fact(words.size, sizeText(answer.payloadBytes))} ${fact(words.created, time(answer.createdAt))}
      ${fact(words.expires, time(answer.expiresAt))} ${fact(words.left, left)}
    </dl>
    <h2>${words.claims}</h2>
    <ol class="claims" data-part="claims">
      ${answer.claims.map((claim) => download(claim, answer.payloadBytes))}
    </ol>
    <p class="hint" data-part="none" ${answer.claims.length > 0 && html` hidden`}>${words.noClaims}</p>
    <template data-part="template">${download(BLANK, answer.payloadBytes)}</template>
    ${(isOlder || answer.next !== null) && pages(path, isOlder, answer.next)}
    <p class="unscripted"><a class="button secondary" href="${path}">${words.reload}</a></p>
  </section>`
}

const pages = (path: string, isOlder: boolean, next: string | null): Html =>
  html`<p class="pages">
    ${isOlder && html`<a href="${path}">${words.newer}</a>`}
    ${next !== null && html`<a href="${path}?after=${next}">${words.older}</a>`}
  </p>`

/** What sender.js fills in. */
const BLANK: SentDownload = {
  id: '',
  outcome: 'running',
  title: '',
  detail: '',
  claimedAt: new Date(0).toISOString(),
  endedAt: null,
  servedUntil: new Date(0).toISOString(),
  bytesSent: 0,
  bytesCovered: 0
}

function download(claim: SentDownload, size: number): Html {
  const { id, outcome, title, detail, claimedAt, servedUntil, bytesCovered } = claim
  return html`<li class="claim" data-claim="${id}" data-outcome="${outcome}">
    <p class="claim-head"><strong data-part="title">${title}</strong> ${time(claimedAt, 'claimed')}</p>
    <progress
      max="${size}"
      value="${bytesCovered}"
      aria-label="${words.sent}"
      ${outcome === 'given-back' && html` hidden`}
    ></progress>
    <p class="hint">
      <span data-part="detail">${detail}</span>
      <span data-part="until" ${servedUntil === null && html` hidden`}
        >${words.until} ${time(servedUntil ?? claimedAt, 'served')}.</span
      >
    </p>
  </li>`
}

function controls({ answer, secret, ttlMaxMs }: SenderPageOptions): Html {
  const path = senderPath(secret)
  const ends = laterEnds(answer)
  return html`<section class="card" aria-labelledby="manage">
    <h2 id="manage">${words.manage}</h2>
    ${
      answer.extendableUntil !== null &&
      html`<form method="post" action="${path}" data-part="form">
        <input type="hidden" name="action" value="extend" />
        <label class="link-label" for="longer">${words.extend}</label>
        <div class="link-row">
          <select id="longer" name="expiresAt" aria-describedby="latest">
            ${ends.map((end) => html`<option value="${end.expiresAt}">${end.label}</option>`)}
          </select>
          <button class="button secondary" type="submit">${words.extendButton}</button>
        </div>
        <p class="hint" id="latest">${words.latest(ttlMaxMs / 1000)} ${time(answer.extendableUntil)}.</p>
      </form>`
    }
    <details class="confirm" id="withdraw">
      <summary class="button danger">${words.withdraw}</summary>
      <form method="post" action="${path}" data-part="form">
        <p>${words.withdrawText}</p>
        <input type="hidden" name="action" value="revoke" />
        <button class="button danger filled" type="submit">${words.withdrawButton}</button>
      </form>
    </details>
  </section>`
}

/** The recipient's page with nothing to press: it holds no claim, and posts nowhere. */
function preview({ sent: { link, file, now } }: SenderPageOptions): Html {
  const why = obstacle(link, now)
  const over = why === undefined ? undefined : errorWords(why)
  return html`<details class="preview" id="preview">
    <summary>${words.preview}</summary>
    <p class="hint">${words.previewText}</p>
    <div class="card picture">
      <h2 class="title">${over?.title ?? titleOf({ link, file })}</h2>
      ${
        over?.text ??
        html`${linkFacts({ link, file, index: undefined })} ${link.isProtected && previewedPassword()}
          <button class="button primary wide" type="button" disabled>${texts.link.download}</button>`
      }
    </div>
  </details>`
}

const previewedPassword = (): Html =>
  html`<div class="field password">
    <label for="previewed-password">${texts.link.password}</label>
    <input id="previewed-password" type="password" disabled />
  </div>`
