/** The frames of the pages of accounts and files. What is in them comes by the JSON API, with the script of the page; the frame holds nothing of anybody. */

import type { Config } from '../../config.ts'
import { PASSWORD_BYTES_MAX } from '../../protocol/limits.ts'
import { accountTexts as words } from '../account-texts.ts'
import type { Assets, AssetName } from '../assets.ts'
import { html } from '../html.ts'
import { accountNav } from './account-nav.ts'
import { page } from './layout.ts'
import { downloadChoices, lifetimes } from './upload-page.ts'

interface Frame {
  readonly title: string
  readonly script: AssetName
  /** Of those who are signed in. */
  readonly isInside: boolean
}

/** Every page, by its path. */
export const ACCOUNT_PAGES = {
  '/sign-in': { title: words.titles.signIn, script: 'sign-in.js', isInside: false },
  '/sign-up': { title: words.titles.signUp, script: 'sign-in.js', isInside: false },
  '/setup': { title: words.titles.setup, script: 'sign-in.js', isInside: false },
  '/my': { title: words.titles.files, script: 'my-files.js', isInside: true },
  '/my/history': { title: words.titles.history, script: 'my-history.js', isInside: true },
  '/my/account': { title: words.titles.account, script: 'my-account.js', isInside: true },
  '/admin': { title: words.titles.admin, script: 'admin.js', isInside: true }
} as const satisfies Record<string, Frame>
export type AccountPath = keyof typeof ACCOUNT_PAGES

export function accountPage(assets: Assets, config: Config, path: AccountPath): string {
  const { title, script, isInside }: Frame = ACCOUNT_PAGES[path]
  const settings = {
    passwordBytesMax: PASSWORD_BYTES_MAX,
    downloads: downloadChoices(config.link),
    lifetimes: lifetimes(config.link)
  }
  const content = html`<div id="app" data-path="${path}" data-settings="${JSON.stringify(settings)}">
    <h1>${title}</h1>
    <noscript>
      <div class="card">
        <p>${words.needsScript}</p>
        <p><code>${words.needsScriptCommand}</code> ${words.needsScriptThen}</p>
        <p><a href="/">${words.nav.share}</a></p>
      </div>
    </noscript>
  </div>`
  return page({
    assets,
    title,
    content,
    scripts: [script],
    sheet: 'account.css',
    footer: words.footer,
    ...(isInside && { nav: accountNav(path) })
  })
}
