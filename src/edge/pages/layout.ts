/** The frame of every page. */

import { html } from '../html.ts'
import type { Html } from '../html.ts'
import type { Assets, AssetName } from '../assets.ts'
import { texts } from '../texts.ts'

export interface PageOptions {
  readonly assets: Assets
  readonly title: string
  readonly content: Html
  /** Scripts that make the page more comfortable; it works without. */
  readonly scripts?: readonly AssetName[]
  /** Beside the common one. */
  readonly sheets?: readonly AssetName[]
  /** Beside the name of the product. */
  readonly nav?: Html
  /** Default: what holds for links. */
  readonly footer?: string
}

/** A whole document. No inline style or script: the pages' Content-Security-Policy forbids both. */
export function page({
  assets,
  title,
  content,
  scripts = [],
  sheets = [],
  nav,
  footer = texts.footer
}: PageOptions): string {
  const tags = scripts.map((name) => html`<script type="module" src="${assets.path(name)}"></script>`)
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta name="robots" content="noindex" />
        <title>${title} · ${texts.product}</title>
        <link rel="icon" href="${assets.path('icon.svg')}" type="image/svg+xml" />
        <link rel="stylesheet" href="${assets.path('style.css')}" />
        ${sheets.map((name) => html`<link rel="stylesheet" href="${assets.path(name)}" />`)} ${tags}
      </head>
      <body>
        <a class="skip" href="#content">${texts.skip}</a>
        <header class="bar">
          <a class="brand" href="/"
            ><img src="${assets.path('icon.svg')}" alt="" width="28" height="28" />${texts.product}</a
          >
          ${nav}
        </header>
        <main id="content" tabindex="-1">${content}</main>
        <footer class="foot">${footer}</footer>
      </body>
    </html> `.toString()
}
