/** `GET /d/{token}`: what the recipient sees. Looking spends nothing; the button is a POST. */

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
}

/** What it says of the file; the heading and what can be pressed are given. The sender sees it too, with nothing to press. */
export function linkFacts({ file, link }: Pick<LinkPageOptions, 'file' | 'link'>): Html {
  const left = link.downloads - link.claimed
  return html`<p class="file-name">${file.name}</p>
    <dl class="facts">
      <div>
        <dt>${words.size}</dt>
        <dd>${sizeText(file.sizeBytes)}</dd>
      </div>
      <div>
        <dt>${words.expires}</dt>
        <dd>
          <time datetime="${new Date(link.expiresAt).toISOString()}">${timeText(link.expiresAt)}</time>
        </dd>
      </div>
      <div>
        <dt>${words.downloads}</dt>
        <dd>${left}</dd>
      </div>
    </dl>
    <p>${left === 1 ? words.once : words.several(left)}</p>`
}

export function linkPage({ assets, file, link, token, claim, directUrl }: LinkPageOptions): string {
  const content = html`<section class="card">
      <h1>${words.title}</h1>
      ${linkFacts({ file, link })}
      <form method="post" action="/d/${token}" data-started="${words.started}">
        <input type="hidden" name="claim" value="${claim}" />
        <button class="button primary wide" type="submit">${words.download}</button>
      </form>
      <p class="hint" role="status" data-announce></p>
    </section>
    <details class="shell">
      <summary>${words.shell}</summary>
      <pre><code>curl -OJ ${directUrl}</code></pre>
    </details>`
  return page({ assets, title: words.title, content, scripts: ['actions.js'] })
}
