/** Files that are encrypted in one browser and read in another. Needs Chromium; where there is none the tests are skipped and say so, in CI they fail. */

import { mkdirSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { spawnSync } from 'node:child_process'
import type { Browser, Download } from 'playwright-core'
import t from 'tap'
import { startEdges, sampleBytes } from '../edge/edge-cluster.ts'
import type { EdgeCluster } from '../edge/edge-cluster.ts'
import { WAIT, downloadBy, linkOf, openBrowser, visit } from '../edge/browser-kit.ts'
import { skip } from '../edge/chromium.ts'
import { cuttingProxy } from '../kit/cutting-proxy.ts'
import { tappedLine } from '../kit/tapped-line.ts'
import { testFolder } from '../kit/test-folder.ts'
import type { TappedLine } from '../kit/tapped-line.ts'

t.setTimeout(300_000)

const HOST = 'files.example'
const NAME = 'Gehaltsliste für Zoë.csv'
/** Stands in the file again and again, so that any part of it would show. */
const MARK = 'this line is nobody’s business\n'
const text = Buffer.from(MARK.repeat(3000))

/** All bytes that nodes keep. */
async function storedBytes({ cluster }: EdgeCluster): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  for (const { store } of cluster.nodes)
    for (const { id } of await store.list({ limit: 10_000 })) pieces.push(await store.get(id))
  return Buffer.concat(pieces)
}

/** What of a file or its link is in these bytes. */
function findings(bytes: Buffer, secret: string): string[] {
  const words = [MARK.trim(), 'Gehaltsliste', encodeURIComponent('für'), 'text/csv', secret, '3000000']
  const forms = words.flatMap((word) => [word, Buffer.from(word).toString('base64').slice(0, -4)])
  return forms.filter((form) => bytes.includes(form))
}

