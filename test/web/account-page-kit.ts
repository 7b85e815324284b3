/** What tests of the pages of accounts and files do again and again. */

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import type { Test } from 'tap'
import { axeFindings, isTooWide } from '../edge/browser-kit.ts'

/** A folder for pictures of the pages, to look at. */
const PICTURES = process.env['PEERBIN_PICTURES']
export const SIZES = { phone: { width: 360, height: 740 }, desk: { width: 1100, height: 800 } }
export const PASSWORD = 'correct horse battery'

/** Each look is at another of these; where pictures are wanted, at all four. */
const WAYS = [
  { colorScheme: 'dark', size: 'phone' },
  { colorScheme: 'light', size: 'desk' },
  { colorScheme: 'light', size: 'phone' },
  { colorScheme: 'dark', size: 'desk' }
] as const
let looks = 0

/** Looks at a page as it is now: nothing that axe finds wrong, nothing cut off. @param isExtra only where pictures are wanted: what is on it is much as elsewhere */
export async function look(t: Test, page: Page, name: string, isExtra = false): Promise<void> {
  if (isExtra && PICTURES === undefined) return
  const ways = PICTURES === undefined ? WAYS.slice(looks % 4, (looks % 4) + 1) : WAYS
  looks++
  for (const { colorScheme, size } of ways) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
    await page.setViewportSize(SIZES[size])
    t.same(await axeFindings(page), [], `${name}, ${colorScheme}, ${size}`)
    t.notOk(await isTooWide(page), `${name} is not too wide, ${size}`)
    if (PICTURES === undefined) continue
    mkdirSync(PICTURES, { recursive: true })
    await page.screenshot({ path: join(PICTURES, `${name}-${size}-${colorScheme}.png`) })
  }
}

export async function fillCredentials(page: Page, name: string, password = PASSWORD): Promise<void> {
  await page.fill('#username', name)
  await page.fill('#password', password)
  await page.click('button[type=submit]')
}

/** Lets files go over the page. */
export async function drop(page: Page, paths: string[]): Promise<void> {
  const devtools = await page.context().newCDPSession(page)
  const dropped = { x: 300, y: 300, data: { items: [], files: paths, dragOperationsMask: 1 } }
  for (const type of ['dragEnter', 'dragOver', 'drop'] as const)
    await devtools.send('Input.dispatchDragEvent', { type, ...dropped })
}

export const rowOf = (path: string): string => `[data-file="${path}"]`
