/** The pages in a real browser, for files that are not encrypted. Needs Chromium; where there is none the tests are skipped and say so, in CI they fail. */

import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { BrowserContextOptions, Page } from 'playwright-core'
import t from 'tap'
import { WAIT, downloadBy, linkOf, openBrowser, visit } from './browser-kit.ts'
import { skip } from './chromium.ts'
import { sampleBytes, startEdges, upload } from './edge-cluster.ts'
import { until } from '../kit/until.ts'
import { testFolder } from '../kit/test-folder.ts'

const NAME = 'holiday pictures.zip'

t.test('pages in a browser', { skip }, async (t) => {
  const { url } = await startEdges(t)
  const browser = await openBrowser(t)
  const bytes = sampleBytes(5_000_000)
  const dir = testFolder(t, { [NAME]: bytes, 'small.txt': 'a few words' })
  const path = join(dir, NAME)
  const open = (options?: BrowserContextOptions) => visit(browser, url(), options)
  const downloaded = async (page: Page): Promise<Buffer> => {
    const { name, bytes: got } = await downloadBy(page, 'button[type=submit]')
    t.equal(name, NAME)
    return got
  }
  /** Chooses a file and sends it as it is. */
  const send = async (page: Page, file = path): Promise<string> => {
    await page.goto(url())
    await page.setInputFiles('#file', file)
    await page.uncheck('#encrypted', { force: true })
    await page.click('#send')
    return await linkOf(page)
  }

  t.test(
    'a file goes up, its link is opened, the button fetches it, and a second attempt shows the used page',
    async (t) => {
      const { page, complaints } = await open({ permissions: ['clipboard-write'] })
      const link = await send(page)
      t.match(link, new RegExp(`^${url()}/d/[\\w-]{24}$`))
      t.ok(await page.evaluate(`document.activeElement?.id === 'ready'`), 'the focus is on the result')
      await page.click('#copy')
      await page.waitForSelector('#copy >> text=Copied', WAIT)

      const recipient = await open()
      await recipient.page.goto(link)
      t.ok(bytes.equals(await downloaded(recipient.page)))
      await recipient.page.waitForSelector('text=The download has started', WAIT)
      t.ok(
        bytes.equals(await downloaded(recipient.page)),
        'pressed again on the same page it is the same download'
      )
      await recipient.page.goto(link)
      t.equal(await recipient.page.textContent('h1'), 'This link has been used')

      const late = await open()
      const answer = await late.page.goto(link)
      t.equal(answer?.status(), 410)
      t.same([...complaints, ...recipient.complaints, ...late.complaints], [])
    }
  )

  t.test('a direct link that is opened in a browser shows the page and spends nothing', async (t) => {
    const { directUrl } = await upload(url(), bytes, { name: NAME })
    const { page, complaints } = await open()
    for (let i = 0; i < 3; i++) await page.goto(directUrl)
    t.equal(await page.textContent('.file-name'), NAME)
    t.ok(bytes.equals(await downloaded(page)))
    t.same(complaints, [])
  })

  t.test('without JavaScript the form sends itself', async (t) => {
    const { page } = await open({ javaScriptEnabled: false })
    await page.goto(url())
    await page.setInputFiles('#file', { name: 'empty.txt', mimeType: 'text/plain', buffer: Buffer.alloc(0) })
    await page.click('#send')
    t.match(await page.textContent('[role=alert]'), 'The file is empty')
    await page.setInputFiles('#file', path)
    await page.selectOption('#expires', '3600')
    await page.selectOption('#downloads', '2')
    await page.click('#send')
    const link = await linkOf(page)
    t.match(await page.textContent('.result'), '2 times')
    t.notOk(await page.isVisible('[data-copy]'), 'what needs a script does not show')
    await page.goto(link)
    t.ok(bytes.equals(await downloaded(page)))
  })

  t.test('files are dropped and pasted, several at a time, and wrong ones are told at once', async (t) => {
    const { page, complaints } = await open()
    await page.goto(url())
    const give = async (
      event: 'drop' | 'paste',
      files: Array<{ name: string; size: number }>
    ): Promise<void> => {
      await page.evaluate(
        `{
          const transfer = new DataTransfer()
          for (const { name, size } of ${JSON.stringify(files)}) transfer.items.add(new File([new Uint8Array(size)], name))
          document.dispatchEvent(${event === 'drop' ? `new DragEvent('drop', { dataTransfer: transfer, cancelable: true })` : `new ClipboardEvent('paste', { clipboardData: transfer })`})
        }`
      )
    }
    await give('drop', [{ name: 'dropped.txt', size: 5 }])
    await page.waitForSelector('#chosen >> text=dropped.txt', WAIT)
    await give('paste', [{ name: 'pasted.png', size: 2048 }])
    await page.waitForSelector('.files-total >> text=2 files', WAIT)
    await page.click('[aria-label="Remove dropped.txt"]')
    t.match(await page.textContent('#chosen'), /^pasted.png2 KB$/)
    await page.click('[aria-label="Remove pasted.png"]')
    await give('drop', [{ name: 'nothing', size: 0 }])
    await page.waitForSelector('#problem >> text=nothing in these files', WAIT)
    await give('drop', [{ name: 'large.bin', size: 11 * 1024 * 1024 }])
    await page.waitForSelector('#problem >> text=at most 10 MB', WAIT)
    await page.click('#send')
    t.ok(await page.isVisible('#problem .notice'), 'and it is not sent')
    await page.click('.text-button')
    t.notOk(await page.isVisible('#problem .notice'))
    await give('drop', [
      { name: 'fine.txt', size: 5 },
      { name: 'fine.txt', size: 6 }
    ])
    await page.uncheck('#encrypted', { force: true })
    await page.click('#send')
    const link = await linkOf(page)
    await page.goto(link)
    t.match(await page.textContent('main'), 'fine (2).txt', 'names that are the same are told apart')
    t.same(complaints, [])
  })

  t.test('an upload shows how far it is, and can be cancelled and sent again', async (t) => {
    const { page, complaints } = await open()
    await page.goto(url())
    const devtools = await page.context().newCDPSession(page)
    await devtools.send('Network.enable')
    const throttle = (uploadThroughput: number) =>
      devtools.send('Network.emulateNetworkConditions', {
        offline: false,
        latency: 0,
        downloadThroughput: -1,
        uploadThroughput
      })
    await throttle(1_000_000)
    await page.setInputFiles('#file', path)
    await page.click('#send')
    await page.waitForSelector(String.raw`#speed >> text=/^.* of 4\.8 MB · .*\/s, \d+ seconds? left$/`, WAIT)
    await page.click('#cancel')
    t.match(await page.textContent('#problem'), 'cancelled')
    t.equal(await page.evaluate('localStorage.length'), 0, 'nothing of it is kept')
    await throttle(-1)
    await page.click('#send')
    await linkOf(page)
    t.same(complaints, [])
  })

  for (const javaScriptEnabled of [true, false]) {
    t.test(
      `a password is chosen and asked for, wrong and right, ${javaScriptEnabled ? 'with' : 'without'} JavaScript`,
      async (t) => {
        const sender = await open({ javaScriptEnabled })
        await sender.page.goto(url())
        await sender.page.setInputFiles('#file', path)
        if (javaScriptEnabled) await sender.page.uncheck('#encrypted', { force: true })
        await sender.page.click('.more summary')
        await sender.page.fill('#password', 'Großmutters Geburtstag')
        await sender.page.click('#send')
        const link = await linkOf(sender.page)
        t.match(await sender.page.textContent('.result'), 'asked for before the download')

        const { page, complaints } = await open({ javaScriptEnabled })
        await page.goto(link)
        t.notMatch(await page.content(), 'holiday')
        await page.fill('#password', 'a guess')
        const [answer] = await Promise.all([
          page.waitForResponse((response) => response.request().method() === 'POST', WAIT),
          page.click('button[type=submit]')
        ])
        t.equal(answer.status(), 403)
        await page.waitForSelector('[role=alert]', WAIT)
        t.match(await page.textContent('[role=alert]'), 'That is not the password')
        t.equal(await page.inputValue('#password'), '')
        if (javaScriptEnabled)
          t.ok(await page.evaluate(`document.activeElement?.id === 'password'`), 'the focus is on the field')
        await page.fill('#password', 'Großmutters Geburtstag')
        t.ok(bytes.equals(await downloaded(page)))
        await page.goto(link)
        t.equal(await page.textContent('h1'), 'This link has been used')
        t.same([...complaints, ...sender.complaints], [])
      }
    )
  }

  t.test('the link is there as a QR code too, black on white in the dark', async (t) => {
    const { page, complaints } = await open({ colorScheme: 'dark' })
    const link = await send(page, join(dir, 'small.txt'))
    await page.click('.qr-more summary')
    const code = page.getByRole('img', { name: 'QR code of the link' })
    t.ok(await code.isVisible())
    const picture = join(dir, 'code.png')
    writeFileSync(picture, await code.screenshot())
    const reader = spawnSync('zbarimg', ['--quiet', '--raw', '-Sdisable', '-Sqrcode.enable', picture])
    if (reader.error === undefined) t.equal(reader.stdout.toString().trim(), link, 'and is read as that')
    else t.equal(process.env['CI'], undefined, 'CI needs zbarimg')
    t.same(complaints, [])
  })

  t.test('a sender withdraws a link from the page, and shares something else', async (t) => {
    const { page, complaints } = await open()
    const link = await send(page, join(dir, 'small.txt'))
    await page.click('#withdraw')
    await page.waitForSelector('text=The link was withdrawn', WAIT)
    await page.click('#again')
    t.ok(await page.isVisible('#file + label'))
    await page.goto(link)
    t.equal(await page.textContent('h1'), 'This link was withdrawn')
    t.same(complaints, [])
  })

  t.test('what cannot be had has a page that says why', async (t) => {
    const { page, complaints } = await open()
    await page.goto(`${url()}/d/${'x'.repeat(24)}`)
    t.equal(await page.textContent('h1'), 'This link does not exist')
    const expired = await upload(url(), sampleBytes(10), { fields: { expires: '1' } })
    await until('its time is over', async () => (await page.goto(expired.url))?.status() === 410)
    t.equal(await page.textContent('h1'), 'This link has expired')
    await page.goto(`${url()}/nothing/here`)
    t.equal(await page.textContent('h1'), 'There is nothing here')
    t.same(complaints, [])
  })
})
