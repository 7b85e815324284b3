/**
 * The pages of accounts and files in a browser: one administrator, one user, from the set-up of the server on. Needs Chromium; where there is none the test is skipped and says so, in CI it
 * fails.
 */

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import t from 'tap'
import { startEdges, sampleBytes } from '../edge/edge-cluster.ts'
import { WAIT, downloadBy, openBrowser, visit } from '../edge/browser-kit.ts'
import { skip } from '../edge/chromium.ts'
import { testFolder } from '../kit/test-folder.ts'
import { until } from '../kit/until.ts'
import { PASSWORD, SIZES, drop, fillCredentials, look, rowOf } from './account-page-kit.ts'

t.setTimeout(300_000)

t.test('accounts and files in a browser', { skip }, async (t) => {
  let secret = ''
  const { url } = await startEdges(t, { onSetupSecret: (told) => (secret = told) })
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
    await look(t, page, 'setup', true)
    await fillCredentials(page, 'Grace', 'short')
    await page.waitForSelector('.notice >> text=too short', WAIT)
    await fillCredentials(page, 'Grace')
    await page.waitForSelector('.notice >> text=not valid any more', WAIT)
    await page.goto(`${url()}/setup#${secret}`)
    await page.reload()
    await fillCredentials(page, 'Grace')
    await page.waitForURL(`${url()}/admin`, WAIT)
    await page.waitForSelector('[data-user=Grace] >> text=you', WAIT)
    t.notOk(
      admin.asked.some((asked) => asked.includes(secret)),
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
    await page.click('.ask button.danger')
    await page.waitForSelector('text=You have no keys', WAIT)
    t.equal(await validate(), 401)
  })

  await t.test('a password is changed, if the old one is right', async () => {
    const { page } = ada
    await fillOne(page, 'wrong one')
    await page.waitForSelector('.notice >> text=That is not your password', WAIT)
    await fillOne(page, PASSWORD)
    await page.waitForSelector('.toast >> text=The password was changed', WAIT)
  })

  await t.test('files are dropped, and a file of the same name is a new version', async (t) => {
    const { page } = ada
    const trip = join(folder, 'trip')
    mkdirSync(join(trip, 'photos'), { recursive: true })
    writeFileSync(join(trip, 'plan.txt'), 'first plan')
    writeFileSync(join(trip, 'photos', 'sea.jpg'), sampleBytes(5000))
    writeFileSync(join(trip, 'empty.txt'), '')
    await page.goto(`${url()}/my`)
    await page.waitForSelector('#empty', WAIT)
    await look(t, page, 'my-empty', true)
    await drop(page, [trip])
    await page.waitForSelector('#uploads-summary >> text=2 files uploaded. 1 file could not', WAIT)
    await page.waitForSelector('#uploads [data-state=failed] >> text=It is empty', WAIT)
    await look(t, page, 'my-uploads')
    await page.click('#clear-uploads')
    await page.click('#files >> text=trip')
    await page.waitForSelector(rowOf('trip/plan.txt'), WAIT)
    t.equal(new URL(page.url()).search, '?folder=trip')
    await page.waitForSelector(`${rowOf('trip/plan.txt')} >> text=Stored`, WAIT)
    writeFileSync(join(trip, 'plan.txt'), 'second plan')
    await drop(page, [join(trip, 'plan.txt')])
    await page.waitForSelector(`${rowOf('trip/plan.txt')} >> text=version 2`, WAIT)
    t.equal((await downloadBy(page, `${rowOf('trip/plan.txt')} a`)).bytes.toString(), 'second plan')
    await page.goBack()
    await page.waitForSelector('#files >> text=trip', WAIT)
    await page.fill('#search', 'SEA')
    await page.waitForSelector(rowOf('trip/photos/sea.jpg'), WAIT)
    await page.waitForSelector('h1 >> text=Files with “SEA”', WAIT)
  })

  await t.test('an upload that breaks goes on after the page was loaded again', async (t) => {
    const { page } = ada
    const film = join(folder, 'film.bin')
    writeFileSync(film, sampleBytes(9_000_000))
    await page.goto(`${url()}/my?folder=trip`)
    await page.waitForSelector('#files', WAIT)
    let parts = 0
    await page.route(/\/files\/./, (route) =>
      route.request().method() === 'PATCH' && parts++ > 0 ? route.abort() : route.continue()
    )
    await page.setInputFiles('#file', film)
    await page.waitForSelector('#uploads >> text=Connection lost', WAIT)
    await page.goto(`${url()}/my`)
    await page.unroute(/\/files\/./)
    await page.waitForSelector('#interrupted >> text=trip/film.bin', WAIT)
    await look(t, page, 'my-interrupted', true)
    const before = ada.asked.length
    await page.setInputFiles('#file', film)
    await page.waitForSelector('#uploads-summary >> text=1 file uploaded.', WAIT)
    const asked = ada.asked.slice(before).filter((each) => each.includes(`${url()}/files/`))
    t.same(
      asked.map((each) => each.split(' ')[0]),
      ['HEAD', 'PATCH'],
      'it began no other one'
    )
    await page.goto(`${url()}/my?folder=trip`)
    await page.waitForSelector(rowOf('trip/film.bin'), WAIT)
    await page.route(/\/files\/./, (route) => route.abort())
    await page.setInputFiles('#file', { name: 'never.bin', mimeType: 'a/b', buffer: sampleBytes(100) })
    await page.waitForSelector('#uploads >> text=Connection lost', WAIT)
    await page.unroute(/\/files\/./)
    await page.click('[aria-label="Cancel the upload of never.bin"]')
    await page.waitForSelector('#uploads >> text=Cancelled', WAIT)
    t.equal(await page.evaluate('localStorage.length'), 0, 'and nothing is kept of it')
    await page.click('#clear-uploads')
  })

  await t.test('an old version comes back, and another one goes', async (t) => {
    const { page } = ada
    await page.click(`${rowOf('trip/plan.txt')} button.row-name`)
    await page.click('#section-versions')
    await page.click('[aria-label="Restore version 1"]')
    await page.waitForSelector('[data-version="3"] >> text=current', WAIT)
    await page.click('[aria-label="Delete version 2"]')
    await look(t, page, 'versions')
    await page.click('.ask button.danger')
    await page.waitForSelector('[data-version="2"]', { ...WAIT, state: 'detached' })
    t.equal((await downloadBy(page, '#download')).bytes.toString(), 'first plan')
  })

  await t.test('a link is made, redeemed and withdrawn', async (t) => {
    const { page } = ada
    await page.click('#section-share')
    await page.selectOption('#downloads', '2')
    await page.click('#share [type=submit]')
    const link = await page.inputValue('#link')
    await page.click('.qr-more summary')
    await page.waitForSelector('#shares >> text=2 of 2 downloads left', WAIT)
    await look(t, page, 'share')
    const download = link.replace('/d/', '/download/')
    const got = await fetch(download)
    t.equal(await got.text(), 'first plan')
    await page.click('#section-details')
    await page.waitForSelector('#sheet dl', WAIT)
    await look(t, page, 'details', true)
    await page.click('#section-share')
    await page.waitForSelector('#shares >> text=1 of 2 downloads left', WAIT)
    await page.click('#shares >> text=Withdraw')
    await page.waitForSelector('#shares >> text=withdrawn', WAIT)
    t.equal((await fetch(download)).status, 410)
  })

  await t.test('a file is moved, and deleted after a question', async (t) => {
    const { page } = ada
    await page.click('#section-rename')
    await page.fill('#path', 'trip/film.bin')
    await page.click('#rename [type=submit]')
    await page.waitForSelector('#sheet .notice >> text=something else with that name', WAIT)
    await page.fill('#path', 'plans/summer.txt')
    await page.click('#rename [type=submit]')
    await page.waitForSelector('#sheet h2 >> text=summer.txt', WAIT)
    await page.click('[aria-label=Close]')
    await page.click('.crumbs >> text=My files')
    await page.click('#files >> text=plans')
    await page.click(`${rowOf('plans/summer.txt')} button.row-name`)
    await page.click('#section-remove')
    await look(t, page, 'remove', true)
    await page.click('#remove [type=submit]')
    await page.waitForSelector('body > .toast >> text=summer.txt was deleted', WAIT)
    await page.waitForSelector('#empty', WAIT)
  })

  await t.test('all of it is in the history, and the administrator sees it too', async (t) => {
    const { page } = ada
    // records come in batches, a second later at most
    await until('the history has the last of it', async () => {
      await page.goto(`${url()}/my/history`)
      await page.waitForSelector('#records li', WAIT)
      return await page.isVisible('[data-action="delete"] >> text=summer.txt')
    })
    for (const action of ['upload', 'download', 'share', 'link.download', 'unshare', 'rename', 'delete'])
      await page.waitForSelector(`[data-action="${action}"]`, WAIT)
    await look(t, page, 'history')
    await admin.page.click('#tab-log')
    await admin.page.fill('#log-user', 'ada')
    await admin.page.selectOption('#log-action', 'link.download')
    await admin.page.click('#filters [type=submit]')
    // under the name that the file had when the end of the download was noted
    await admin.page.waitForSelector('#records [data-action="link.download"][data-outcome=ok]', WAIT)
    await look(t, admin.page, 'admin-log')
    await admin.page.click('#tab-files')
    await admin.page.waitForSelector(`${rowOf('trip/film.bin')} >> text=Ada`, WAIT)
    await look(t, admin.page, 'admin-files')
    t.equal((await downloadBy(admin.page, `${rowOf('trip/photos/sea.jpg')} a`)).bytes.byteLength, 5000)
  })

  await t.test('an invitation makes an account of its role', async (t) => {
    const { page } = admin
    await page.click('#tab-invites')
    await page.selectOption('#invite-role', 'admin')
    await page.click('#invite [type=submit]')
    const link = await page.inputValue('#invite-link')
    await look(t, page, 'admin-invites')
    const guest = await visit(browser, url())
    await guest.page.goto(link)
    await guest.page.waitForSelector('text=You were invited', WAIT)
    await fillCredentials(guest.page, 'Alan')
    await guest.page.waitForURL(`${url()}/my`, WAIT)
    await guest.page.click('text=Admin')
    await guest.page.waitForSelector('[data-user=Alan] >> text=Administrator', WAIT)
    await guest.page.evaluate('localStorage.setItem("peerbin:my-uploads", "{}")')
    await guest.page.goto(`${url()}/sign-in#next=${encodeURIComponent('https://elsewhere.example/my')}`)
    await guest.page.waitForURL(`${url()}/my`, WAIT)
    await guest.page.click('#sign-out')
    await guest.page.waitForSelector('#why >> text=You are signed out', WAIT)
    await guest.page.goto(`${url()}/admin`)
    await guest.page.waitForURL(/\/sign-in#/, WAIT)
    t.equal(await guest.page.evaluate('localStorage.length'), 0, 'and nothing of theirs stays in the browser')
    t.same(guest.complaints, [])
    await guest.page.context().close()
  })

  await t.test('whoever is disabled is out at once, and back where they were afterwards', async (t) => {
    const { page } = ada
    await page.goto(`${url()}/my?folder=trip`)
    await page.waitForSelector(rowOf('trip/film.bin'), WAIT)
    await admin.page.goto(`${url()}/admin`)
    await admin.page.fill('#search', 'ad')
    await admin.page.waitForSelector('[data-user=Grace]', { ...WAIT, state: 'detached' })
    await admin.page.waitForSelector('#all-space >> text=8.6 MB', WAIT)
    await look(t, admin.page, 'admin-users')
    await admin.page.click('[data-user=Ada] button')
    await admin.page.waitForSelector('#user .badges >> text=quota of the role', WAIT)
    t.equal(await admin.page.inputValue('#quota'), '', 'what the role has is no number of hers')
    t.match(await admin.page.textContent('#quota-hint'), 'Empty: that of the role, now 10 GB.')
    await admin.page.fill('#quota', '0.009')
    await admin.page.click('#rights [type=submit]')
    await admin.page.waitForSelector('.toast >> text=Ada was changed', WAIT)
    await admin.page.waitForSelector('#user .badges >> text=own quota', WAIT)
    t.equal(await admin.page.inputValue('#quota'), '0.009')
    await look(t, admin.page, 'admin-user')
    const start = performance.now()
    await admin.page.click('#state [type=submit]')
    await page.waitForURL(/\/sign-in#/, WAIT)
    t.comment(`the open page knew after ${Math.round(performance.now() - start)} ms`)
    await page.waitForSelector('#why >> text=your session has ended', WAIT)
    await fillCredentials(page, 'Ada', `${PASSWORD} 2`)
    await page.waitForSelector('.notice >> text=has been disabled', WAIT)
    await admin.page.click('#state >> text=Enable')
    await admin.page.waitForSelector('.toast >> text=active again', WAIT)
    await page.click('button[type=submit]')
    await page.waitForSelector(rowOf('trip/film.bin'), WAIT)
    t.equal(new URL(page.url()).search, '?folder=trip')
    t.match(await page.textContent('#space'), '8.6 MB of 9.2 MB used')
    await page.setInputFiles('#file', { name: 'more.bin', mimeType: 'a/b', buffer: sampleBytes(1_500_000) })
    await page.waitForSelector('#uploads [data-state=failed] >> text=space', WAIT)
    await page.goto(`${url()}/admin`)
    await page.waitForSelector('text=This page is for administrators', WAIT)
  })

  await t.test('when the server cannot be reached, a page says so and goes on later', async (t) => {
    const { page } = ada
    await page.route(/\/api\/files\/list/, (route) => route.abort())
    await page.goto(`${url()}/my`)
    await page.waitForSelector('.notice >> text=The server cannot be reached', WAIT)
    await look(t, page, 'my-offline', true)
    await page.unroute(/\/api\/files\/list/)
    await page.click('.notice button')
    await page.waitForSelector('#files >> text=trip', WAIT)
    await look(t, page, 'my-files')
  })

  await t.test('without JavaScript the pages say what they need, and name the command line', async (t) => {
    const { page } = await visit(browser, url(), { javaScriptEnabled: false, viewport: SIZES.phone })
    for (const path of ['/sign-in', '/my', '/admin']) {
      await page.goto(url() + path)
      t.match(await page.textContent('main'), 'This page needs JavaScript')
      t.match(await page.textContent('main'), 'peerbin login')
    }
  })

  t.same([...admin.complaints, ...ada.complaints], [])
})

async function fillOne(page: Page, before: string): Promise<void> {
  await page.fill('#old-password', before)
  await page.fill('#new-password', `${PASSWORD} 2`)
  await page.click('#change-password [type=submit]')
}
