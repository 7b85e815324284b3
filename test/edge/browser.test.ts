/** The pages in a real browser. Needs Chromium; where there is none the tests are skipped and say so, in CI they fail. */

import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { chromium } from 'playwright-core'
import type { Browser, Page } from 'playwright-core'
import t from 'tap'
import { chromiumOptions, skip } from './chromium.ts'
import { sampleBytes, startEdges, upload } from './edge-cluster.ts'
import { testFolder } from '../kit/test-folder.ts'

const WAIT = { timeout: 30_000 }

t.test('pages in a browser', { skip }, async (t) => {
  const { url } = await startEdges(t)
  const browser: Browser = await chromium.launch(chromiumOptions())
  t.teardown(() => browser.close())
  const bytes = sampleBytes(9_000_000)
  const dir = testFolder(t, { 'holiday pictures.zip': bytes })
  const path = `${dir}/holiday pictures.zip`

  /** A page whose console must stay clean: a blocked script or style would show there. */
  const open = async (
    options: { javaScriptEnabled?: boolean; colorScheme?: 'dark' } = {}
  ): Promise<{ page: Page; complaints: string[] }> => {
    const context = await browser.newContext(options)
    const page = await context.newPage()
    const complaints: string[] = []
    page.on('pageerror', (error) => complaints.push(error.message))
    page.on('console', (message) => {
      // the browser reports every answer of 400 and above; those are meant here
      if (message.type() === 'error' && !message.text().includes('the server responded with a status of'))
        complaints.push(message.text())
    })
    page.on('request', (request) => {
      if (!request.url().startsWith(url())) complaints.push(`asked ${new URL(request.url()).origin}`)
    })
    return { page, complaints }
  }
  const downloaded = async (page: Page): Promise<Buffer> => {
    const [download] = await Promise.all([
      page.waitForEvent('download', WAIT),
      page.click('button[type=submit]')
    ])
    t.equal(download.suggestedFilename(), 'holiday pictures.zip')
    return readFileSync(await download.path())
  }

  t.test(
    'a file goes up, its link is opened, the button fetches it, and a second attempt shows the used page',
    async (t) => {
      const { page, complaints } = await open()
      await page.goto(url())
      await page.setInputFiles('#file', path)
      t.match(await page.textContent('#chosen'), 'holiday pictures.zip')
      await page.click('#send')
      const link = await page.waitForSelector('.result #link', WAIT).then((field) => field.inputValue())
      t.match(link, new RegExp(`^${url()}/d/[\\w-]{24}$`))
      t.ok(await page.evaluate(`document.activeElement?.id === 'ready'`), 'the focus is on the result')
      await page.click('[data-copy]')
      await page.waitForSelector('[data-copy] >> text=Copied', WAIT)

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
    const { directUrl } = await upload(url(), bytes, { name: 'holiday pictures.zip' })
    const { page, complaints } = await open()
    for (let i = 0; i < 3; i++) await page.goto(directUrl)
    t.equal(await page.textContent('.file-name'), 'holiday pictures.zip')
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
    await page.fill('#downloads', '2')
    await page.click('#send')
    const link = await page.waitForSelector('.result #link', WAIT).then((field) => field.inputValue())
    t.match(await page.textContent('.result'), '2 times')
    t.notOk(await page.isVisible('[data-copy]'), 'what needs a script does not show')
    await page.goto(link)
    t.ok(bytes.equals(await downloaded(page)))
  })

  t.test(
    'files are dropped and pasted, one at a time, and wrong ones are told before they are sent',
    async (t) => {
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
      t.match(await page.textContent('#chosen'), 'dropped.txt, 5 bytes')
      await give('paste', [{ name: 'pasted.png', size: 2048 }])
      t.match(await page.textContent('#chosen'), 'pasted.png, 2.0 KB')
      await give('drop', [
        { name: 'a', size: 1 },
        { name: 'b', size: 1 }
      ])
      t.match(await page.textContent('#problem'), 'one file at a time')
      await give('drop', [{ name: 'large.bin', size: 11 * 1024 * 1024 }])
      t.match(await page.textContent('#problem'), 'at most 10.0 MB')
      await page.click('#send')
      t.ok(await page.isVisible('#problem'), 'and it is not sent')
      await give('drop', [{ name: 'fine.txt', size: 5 }])
      t.notOk(await page.isVisible('#problem'))
      await page.keyboard.press('Enter') // the focus is on the button
      await page.waitForSelector('.result', WAIT)
      t.match(await page.textContent('.result'), 'fine.txt')
      t.same(complaints, [])
    }
  )

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
    await page.waitForSelector(String.raw`#speed >> text=/^\d+% · .* of 8\.6 MB · .*\/s · \d+ s left$/`, WAIT)
    await page.click('#cancel')
    t.match(await page.textContent('#problem'), 'cancelled')
    await throttle(-1)
    await page.click('#send')
    await page.waitForSelector('.result', WAIT)
    t.same(complaints, [])
  })

  for (const javaScriptEnabled of [true, false]) {
    t.test(
      `a password is chosen and asked for, wrong and right, ${javaScriptEnabled ? 'with' : 'without'} JavaScript`,
      async (t) => {
        const sender = await open({ javaScriptEnabled })
        await sender.page.goto(url())
        await sender.page.setInputFiles('#file', path)
        await sender.page.fill('#password', 'Großmutters Geburtstag')
        await sender.page.click('#send')
        const field = await sender.page.waitForSelector('.result #link', WAIT)
        const link = await field.inputValue()
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
    await page.goto(url())
    await page.setInputFiles('#file', path)
    await page.click('#send')
    const link = await page.waitForSelector('.result #link', WAIT).then((field) => field.inputValue())
    const code = page.getByRole('img', { name: 'QR code of the link' })
    t.ok(await code.isVisible())
    const picture = join(dir, 'code.png')
    writeFileSync(picture, await code.screenshot())
    const reader = spawnSync('zbarimg', ['--quiet', '--raw', '-Sdisable', '-Sqrcode.enable', picture])
    if (reader.error === undefined) t.equal(reader.stdout.toString().trim(), link, 'and is read as that')
    else t.equal(process.env['CI'], undefined, 'CI needs zbarimg')
    t.same(complaints, [])
  })

  t.test('a sender withdraws a link from the page', async (t) => {
    const { page, complaints } = await open()
    await page.goto(url())
    await page.setInputFiles('#file', path)
    await page.click('#send')
    const link = await page.waitForSelector('.result #link', WAIT).then((field) => field.inputValue())
    await page.click('[data-withdraw]')
    await page.waitForSelector('text=The link was withdrawn', WAIT)
    await page.goto(link)
    t.equal(await page.textContent('h1'), 'This link was withdrawn')
    t.same(complaints, [])
  })
})
