/** `GET /d/{token}?claim=…`: for whoever has redeemed a bundle: all of it as an archive, and each file. It works without scripts, and as often as the claim allows. */

import type { BundleIndex } from '../../bundle/index.ts'
import { payloadBytesOf } from '../../protocol/payload.ts'
import type { ClaimRecord, FileRecord } from '../../types.ts'
import type { Assets } from '../assets.ts'
import { html } from '../html.ts'
import { claimPath } from '../http/origin.ts'
import { sizeText, texts, timeText } from '../texts.ts'
import { page } from './layout.ts'
import { fileList } from './link-page.ts'

const words = texts.claim

export interface ClaimPageOptions {
  readonly assets: Assets
  readonly file: FileRecord
  /** Of a bundle; a single file is offered alone. */
  readonly index: BundleIndex | undefined
  readonly claim: ClaimRecord
  readonly token: string
  /** The claim's secret: the links carry it. */
  readonly secret: string
}

export function claimPage(options: ClaimPageOptions): string {
  const { assets, file, index, claim, token, secret } = options
  if (file.encryption !== null) return encryptedPage(options, file.encryption)
  const until = html`<time datetime="${new Date(claim.leaseUntil).toISOString()}"
    >${timeText(claim.leaseUntil)}</time
  >`
  const content = html`<section class="card" id="claim">
    <h1>${words.title}</h1>
    <p class="file-name">${file.name}</p>
    <p>${claim.state === 'consumed' ? words.done : words.how} ${words.until} ${until}.</p>
    <div class="actions">
      <a class="button primary wide" href="${claimPath(token, secret)}" download
        >${index === undefined ? texts.link.download : words.archive(index.entries.length, sizeText(payloadBytesOf(file)))}</a
      >
    </div>
    ${
      index !== undefined &&
      html`<h2>${words.each}</h2>
        ${fileList(index, { hrefOf: (entry) => claimPath(token, secret, entry) })}`
    }
    <p class="hint">${words.secret}</p>
  </section>`
  return page({ assets, title: words.title, content, scripts: ['link.js'] })
}

/** What web/link has to know to go on: it reads and saves the files, as on the page of the link. */
function encryptedPage({ assets, file, claim, token, secret }: ClaimPageOptions, encryption: string): string {
  const content = html`<section
    class="card"
    id="link"
    data-encryption="${encryption}"
    data-payload-bytes="${payloadBytesOf(file)}"
    data-index-bytes="${file.indexBytes}"
    data-is-claimed="true"
    data-is-protected="false"
    data-claim="${secret}"
    data-token="${token}"
    data-expires="${new Date(claim.leaseUntil).toISOString()}"
    data-downloads-left="0"
  >
    <h1>${texts.link.encryptedTitle}</h1>
    <p>${texts.link.encrypted}</p>
    <noscript><p class="notice error">${texts.link.needsScript}</p></noscript>
  </section>`
  return page({ assets, title: texts.link.encryptedTitle, content, scripts: ['link.js'] })
}
