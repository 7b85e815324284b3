/** The sender's page in a real browser. Needs Chromium; where there is none the tests are skipped and say so, in CI they fail. */

import { mkdirSync } from 'node:fs'
import { chromium } from 'playwright-core'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import t from 'tap'
import { until } from '../kit/until.ts'
import { RawClient } from './clients.ts'
import { chromiumOptions, skip } from './chromium.ts'
import { sampleBytes, startEdges, upload } from './edge-cluster.ts'

t.setTimeout(400_000)

const WAIT = { timeout: 60_000 }
const PHONE = { viewport: { width: 360, height: 740 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true }
/** A folder for pictures of the page, to look at. */
const PICTURES = process.env['PEERBIN_PICTURES']
const SIZE = 30_000_000

t.test('the sender’s page in a browser', { skip }, async (t) => {
  const { url } = await startEdges(t, {
    config: { edge: { uploadBytesMax: SIZE, stallMs: 120_000 }, link: { reportIntervalMs: 50 } }
  })
  const browser: Browser = await chromium.launch(chromiumOptions())
  t.teardown(() => browser.close())

  /** A page whose console must stay clean: a blocked script or style would show there. */
  const open = async (
    at: string,
    options: BrowserContextOptions = {}
  ): Promise<{ page: Page; complaints: string[]; asked: string[] }> => {
    const context = await browser.newContext(options)
    context.setDefaultTimeout(WAIT.timeout)
    const page = await context.newPage()
    const complaints: string[] = []
    const asked: string[] = []
    page.on('pageerror', (error) => complaints.push(error.message))
    page.on('console', (message) => {
      if (message.type() === 'error' && !message.text().includes('the server responded with a status of'))
        complaints.push(message.text())
    })
    page.on('request', (request) => {
      asked.push(`${request.method()} ${request.url()}`)
      if (!request.url().startsWith(url())) complaints.push(`asked ${new URL(request.url()).origin}`)
      void request.headerValue('referer').then(
        (referrer) => Boolean(referrer) && complaints.push(`sent the referrer ${referrer}`),
        () => undefined // the page has gone on
      )
    })
    await page.goto(at)
    return { page, complaints, asked }
  }
  const picture = async (page: Page, name: string): Promise<void> => {
    if (PICTURES === undefined) return
    mkdirSync(PICTURES, { recursive: true })
    await page.screenshot({ path: `${PICTURES}/${name}.png`, fullPage: true })
  }
  /** Whether something reaches beyond the right edge of the window. */
  const isTooWide = (page: Page) =>
    page.evaluate<boolean>('document.documentElement.scrollWidth > document.documentElement.clientWidth')
  const begin = async (directUrl: string): Promise<RawClient> => {
    const client = await RawClient.open(directUrl)
    client.write(`GET ${new URL(directUrl).pathname} HTTP/1.1\r\nHost: x\r\n\r\n`)
    await until('the body has begun', () => client.bodyBytes > 0)
    client.socket.pause()
    return client
  }

  t.test('a download is seen while it runs, without loading the page again, and to its end', async (t) => {
    const share = await upload(url(), sampleBytes(SIZE), { name: 'holiday pictures.zip' })
    const { page, complaints } = await open(share.senderUrl)
    t.match(await page.textContent('.status'), 'nobody has downloaded it yet')
    t.notOk(await page.isVisible('[data-part="share"]'), 'the browser does not know the token')
    t.notOk(await page.isVisible('.unscripted'))
    await picture(page, 'desktop-waiting')
    await page.evaluate('window.isSame = true')
    await page.click('#preview summary')
    using client = await begin(share.directUrl)
    await page.waitForSelector('.claim[data-outcome="running"]', WAIT)
    await page.waitForSelector('.status[data-activity="downloading"] >> text=being downloaded now', WAIT)
    const covered = () => page.evaluate<number>('document.querySelector(".claim progress").value')
    await until('bytes are seen', async () => (await covered()) > 0)
    const before = await covered()
    t.ok(before < SIZE)
    t.equal(await page.textContent('[data-part="left"]'), '0 of 1')
    t.match(await page.textContent('#preview .picture'), 'This link has been used')
    t.ok(await page.isVisible('#preview .picture'), 'what was open is left open')
    await picture(page, 'desktop-downloading')
    client.socket.resume()
    await page.waitForSelector('.claim[data-outcome="finished"]', WAIT)
    await page.waitForSelector('.status[data-activity="done"]', WAIT)
    t.equal(await covered(), SIZE)
    t.equal(await page.locator('.claim').count(), 1)
    t.ok(await page.evaluate('window.isSame'), 'all of it on the page that was opened')
    await picture(page, 'desktop-finished')
    t.same(complaints, [])
  })

  t.test(
    'the page after an upload leads here, with the link to share, which no server is told',
    async (t) => {
      const { page, complaints, asked } = await open(url(), { permissions: ['clipboard-write'] })
      await page.setInputFiles('#file', {
        name: 'a.txt',
        mimeType: 'text/plain',
        buffer: Buffer.from('hello')
      })
      await page.click('#send')
      const link = await page.waitForSelector('.result #link', WAIT).then((field) => field.inputValue())
      await page.click('text=Follow and manage it')
      await page.waitForURL(/\/s\//, WAIT)
      await page.waitForSelector('[data-part="share"] #link', WAIT)
      t.equal(await page.inputValue('#link'), link)
      await page.click('[data-copy]')
      await page.waitForSelector('[data-copy] >> text=Copied', WAIT)
      await page.selectOption('#longer', { label: '1 day longer' })
      const asking = asked.length
      await page.click('text="Extend"')
      await until('the page has come back', async () => asked.length > asking + 1)
      await page.waitForSelector('[data-part="share"] #link', WAIT)
      t.equal(await page.inputValue('#link'), link, 'after a form was sent too')
      const { pathname, hash } = new URL(link)
      const secrets = [pathname.split('/').at(-1) ?? '', hash.slice(1)]
      // what is behind a # is not sent
      const sent = asked.map((each) => each.split('#')[0] ?? '')
      t.ok(hash.length > 40, 'it is encrypted')
      t.same(
        sent.filter((each) => secrets.some((secret) => each.includes(secret))),
        []
      )
      t.same(complaints, [])
    }
  )

  t.test('a link is extended, and withdrawn after a second thought', async (t) => {
    const share = await upload(url(), sampleBytes(1000), { name: 'a.txt' })
    const { page, complaints } = await open(share.senderUrl)
    const other = await open(share.senderUrl)
    await page.selectOption('#longer', { label: 'as long as possible' })
    await page.click('text="Extend"')
    await page.waitForSelector('#sent:not(:has(#longer))', WAIT)
    const expires = await page.getAttribute('#sent', 'data-expires')
    t.equal(Math.round((Date.parse(expires ?? '') - Date.parse(share.expiresAt)) / 86_400_000), 28)
    await other.page.waitForSelector(`#sent[data-expires="${expires}"]`, WAIT)
    t.notOk(await page.isVisible('text=Withdraw it for good'), 'one press withdraws nothing')
    await page.click('#withdraw summary')
    await picture(page, 'desktop-withdraw')
    await page.click('text=Withdraw it for good')
    await page.waitForSelector('.status >> text=You withdrew it', WAIT)
    await other.page.waitForSelector('.status >> text=You withdrew it', WAIT)
    t.notOk(await other.page.isVisible('#withdraw'), 'and another window of the page sees it')
    await picture(page, 'desktop-withdrawn')
    t.same([...complaints, ...other.complaints], [])
  })

  t.test('without JavaScript it is a page with forms and a link to load it again', async (t) => {
    const share = await upload(url(), sampleBytes(1000), { name: 'a.txt', fields: { downloads: '2' } })
    const { page } = await open(share.senderUrl, { javaScriptEnabled: false })
    await (await fetch(share.directUrl)).arrayBuffer()
    await until('the download is seen', async () => {
      await page.click('text=Reload')
      return await page.isVisible('.claim[data-outcome="finished"]')
    })
    await picture(page, 'desktop-unscripted')
    await page.selectOption('#longer', { label: '3 days longer' })
    await page.click('text="Extend"')
    const expires = await page.getAttribute('#sent', 'data-expires')
    t.equal(Date.parse(expires ?? '') - Date.parse(share.expiresAt), 3 * 86_400_000)
    await page.click('#withdraw summary')
    await page.click('text=Withdraw it for good')
    t.match(await page.textContent('.status'), 'You withdrew it')
  })

  t.test('on a phone, in the dark, with a long name, nothing is cut off', async (t) => {
    const name = `${'Überlänge-ohne-Leerzeichen'.repeat(5)}.tar.gz`
    const share = await upload(url(), sampleBytes(SIZE), { name, fields: { downloads: '5' } })
    await (await fetch(share.directUrl)).arrayBuffer()
    const broken = await begin(share.directUrl)
    using _client = broken
    for (const colorScheme of ['light', 'dark'] as const) {
      const token = share.url.split('/').at(-1) ?? ''
      const { page, complaints } = await open(`${share.senderUrl}#${token}`, { ...PHONE, colorScheme })
      await page.waitForSelector('.claim[data-outcome="running"]', WAIT)
      t.notOk(await isTooWide(page))
      await page.click('#withdraw summary')
      await page.click('#preview summary')
      t.notOk(await isTooWide(page), 'with everything opened')
      await picture(page, `phone-${colorScheme}`)
      t.same(complaints, [])
    }
    const { page } = await open(share.senderUrl, { colorScheme: 'dark' })
    await picture(page, 'desktop-dark')
  })

  t.test('a wrong address, and a server that is away', async (t) => {
    const wrong = await open(`${url()}/s/${'x'.repeat(24)}`)
    t.match(await wrong.page.textContent('h1'), 'This link does not exist')
    const share = await upload(url(), sampleBytes(10))
    const { page } = await open(share.senderUrl)
    await page.context().setOffline(true)
    await page.waitForSelector('[data-part="stale"]:not([hidden])', WAIT)
    await page.context().setOffline(false)
    await page.waitForSelector('[data-part="stale"][hidden]', { ...WAIT, state: 'attached' })
  })

  t.test('a page that nobody looks at asks nothing', async (t) => {
    const share = await upload(url(), sampleBytes(10))
    const { page, asked } = await open(share.senderUrl)
    await page.evaluate(`{
      Object.defineProperty(document, 'hidden', { configurable: true, value: true })
      document.dispatchEvent(new Event('visibilitychange'))
    }`)
    await new Promise((resolve) => setTimeout(resolve, 4000)) // one that was under way, or planned
    const asking = asked.length
    await new Promise((resolve) => setTimeout(resolve, 7000))
    t.equal(asked.length, asking)
    await page.evaluate(`{
      Object.defineProperty(document, 'hidden', { configurable: true, value: false })
      document.dispatchEvent(new Event('visibilitychange'))
    }`)
    await until('it asks again', () => asked.length > asking)
  })
})
