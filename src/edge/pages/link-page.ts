/** `GET /d/{token}`: what the recipient sees. Looking spends nothing; the button is a POST. */

import type { PeerbinError } from '../../errors.ts'
import { PASSWORD_BYTES_MAX } from '../../protocol/limits.ts'
import { html } from '../html.ts'
import type { Html } from '../html.ts'
import type { Assets } from '../assets.ts'
import type { FileRecord, LinkRecord } from '../../types.ts'
import { sizeText, texts, timeText } from '../texts.ts'
import { page } from './layout.ts'

const words = texts.link

export interface LinkPageOptions {
  readonly assets: Assets
  readonly file: FileRecord
  readonly link: LinkRecord
  /** The link's token, as in its address. */
  readonly token: string
  /** A claim secret that the form sends along, so that pressing twice is asking twice for the same download. */
  readonly claim: string
  readonly directUrl: string
  /** What was wrong with the password that was sent. */
  readonly problem?: PeerbinError | undefined
}

/** What to type for the file: curl asks for a password where only a user is named, so that it stands in no history and no list of processes. */
export const shellCommand = ({ isProtected }: LinkRecord, directUrl: string): string =>
  `curl -OJ ${isProtected ? '-u peerbin ' : ''}${directUrl}`

/**
 * What it says of the file; the heading and what can be pressed are given. The sender sees it too, with nothing to press. A page whose link asks for a password says neither name nor
 * size: those too are for whoever knows it.
 */
export function linkFacts({ file, link }: Pick<LinkPageOptions, 'file' | 'link'>): Html {
  const left = link.downloads - link.claimed
  return html`${!link.isProtected && html`<p class="file-name">${file.name}</p>`}
    <dl class="facts">
      ${!link.isProtected && fact(words.size, sizeText(file.sizeBytes))}
      ${fact(words.expires, html`<time datetime="${new Date(link.expiresAt).toISOString()}">${timeText(link.expiresAt)}</time>`)}
      ${fact(words.downloads, left)}
    </dl>
    <p>${left === 1 ? words.once : words.several(left)}</p>`
}

/** The heading of the page. */
export const titleOf = ({ isProtected }: LinkRecord): string =>
  isProtected ? words.protectedTitle : words.title

export function linkPage({ assets, file, link, token, claim, directUrl, problem }: LinkPageOptions): string {
  const content = html`<section class="card">
      <h1>${titleOf(link)}</h1>
      ${linkFacts({ file, link })}
      <form method="post" action="/d/${token}" data-started="${words.started}">
        <input type="hidden" name="claim" value="${claim}" />
        ${link.isProtected && passwordField(problem)}
        <button class="button primary wide" type="submit">${words.download}</button>
      </form>
      <p class="hint" role="status" data-announce></p>
    </section>
    <details class="shell">
      <summary>${words.shell}</summary>
      <pre><code>${shellCommand(link, directUrl)}</code></pre>
    </details>`
  return page({ assets, title: titleOf(link), content, scripts: ['actions.js'] })
}

const fact = (term: string, value: Html | string | number): Html =>
  html`<div>
    <dt>${term}</dt>
    <dd>${value}</dd>
  </div>`

/** What was wrong is read out with the field, which has the focus then. */
function passwordField(problem: PeerbinError | undefined): Html {
  const message =
    problem !== undefined &&
    html`<p class="notice error" id="password-problem" role="alert">${problem.message}</p>`
  const marks = problem !== undefined && html` autofocus aria-invalid="true"`
  return html`${message}
    <div class="field password">
      <label for="password">${words.password}</label>
      <input
        id="password"
        name="password"
        type="password"
        required
        maxlength="${PASSWORD_BYTES_MAX}"
        autocomplete="off"
        aria-describedby="${problem === undefined ? 'password-hint' : 'password-problem password-hint'}"
        ${marks}
      />
      <p id="password-hint" class="hint">${words.passwordHint}</p>
    </div>`
}
