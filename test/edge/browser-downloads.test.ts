/**
 * What a real Chromium does with links: it downloads over a line that breaks, cancels and comes back, prefetches and prerenders, and is offered files that want to be
 * pages. Needs Chromium; where there is none the tests are skipped and say so, in CI they fail.
 */

import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { chromium } from 'playwright-core'
import type { BrowserContext, Page } from 'playwright-core'
import t from 'tap'
import type { Test } from 'tap'
import { cleanName } from '../../src/edge/http/names.ts'
import { cuttingProxy } from '../kit/cutting-proxy.ts'
import { NAUGHTY_STRINGS } from '../kit/naughty-strings.ts'
import { stallingProxy } from '../kit/stalling-proxy.ts'
import { testFolder } from '../kit/test-folder.ts'
import { until } from '../kit/until.ts'
import { askAsStranger, claimsMade, newSecret } from './claims.ts'
import { chromiumOptions, skip } from './chromium.ts'
import { sampleBytes, startEdges, upload } from './edge-cluster.ts'

t.setTimeout(600_000)

const WAIT = { timeout: 120_000 }
const bytes = sampleBytes(9_000_000)

/** A browser with a profile of its own: that has the list of downloads a person has. */
async function openBrowser(t: Test): Promise<{ context: BrowserContext; downloads: string }> {
  const folder = testFolder(t)
  const downloads = join(folder, 'downloads')
  const context = await chromium.launchPersistentContext(join(folder, 'profile'), {
    ...chromiumOptions({ whole: true }),
    acceptDownloads: true,
    downloadsPath: downloads
  })
  t.teardown(() => context.close())
  context.setDefaultTimeout(WAIT.timeout)
  return { context, downloads }
}

/** Presses the button of the link's page and waits for the download to begin. */
async function press(page: Page) {
  const [download] = await Promise.all([
    page.waitForEvent('download', WAIT),
    page.click('button[type=submit]')
  ])
  return download
}

t.test('a browser downloads', { skip }, async (t) => {
  const cluster = await startEdges(t, { edges: 2 })
  const { url } = cluster
  const { context } = await openBrowser(t)
  const isRight = async (t: Test, path: string, directUrl: string): Promise<void> => {
    t.ok(bytes.equals(await readFile(path)), 'every byte is right')
    t.equal(await claimsMade(cluster, directUrl), 1)
    t.equal(await askAsStranger(directUrl), 410)
  }

  t.test('over a line that breaks: it goes on by itself, with the validator', async (t) => {
    const { directUrl, url: link } = await upload(url(), bytes, { name: 'broken.bin' })
    const line = await cuttingProxy(t, url(), { afterBytes: 3_000_000, cuts: 2, nextTarget: url(1) })
    const page = await context.newPage()
    await page.goto(link.replace(url(), line.url))
    const download = await press(page)
    const path = await download.path()
    t.equal(line.cuts, 2)
    await isRight(t, path, directUrl)
    await page.close()
  })

  t.test('cancelled in the middle, and begun again with the same button', async (t) => {
    const { directUrl, url: link } = await upload(url(), bytes, { name: 'cancelled.bin' })
    const line = await stallingProxy(new URL(url()), 3_000_000)
    t.teardown(() => line.close())
    const page = await context.newPage()
    await page.goto(link.replace(url(), line.url))
    const first = await press(page)
    await first.cancel()
    t.equal(await first.failure(), 'canceled')
    line.release()
    t.equal(await claimsMade(cluster, directUrl), 1, 'it is spent for others')
    t.equal(await askAsStranger(directUrl), 410)
    const second = await press(page)
    await isRight(t, await second.path(), directUrl)
    await page.close()
  })

  t.test('cancelled, and its claim URL opened again from the list of downloads', async (t) => {
    const { directUrl, url: link } = await upload(url(), bytes, { name: 'again.bin' })
    const line = await stallingProxy(new URL(url()), 3_000_000)
    t.teardown(() => line.close())
    const page = await context.newPage()
    await page.goto(link.replace(url(), line.url))
    const first = await press(page)
    const address = first.url()
    t.match(address, /\/download\/[\w-]{24}\?claim=[\w-]{43}$/)
    await first.cancel()
    t.equal(await first.failure(), 'canceled')
    line.release()
    const other = await context.newPage()
    const [second] = await Promise.all([
      other.waitForEvent('download', WAIT),
      other.goto(address).catch(() => undefined) // a navigation that becomes a download is no page
    ])
    await isRight(t, await second.path(), directUrl)
    await page.close()
    await other.close()
  })
})

