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
  /** Where it stands in the navigation; default: its own path. */
  readonly place?: string
  /** Beside those of all pages. */
  readonly sheet?: AssetName
}

/** Every page, by the path of its route. */
export const ACCOUNT_PAGES = {
  '/sign-in': { title: words.titles.signIn, script: 'sign-in.js', isInside: false },
  '/sign-up': { title: words.titles.signUp, script: 'sign-in.js', isInside: false },
  '/setup': { title: words.titles.setup, script: 'sign-in.js', isInside: false },
  '/my': { title: words.titles.files, script: 'my-files.js', isInside: true },
  '/my/history': { title: words.titles.history, script: 'my-history.js', isInside: true },
  '/my/account': { title: words.titles.account, script: 'my-account.js', isInside: true },
  '/admin': { title: words.titles.admin, script: 'admin.js', isInside: true },
  '/pools': { title: words.titles.pools, script: 'pools.js', isInside: true, sheet: 'pools.css' },
  '/pools/join': {
    title: words.titles.joinPool,
    script: 'pool-join.js',
    isInside: false,
    sheet: 'pools.css'
  },
  '/pools/:pool': {
    title: words.titles.pool,
    script: 'pool.js',
    isInside: true,
    place: '/pools',
    sheet: 'pools.css'
  }
} as const satisfies Record<string, Frame>
export type AccountPath = keyof typeof ACCOUNT_PAGES

export function accountPage(assets: Assets, config: Config, path: AccountPath): string {
  const { title, script, isInside, place = path, sheet }: Frame = ACCOUNT_PAGES[path]
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
    sheets: sheet === undefined ? ['account.css'] : ['account.css', sheet],
    footer: path.startsWith('/pools') ? words.poolFooter : words.footer,
    ...(isInside && { nav: accountNav(place) })
  })
}
