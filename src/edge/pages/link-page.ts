/** `GET /d/{token}`: what the recipient sees. Looking spends nothing; the button is a POST. */

import type { BundleIndex } from '../../bundle/index.ts'
import type { PeerbinError } from '../../errors.ts'
import { PASSWORD_BYTES_MAX } from '../../protocol/limits.ts'
import { payloadBytesOf } from '../../protocol/payload.ts'
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
  /** Of a bundle whose files may be told. */
  readonly index: BundleIndex | undefined
  /** The link's token, as in its address. */
  readonly token: string
  /** A claim secret that the form sends along, so that pressing twice is asking twice for the same download. */
  readonly claim: string
  /** The link itself, without the key that may be behind it. */
  readonly url: string
  readonly directUrl: string
  /** What was wrong with the password that was sent. */
  readonly problem?: PeerbinError | undefined
}

type Shared = Pick<LinkPageOptions, 'file' | 'link'>

/** What to type for the file: curl asks for a password where only a user is named, so that it stands in no history and no list of processes. Encrypted ones are for our own program. */
export const shellCommand = (
  { file, link }: Shared,
  { url, directUrl }: Pick<LinkPageOptions, 'url' | 'directUrl'>
): string =>
  file.encryption === null
    ? `curl -OJ ${link.isProtected ? '-u peerbin ' : ''}${directUrl}`
    : `peerbin pull '${url}#${words.keyPlace}'`

/** `holiday (3 files, 2.1 MB)`. */
export function contentText(file: FileRecord, index: BundleIndex | undefined): string {
  const size = sizeText(payloadBytesOf(file))
  if (file.encryption !== null) return `${words.encryptedName} (${size})`
  return `${file.name} (${index === undefined ? '' : `${words.filesText(index.entries.length)}, `}${size})`
}

/** Files named on the page that everybody may fetch as often as they like; whoever downloads is shown all of them. */
const LISTED_MAX = 200

/** The files of a bundle with their sizes. @param hrefOf where each is fetched, for whoever may */
export function fileList(
  { entries }: BundleIndex,
  { listedMax = entries.length, hrefOf }: { listedMax?: number; hrefOf?: (entry: number) => string } = {}
): Html {
  const more = entries.length - listedMax
  return html`<ul class="files">
      ${entries.slice(0, listedMax).map(({ path, sizeBytes }, at) => {
        const href = hrefOf?.(at)
        return html`<li>
          ${href === undefined ? html`<span class="file-path">${path}</span>` : html`<a class="file-path" href="${href}" download>${path}</a>`}
          <span class="file-size">${sizeText(sizeBytes)}</span>
        </li>`
      })}
    </ul>
    ${more > 0 && html`<p class="hint">${words.moreFiles(more)}</p>`}`
}

/**
 * What it says of the file; the heading and what can be pressed are given. The sender sees it too, with nothing to press. A page whose link asks for a password says neither name nor
 * size: those too are for whoever knows it.
 */
export function linkFacts({ file, link, index }: Shared & Pick<LinkPageOptions, 'index'>): Html {
  const left = link.downloads - link.claimed
  const isTold = !link.isProtected
  return html`${isTold && file.encryption === null && html`<p class="file-name">${file.name}</p>`}
    <dl class="facts">
      ${isTold && index !== undefined && fact(words.files, index.entries.length)}
      ${isTold && fact(words.size, sizeText(payloadBytesOf(file)))}
      ${fact(words.expires, html`<time datetime="${new Date(link.expiresAt).toISOString()}">${timeText(link.expiresAt)}</time> <span class="soft" data-countdown="${new Date(link.expiresAt).toISOString()}" hidden></span>`)}
      ${fact(words.downloads, left)}
    </dl>
    <p>${left === 1 ? words.once : words.several(left)}</p>`
}

/** The heading of the page. */
export function titleOf({ file, link }: Shared, index?: BundleIndex): string {
  if (file.encryption !== null) return words.encryptedTitle
  if (link.isProtected) return words.protectedTitle
  return index === undefined ? words.title : words.bundleTitle
}

/** What scripts have to know of the link. What is told with the password only is empty without. */
function scriptData({ file, link, token, claim }: LinkPageOptions): Html {
  const isTold = !link.isProtected
  return html` data-encryption="${file.encryption ?? ''}"
  data-payload-bytes="${isTold && String(payloadBytesOf(file))}"
  data-index-bytes="${isTold && String(file.indexBytes)}" data-needs-proof="${String(link.needsProof)}"
  data-is-protected="${String(link.isProtected)}" data-claim="${claim}" data-token="${token}"
  data-expires="${new Date(link.expiresAt).toISOString()}"
  data-downloads-left="${link.downloads - link.claimed}"`
}

export function linkPage(options: LinkPageOptions): string {
  const { assets, file, link, index, problem } = options
  const title = titleOf(options, index)
  const isEncrypted = file.encryption !== null
  const content = html`<section class="card" id="link" ${scriptData(options)}>
      <h1>${title}</h1>
      ${linkFacts(options)} ${isEncrypted ? encryptedNotes() : downloadForm(options)}
      <p class="hint" role="status" data-announce></p>
      ${
        index !== undefined &&
        !link.isProtected &&
        html`<h2>${words.files}</h2>
          ${fileList(index, { listedMax: LISTED_MAX })}`
      }
      ${isEncrypted && problem !== undefined && html`<p class="notice error" role="alert">${problem.message}</p>`}
    </section>
    <details class="shell" ${isEncrypted && html` open`}>
      <summary>${words.shell}</summary>
      <pre><code>${shellCommand(options, options)}</code></pre>
      ${isEncrypted && html`<p class="hint">${words.keyHint}</p>`}
    </details>`
  return page({ assets, title, content, scripts: ['link.js'] })
}

/** A bundle's form leads to a page of its own, so that nothing is said here. */
const downloadForm = ({ link, index, token, claim, problem }: LinkPageOptions): Html =>
  html`<form
    method="post"
    action="/d/${token}"
    ${index === undefined && html` data-started="${words.started}"`}
  >
    <input type="hidden" name="claim" value="${claim}" />
    ${link.isProtected && passwordField(problem)}
    <button class="button primary wide" type="submit">${words.download}</button>
  </form>`

/** The key is in the part of the address that no server is sent: only a script can do something with it. */
const encryptedNotes = (): Html =>
  html`<p>${words.encrypted}</p>
    <noscript><p class="notice error">${words.needsScript}</p></noscript>`

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
