/** Pages in a real Chromium, one browser for a test file. */

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { chromium } from 'playwright-core'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import type { Test } from 'tap'
import { chromiumOptions } from './chromium.ts'

export const WAIT = { timeout: 60_000 }

/** @param options where names lead to this machine that are none of its own: pages of these are no secure context */
export async function openBrowser(t: Test, { names = [] }: { names?: string[] } = {}): Promise<Browser> {
  const { args, ...options } = chromiumOptions()
  const rules = names.map((name) => `MAP ${name} 127.0.0.1`).join(',')
  const browser = await chromium.launch({
    ...options,
    args: rules === '' ? args : [...args, `--host-resolver-rules=${rules}`]
  })
  t.teardown(() => browser.close())
  return browser
}

export interface Visit {
  readonly page: Page
  /** What a page that is in order has none of: errors, blocked scripts and styles, requests to other origins. */
  readonly complaints: string[]
  /** `GET http://…`, without what is behind a `#`. */
  readonly asked: string[]
}

/** Somebody with a browser of their own: nothing is shared with other visits. @param origins where the page may ask */
export async function visit(
  browser: Browser,
  origins: string | readonly string[],
  options: BrowserContextOptions = {}
): Promise<Visit> {
  const context = await browser.newContext(options)
  context.setDefaultTimeout(WAIT.timeout)
  const page = await context.newPage()
  const complaints: string[] = []
  const asked: string[] = []
  const allowed = [...(typeof origins === 'string' ? [origins] : origins), 'blob:']
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('console', (message) => {
    // the browser reports every answer of 400 and above, and lines that break; those are meant
    if (message.type() === 'error' && !/the server responded with a status of|net::ERR_/.test(message.text()))
      complaints.push(message.text())
  })
  page.on('request', (request) => {
    asked.push(`${request.method()} ${request.url()}`)
    if (!allowed.some((origin) => request.url().startsWith(origin)))
      complaints.push(`asked ${new URL(request.url()).origin}`)
  })
  page.on('dialog', (dialog) => void dialog.accept().catch(() => undefined))
  return { page, complaints, asked }
}

/** Waits for the link after an upload. */
export async function linkOf(page: Page): Promise<string> {
  return await page.waitForSelector('.result #link', WAIT).then((field) => field.inputValue())
}

/** Presses something that downloads, and waits for the file. */
export async function downloadBy(page: Page, selector: string): Promise<{ name: string; bytes: Buffer }> {
  const [download] = await Promise.all([page.waitForEvent('download', WAIT), page.click(selector)])
  return { name: download.suggestedFilename(), bytes: readFileSync(await download.path()) }
}

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** Rules whose answer depends on colours and on the size of the window. */
const LOOKS = {
  runOnly: { type: 'rule', values: ['color-contrast', 'scrollable-region-focusable', 'target-size'] }
}

/** What axe finds wrong with a page as it is now: `rule: where`. @param again only what may have changed since, in another light or size */
export async function axeFindings(page: Page, again = false): Promise<string[]> {
  if (!again) await page.evaluate(AXE)
  const { violations } = await page.evaluate<{
    violations: Array<{ id: string; nodes: Array<{ html: string }> }>
  }>(`axe.run(${JSON.stringify({ resultTypes: ['violations'], ...(again && LOOKS) })})`)
  return violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`))
}

/** Whether something reaches beyond the right edge of the window. */
export const isTooWide = (page: Page): Promise<boolean> =>
  page.evaluate<boolean>('document.documentElement.scrollWidth > document.documentElement.clientWidth')

export const PHONE = {
  viewport: { width: 360, height: 740 },
  deviceScaleFactor: 2,
  isMobile: true,
  hasTouch: true
}