/** A page of somebody else, on another origin. */
async function foreignPage(
  t: Test,
  html: string,
  headers: Record<string, string> = {}
): Promise<{ url: string; asked: string[] }> {
  const asked: string[] = []
  const server = createServer((request, response) => {
    if (request.url !== '/') asked.push(request.url ?? '')
    response.writeHead(200, { 'content-type': 'text/html', ...headers }).end(html)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, asked }
}

t.test('a browser that fetches ahead spends nothing', { skip }, async (t) => {
  const cluster = await startEdges(t)
  const { context } = await openBrowser(t)
  const { directUrl, url: link } = await upload(cluster.url(), sampleBytes(100_000))
  const rules = JSON.stringify({
    prefetch: [{ source: 'list', urls: [link, directUrl], eagerness: 'immediate' }],
    prerender: [{ source: 'list', urls: [link, directUrl], eagerness: 'immediate' }]
  })
  const html = `<!doctype html><title>chat</title>
    <link rel="prefetch" href="${directUrl}"><link rel="prefetch" href="${link}"><link rel="preload" as="fetch" href="${directUrl}">
    <script type="speculationrules">${rules}</script>
    <img src="${directUrl}"><iframe src="${link}"></iframe><a href="${directUrl}" ping="${directUrl}">file</a>`
  const { url } = await foreignPage(t, html)
  const page = await context.newPage()
  const requested = new Set<string>()
  context.on('request', (request) =>
    requested.add(`${request.url()} ${request.headers()['sec-purpose'] ?? ''}`)
  )
  await page.goto(url)
  await until('it has fetched ahead', () => [...requested].some((each) => each.startsWith(directUrl)))
  await page.waitForTimeout(1500)
  t.comment([...requested].map((each) => each.replace(/[\w-]{24}/, 'TOKEN')).join(', '))
  // the same from a page of the link's own site, where a prerendering is not held back
  await page.goto(link)
  await page.evaluate(`{
    const rules = document.createElement('script')
    rules.type = 'speculationrules'
    rules.textContent = ${JSON.stringify(rules)}
    document.head.append(rules)
    for (const href of ${JSON.stringify([link, directUrl])}) {
      const ahead = document.createElement('link')
      ahead.rel = 'prefetch'
      ahead.href = href
      document.head.append(ahead)
    }
  }`)
  await page.waitForTimeout(1500)
  t.equal(await claimsMade(cluster, directUrl), 0)
  t.equal(await askAsStranger(directUrl), 200, 'it is still there for whoever wants it')
})

t.test('files that want to be pages do not run, however they are opened', { skip }, async (t) => {
  const cluster = await startEdges(t, { config: { link: { budgetFactor: 50 } } })
  const { context } = await openBrowser(t)
  /** Says to its own site that it runs: anything of this that arrives is a script that ran. */
  const canary = `fetch('/ran-it').catch(() => {}); new Image().src = '/ran-it'; top.postMessage('ran', '*'); alert('ran')`
  const files: Array<[string, string, string]> = [
    ['page.html', 'text/html', `<!doctype html><script>${canary}</script><img src=x onerror="${canary}">`],
    [
      'picture.svg',
      'image/svg+xml',
      `<svg xmlns="http://www.w3.org/2000/svg" onload="${canary}"><script>${canary}</script></svg>`
    ],
    [
      'page.xhtml',
      'application/xhtml+xml',
      `<html xmlns="http://www.w3.org/1999/xhtml"><script>${canary}</script></html>`
    ],
    ['code.js', 'text/javascript', canary]
  ]
  const ran: string[] = []
  context.on('request', (request) => {
    if (request.url().includes('ran-it')) ran.push(request.url())
  })
  for (const [name, type, content] of files) {
    const put = await fetch(`${cluster.url()}/${name}`, {
      method: 'PUT',
      body: content,
      headers: { 'content-type': type, accept: 'application/json' }
    })
    const { directUrl, url: link } = (await put.json()) as { directUrl: string; url: string }
    const mine = `${directUrl}?claim=${newSecret()}`
    await (await fetch(mine)).arrayBuffer() // the claim exists: it outranks every guess about browsers
    const html = `<!doctype html><title>embeds</title><script>addEventListener('message', () => fetch('/ran-it'))</script>
      <iframe src="${mine}"></iframe><object data="${mine}" type="${type}"></object><embed src="${mine}" type="${type}">
      <img src="${mine}"><script src="${mine}"></script><link rel="stylesheet" href="${mine}">`
    const foreign = await foreignPage(t, html)
    const page = await context.newPage()
    page.on('dialog', (dialog) => {
      ran.push(`a dialog of ${name}`)
      void dialog.dismiss()
    })
    await page.goto(foreign.url)
    await page.waitForTimeout(800)
    const direct = page.waitForEvent('download', WAIT)
    await page.goto(mine).catch(() => undefined) // a download is no page
    t.equal((await direct).suggestedFilename(), name, 'opened by its address it is saved')
    await page.goto(link)
    t.same([...ran, ...foreign.asked.filter((each) => each.includes('ran-it'))], [], name)
    await page.close()
  }
})

t.test('naughty names do nothing in pages', { skip }, async (t) => {
  const cluster = await startEdges(t)
  const { context } = await openBrowser(t)
  const names = [
    ...(NAUGHTY_STRINGS['script'] ?? []),
    ...(NAUGHTY_STRINGS['headers and forms'] ?? []).slice(0, 6),
    ...(NAUGHTY_STRINGS['symbols and other scripts'] ?? []).slice(9, 14)
  ]
  const page = await context.newPage()
  const complaints: string[] = []
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('dialog', (dialog) => {
    complaints.push(`a dialog: ${dialog.message()}`)
    void dialog.dismiss()
  })
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text())
  })
  page.on('request', (request) => {
    if (!request.url().startsWith(cluster.url())) complaints.push(`asked ${request.url()}`)
  })
  for (const name of names) {
    const put = await fetch(`${cluster.url()}/${encodeURIComponent(name)}`, {
      method: 'PUT',
      body: 'x',
      headers: { accept: 'application/json' }
    })
    const { url: link } = (await put.json()) as { url: string }
    await page.goto(link)
    t.equal(await page.textContent('.file-name'), cleanName(name))
    t.same(complaints, [])
  }
})