t.test('files that are encrypted in the page', { skip }, async (t) => {
  const cluster = await startEdges(t, { edges: 2, config: { edge: { uploadBytesMax: 40_000_000 } } })
  const { url } = cluster
  const browser: Browser = await openBrowser(t, { names: [HOST] })
  const dir = testFolder(t)
  const line: TappedLine = await tappedLine(t, url())
  const file = { name: NAME, mimeType: 'text/csv', buffer: text }

  for (const origin of [line.url, `http://${HOST}:${line.port}`]) {
    const isPlain = origin.includes(HOST)
    t.test(
      `reach the recipient and nobody else, ${isPlain ? 'over plain HTTP' : 'with WebCrypto'}`,
      async (t) => {
        const sender = await visit(browser, origin)
        await sender.page.goto(origin)
        t.equal(await sender.page.evaluate('isSecureContext'), !isPlain)
        t.equal(
          await sender.page.isVisible('#unprotected'),
          isPlain,
          'a word when the connection is not protected'
        )
        t.ok(await sender.page.isChecked('#encrypted'), 'it is encrypted unless somebody says otherwise')
        await sender.page.setInputFiles('#file', file)
        await sender.page.click('#send')
        const link = await linkOf(sender.page)
        const secret = new URL(link).hash.slice(1)
        t.match(link, new RegExp(`^${origin}/d/[\\w-]{24}#[\\w-]{43}$`))
        t.same(findings(line.said(), secret), [], 'nothing of it was sent')
        t.same(findings(await storedBytes(cluster), secret), [], 'and nodes keep nothing that can be read')

        const recipient = await visit(browser, origin)
        await recipient.page.goto(link)
        await recipient.page.waitForSelector('#download', WAIT)
        t.equal(await recipient.page.textContent('.file-name'), NAME)
        t.equal(await recipient.page.isVisible('#unprotected'), isPlain)
        t.match(await recipient.page.textContent('#next'), 'can be downloaded once')
        const saved = await downloadBy(recipient.page, '#download')
        t.equal(saved.name, NAME)
        t.ok(saved.bytes.equals(text), 'every byte is right')
        await recipient.page.waitForSelector('#outcome >> text=was verified', WAIT)
        await recipient.page.reload()
        const again = await downloadBy(recipient.page, '#download')
        t.ok(again.bytes.equals(text), 'whoever loads the page again is still the recipient')

        const late = await visit(browser, origin)
        const answer = await late.page.goto(link)
        t.equal(answer?.status(), 410)
        t.equal(await late.page.textContent('h1'), 'This link has been used')
        t.same(findings(line.said(), secret), [], 'and the key was sent by nobody')
        t.same([...sender.complaints, ...recipient.complaints, ...late.complaints], [])
      }
    )
  }

  t.test('a folder is one link, and comes out as an archive or file by file', async (t) => {
    const folder = join(dir, 'Sommer')
    mkdirSync(join(folder, 'Strand'), { recursive: true })
    const picture = sampleBytes(5_000_000)
    writeFileSync(join(folder, 'Strand', 'Möwe.jpg'), picture)
    writeFileSync(join(folder, 'leer.txt'), '')
    writeFileSync(join(folder, 'liste.txt'), text)
    const sender = await visit(browser, url())
    // what phones have
    await sender.page.addInitScript('navigator.share = async (what) => { globalThis.shared = what }')
    await sender.page.goto(url())
    const devtools = await sender.page.context().newCDPSession(sender.page)
    const dropped = { x: 300, y: 300, data: { items: [], files: [folder], dragOperationsMask: 1 } }
    for (const type of ['dragEnter', 'dragOver', 'drop'] as const)
      await devtools.send('Input.dispatchDragEvent', { type, ...dropped })
    await sender.page.waitForSelector('.files-total >> text=3 files', WAIT)
    await sender.page.click('text=Remove all')
    await sender.page.setInputFiles('#folder', folder)
    t.match(await sender.page.textContent('.files-total'), '3 files')
    await sender.page.click('#send')
    const link = await linkOf(sender.page)
    await sender.page.click('#share')
    t.same(await sender.page.evaluate('globalThis.shared'), { url: link })
    const { page, complaints } = await visit(browser, url())
    await page.goto(link)
    await page.waitForSelector('#files', WAIT)
    t.equal(await page.textContent('.file-name'), 'Sommer')
    const zip = await downloadBy(page, '#download')
    t.equal(zip.name, 'Sommer.zip')
    const path = join(dir, 'sommer.zip')
    writeFileSync(path, zip.bytes)
    const tested = spawnSync('unzip', ['-t', path])
    if (tested.error === undefined) t.equal(tested.status, 0, 'the archive is whole')
    t.ok(zip.bytes.includes(picture), 'and has its files as they are')
    await page.waitForSelector('#outcome >> text=was verified', WAIT)
    const one = await downloadBy(page, '#files li:has-text("Möwe") button')
    t.equal(one.name, 'Möwe.jpg')
    t.ok(one.bytes.equals(picture))
    t.same([...complaints, ...sender.complaints], [])
  })

  t.test('without its key, or with another one, a link says so and stays as it is', async (t) => {
    const sender = await visit(browser, url())
    await sender.page.goto(url())
    await sender.page.setInputFiles('#file', file)
    await sender.page.click('#send')
    const link = await linkOf(sender.page)
    const [address = '', secret = ''] = link.split('#')
    const { page, complaints } = await visit(browser, url())
    await page.goto(address)
    await page.waitForSelector('#no-key', WAIT)
    t.notOk(await page.isVisible('#download'))
    await page.goto(`${address}#${secret.slice(0, -3)}`)
    await page.waitForSelector('#no-key', WAIT)
    await page.goto(`${address}#${'A'.repeat(43)}`)
    await page.waitForSelector('#wrong-key', WAIT)
    await page.goto(link) // only the part behind the # is another one
    const saved = await downloadBy(page, '#download')
    t.ok(saved.bytes.equals(text), 'the whole link works in the same window')
    t.same(complaints, [])
  })

  t.test('an upload and a download go on over a line that breaks, with another edge', async (t) => {
    const bytes = sampleBytes(6_000_000, 7)
    const up = await tappedLine(t, url(1))
    up.cutAfter(3_000_000)
    const sender = await visit(browser, up.url)
    await sender.page.goto(up.url)
    await sender.page.setInputFiles('#file', { ...file, buffer: bytes })
    await sender.page.click('#send')
    await sender.page.waitForSelector('#waiting', WAIT)
    up.restore()
    await sender.page.click('#retry')
    const link = await linkOf(sender.page)

    const down = await cuttingProxy(t, url(), { afterBytes: 4_000_000, nextTarget: url(1) })
    const recipient = await visit(browser, down.url)
    const ranges: string[] = []
    recipient.page.on('request', (request) => ranges.push(request.headers()['range'] ?? ''))
    await recipient.page.goto(link.replace(up.url, down.url))
    const saved = await downloadBy(recipient.page, '#download')
    t.ok(saved.bytes.equals(bytes), 'every byte is right')
    t.equal(down.cuts, 1)
    t.match(
      ranges.filter(Boolean),
      [/^bytes=0-/, /^bytes=[123]\d{6}-/],
      'what had arrived is not fetched again'
    )
    t.same([...recipient.complaints, ...sender.complaints], [])
  })

  t.test('an upload goes on after the page was loaded anew, if the file is still the same', async (t) => {
    const bytes = sampleBytes(9_000_000, 3)
    const path = join(dir, 'film.bin')
    const write = (content: Buffer): void => {
      writeFileSync(path, content)
      utimesSync(path, 1_700_000_000, 1_700_000_000)
    }
    const begin = async () => {
      const up = await tappedLine(t, url())
      const sender = await visit(browser, up.url)
      const offsets: number[] = []
      sender.page.on('request', (request) => {
        const offset = request.headers()['upload-offset']
        if (request.method() === 'PATCH' && offset !== undefined) offsets.push(Number(offset))
      })
      await sender.page.goto(up.url)
      await sender.page.setInputFiles('#file', path)
      up.cutAfter(8_700_000)
      await sender.page.click('#send')
      await sender.page.waitForSelector('#waiting', WAIT)
      await sender.page.goto('about:blank')
      up.restore()
      await sender.page.goto(up.url)
      await sender.page.waitForSelector('#resume', WAIT)
      offsets.length = 0
      return { ...sender, offsets }
    }
    const arrived = async (link: string): Promise<Buffer> => {
      const { page } = await visit(browser, url())
      await page.goto(link)
      const { bytes: got } = await downloadBy(page, '#download')
      await page.close()
      return got
    }
    write(bytes)
    const same = await begin()
    await same.page.setInputFiles('#file', { ...file, buffer: bytes })
    t.match(await same.page.textContent('#problem'), 'not the same', 'another name')
    await same.page.click('.icon-button')
    await same.page.setInputFiles('#file', path)
    const link = await linkOf(same.page)
    t.equal(same.offsets.length, 1, 'in one piece')
    t.ok((same.offsets[0] ?? 0) >= 8_388_608, 'only the rest was sent')
    t.ok(bytes.equals(await arrived(link)))
    t.equal(await same.page.evaluate('localStorage.length'), 0, 'the key is not kept any longer')
    t.same(same.complaints, [])

    const other = Buffer.from(bytes)
    other[5_000_000] = (other[5_000_000] ?? 0) ^ 1
    write(bytes)
    const changed = await begin()
    const kept = await changed.page.evaluate<string>(
      `JSON.parse(localStorage.getItem('peerbin:upload')).secret`
    )
    write(other)
    await changed.page.setInputFiles('#file', path)
    const newLink = await linkOf(changed.page)
    t.equal(changed.offsets[0], 0, 'a file that has changed is sent from its beginning')
    t.notMatch(newLink, kept, 'and never with the same key')
    t.ok(other.equals(await arrived(newLink)))
    t.same(changed.complaints, [])
  })

  t.test('what another window sends is neither sealed anew nor given up', async (t) => {
    const path = join(dir, 'two.csv')
    writeFileSync(path, text)
    utimesSync(path, 1_700_000_000, 1_700_000_000)
    const { page, complaints } = await visit(browser, url())
    await page.goto(url())
    /** As another window leaves it: an upload that was begun, and up to where its key has sealed bytes. */
    const begin = async (secret: string): Promise<string> => {
      const pairs = { encryption: 'aes256gcm-1', proofhash: 'ab'.repeat(32), indexbytes: '1024' }
      const made = await fetch(`${url()}/files/`, {
        method: 'POST',
        headers: {
          'tus-resumable': '1.0.0',
          'upload-length': '100000',
          'upload-metadata': Object.entries(pairs)
            .map(([key, value]) => `${key} ${Buffer.from(value).toString('base64')}`)
            .join()
        }
      })
      const address = made.headers.get('location') ?? ''
      const entry = { path: 'two.csv', sizeBytes: text.byteLength, crc32: 0, modifiedAt: 1_700_000_000_000 }
      const index = { name: 'two.csv', entries: [{ ...entry, mediaType: 'text/csv' }] }
      const kept = { v: 1, url: address, index, isFolder: false, secret, hasPassword: false }
      const terms = { downloads: 1, seconds: 3600, expiresAt: Date.now() + 3_600_000 }
      await page.evaluate(
        (texts) => {
          localStorage.setItem('peerbin:upload', texts[0] ?? '')
          localStorage.setItem('peerbin:upload-mark', texts[1] ?? '')
        },
        [
          { ...kept, ...terms },
          { url: address, at: 0, value: '' }
        ].map((each) => JSON.stringify(each))
      )
      return address
    }
    const secret = 'A'.repeat(43)
    const address = await begin(secret)
    await page.reload()
    await page.waitForSelector('#resume', WAIT)
    await page.evaluate(
      (mark) => localStorage.setItem('peerbin:upload-mark', mark),
      JSON.stringify({ url: address, at: 1000, value: '00000000' })
    )
    await page.setInputFiles('#file', path)
    t.not(new URL(await linkOf(page)).hash.slice(1), secret, 'other bytes, another key')

    await page.goto(url())
    await page.route(/\/files\/./, (route) =>
      route.request().method() === 'PATCH' ? route.abort() : route.continue()
    )
    await page.setInputFiles('#file', path)
    await page.click('#send')
    await page.waitForSelector('#waiting', WAIT)
    const other = await begin(secret)
    await page.click('#cancel')
    await page.waitForSelector('#problem .error', WAIT)
    await page.waitForLoadState('networkidle')
    const head = await fetch(other, { method: 'HEAD', headers: { 'tus-resumable': '1.0.0' } })
    t.equal(head.status, 200, 'the other one is still there')
    t.match(await page.evaluate(`localStorage.getItem('peerbin:upload')`), other, 'and can go on')
    t.same(complaints, [])
  })

  t.test('an upload whose last answer was lost has its link when the page comes back', async (t) => {
    const { page, complaints } = await visit(browser, url())
    await page.route(/\/files\/./, async (route) => {
      if (route.request().method() !== 'PATCH') return await route.continue()
      await route.fetch()
      await route.abort()
    })
    await page.goto(url())
    await page.setInputFiles('#file', file)
    await page.click('#send')
    await page.waitForSelector('#waiting', WAIT)
    await page.goto('about:blank')
    await page.goto(url())
    const link = await linkOf(page)
    await page.goto(link)
    t.ok((await downloadBy(page, '#download')).bytes.equals(text))
    t.same(complaints, [])
  })

  t.test('a link whose answer was lost is not lost when the page is loaded anew', async (t) => {
    const { page } = await visit(browser, url())
    await page.goto(url())
    await page.setInputFiles('#file', file)
    await page.click('#send')
    const link = await linkOf(page)
    await page.goto(link)
    await page.route(/\/d\/.*claim=/, async (route) => {
      if (route.request().method() !== 'POST') return await route.continue()
      await route.fetch({ maxRedirects: 0 })
      await route.abort()
    })
    await page.click('#download', WAIT)
    await page.waitForSelector('#outcome .error', WAIT)
    await page.unrouteAll()
    await page.reload()
    t.ok((await downloadBy(page, '#download')).bytes.equals(text))
  })

  t.test('with a password too, and in a browser that keeps nothing', async (t) => {
    const forgetful = `Object.defineProperty(window, 'localStorage', { get() { throw new Error('none') } })`
    const sender = await visit(browser, url())
    await sender.page.addInitScript(forgetful)
    await sender.page.goto(url())
    await sender.page.setInputFiles('#file', file)
    await sender.page.click('.more summary')
    await sender.page.fill('#password', 'Großmutters Geburtstag ')
    await sender.page.click('#send')
    const { page, complaints } = await visit(browser, url())
    await page.goto(await linkOf(sender.page))
    await page.fill('#password', 'a guess')
    await page.click('#unlock')
    await page.waitForSelector('#problem >> text=not the password', WAIT)
    await page.fill('#password', 'Großmutters Geburtstag ')
    await page.click('#unlock')
    t.ok((await downloadBy(page, '#download')).bytes.equals(text))
    t.same([...complaints, ...sender.complaints], [])
  })

  for (const size of [text.byteLength, 4_500_000])
    t.test(`what was changed on its way is never saved, ${size} bytes`, async (t) => {
      const bytes = Buffer.concat([text, sampleBytes(size - text.byteLength)])
      const sender = await visit(browser, url())
      await sender.page.goto(url())
      await sender.page.setInputFiles('#file', { ...file, buffer: bytes })
      await sender.page.click('#send')
      const { page, complaints } = await visit(browser, url())
      await page.route('**/download/**', async (route) => {
        const response = await route.fetch()
        const body = await response.body()
        body[body.byteLength - 20] = (body[body.byteLength - 20] ?? 0) ^ 1
        await route.fulfill({ response, body })
      })
      await page.goto(await linkOf(sender.page))
      const downloads: Download[] = []
      page.on('download', (download) => downloads.push(download))
      await page.click('#download')
      await page.waitForSelector('#outcome .error', WAIT)
      t.match(await page.textContent('#outcome'), 'could not be verified')
      for (const download of downloads) t.ok(await download.failure(), 'the browser’s own download fails')
      t.equal(downloads.length, size > 4 * 1024 * 1024 ? 1 : 0)
      await page.unroute('**/download/**')
      t.ok((await downloadBy(page, '#download')).bytes.equals(bytes), 'and it can be had again')
      t.same(complaints, [])
    })
})
