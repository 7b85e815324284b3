/** Every page, on a phone and on a desk, in the light and in the dark: nothing that axe finds wrong, nothing cut off. Needs Chromium; where there is none the test is skipped and says so, in CI it fails. */

import { mkdirSync } from 'node:fs'
import type { Page } from 'playwright-core'
import t from 'tap'
import type { Test } from 'tap'
import { startEdges, sampleBytes, upload } from '../edge/edge-cluster.ts'
import { WAIT, axeFindings, downloadBy, isTooWide, linkOf, openBrowser, visit } from '../edge/browser-kit.ts'
import { skip } from '../edge/chromium.ts'

t.setTimeout(300_000)

/** A folder for pictures of the pages, to look at. */
const PICTURES = process.env['PEERBIN_PICTURES']
const SIZES = { phone: { width: 360, height: 740 }, desk: { width: 1100, height: 800 } }
const LONG = `${'a very long name without an end '.repeat(6)}and-one-word-that-cannot-be-broken-anywhere-at-all.txt`
const file = (name: string, size = 1000) => ({
  name,
  mimeType: 'application/octet-stream',
  buffer: sampleBytes(size)
})

/** Looks at a page as it is now. @param short every light and every size, but not each with each */
async function look(t: Test, page: Page, name: string, short = false): Promise<void> {
  let isFirst = true
  for (const colorScheme of ['light', 'dark'] as const)
    for (const [size, viewport] of Object.entries(SIZES)) {
      if (short && (colorScheme === 'light') === (size === 'phone')) continue
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
      await page.setViewportSize(viewport)
      t.same(await axeFindings(page, !isFirst), [], `${name}, ${colorScheme}, ${size}`)
      isFirst = false
      await fits(t, page, `${name}-${size}-${colorScheme}`)
    }
}

async function fits(t: Test, page: Page, name: string): Promise<void> {
  t.notOk(await isTooWide(page), `${name} is not too wide`)
  if (PICTURES === undefined) return
  mkdirSync(PICTURES, { recursive: true })
  await page.screenshot({ path: `${PICTURES}/${name}.png`, fullPage: true })
}

t.test('every page', { skip }, async (t) => {
  const { url, cluster } = await startEdges(t, { config: { controller: { callTimeoutMs: 5000 } } })
  const host = 'files.example'
  const origin = url().replace('127.0.0.1', host)
  const browser = await openBrowser(t, { names: [host] })
  const { page, complaints } = await visit(browser, [url(), origin])

  await t.test('of a sender', async (t) => {
    await page.goto(origin) // plain HTTP: there is one more word
    await look(t, page, 'upload')
    await page.click('.more summary')
    await page.setInputFiles('#file', [file(LONG), file('holiday.jpg', 300_000), file('empty.txt', 0)])
    await page.setInputFiles('#file', file('too-large.bin', 11_000_000))
    await page.waitForSelector('#problem .notice', WAIT)
    await look(t, page, 'upload-problem', true)
    await page.click('.files li:last-child button')
    await page.route(/\/files\/./, (route) => route.abort())
    await page.click('#send')
    await page.waitForSelector('#waiting', WAIT)
    await look(t, page, 'sending', true)
    await page.goto(origin)
    await page.waitForSelector('#resume', WAIT)
    await look(t, page, 'resume', true)
    await page.click('#discard')
    await page.unroute(/\/files\/./)
    await page.goto(url())
    await page.setInputFiles('#file', [file(LONG), file('holiday.jpg', 300_000), file('empty.txt', 0)])
    await page.click('#send')
    await linkOf(page)
    await page.click('.qr-more summary')
    await look(t, page, 'done')
    t.same(complaints, [])
  })

  await t.test('of a recipient', async (t) => {
    const link = await page.inputValue('#link')
    const follow = (await page.getAttribute('#follow', 'href')) ?? ''
    await page.goto(link)
    await page.waitForSelector('#download', WAIT)
    await look(t, page, 'encrypted')
    await downloadBy(page, '#download')
    await page.waitForSelector('#outcome .notice', WAIT)
    await look(t, page, 'downloaded', true)
    await page.goto(link.split('#')[0] ?? '')
    await look(t, page, 'used', true)
    await page.goto(follow)
    await look(t, page, 'sender', true)
    const plain = await upload(url(), sampleBytes(1000), { name: LONG, fields: { downloads: '3' } })
    await page.goto(plain.url)
    await look(t, page, 'link')
    const form = new FormData()
    for (const name of ['holiday/a.txt', `holiday/${LONG}`])
      form.append('file', new Blob([new Uint8Array(10)]), name)
    const headers = { accept: 'application/json' }
    const bundle = await fetch(`${url()}/upload`, { method: 'POST', body: form, headers })
    await page.goto(((await bundle.json()) as { url: string }).url)
    await look(t, page, 'bundle', true)
    await page.click('button[type=submit]')
    await page.waitForSelector('#claim', WAIT)
    await look(t, page, 'claimed', true)
    const asks = await upload(url(), sampleBytes(1000), { name: LONG, fields: { password: 'open sesame' } })
    await page.goto(asks.url)
    await look(t, page, 'password', true)
    await page.goto(`${url()}/d/${'x'.repeat(24)}`)
    await look(t, page, 'unknown', true)
    t.same(complaints, [])
  })

  await t.test('without JavaScript', async (t) => {
    // axe does not run there
    const { page: plain } = await visit(browser, url(), { javaScriptEnabled: false, viewport: SIZES.phone })
    await plain.goto(url())
    await fits(t, plain, 'form-phone-light')
    await plain.setInputFiles('#file', [file('a.txt'), file('b.txt')])
    await plain.click('#send')
    await linkOf(plain)
    await fits(t, plain, 'sent-phone-light')
  })

  await t.test('when the cluster is not ready', async (t) => {
    await cluster.controller.stop()
    await page.goto(`${url()}/d/${'y'.repeat(24)}`)
    await look(t, page, 'not-ready', true)
    t.same(complaints, [])
  })
})
