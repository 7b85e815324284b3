/**
 * Two browsers and a command line of one user: each sees at once what the others do, also after it was away for an hour. Needs Chromium; where there is none the test is skipped and says
 * so, in CI it fails.
 */

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import t from 'tap'
import { runCommandLine } from '../../src/cli/program.ts'
import type { Clock } from '../../src/interfaces.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import { accountCommands, credentialsOf, linesOf, tokenOf } from '../cli/account-kit.ts'
import type { Json } from '../cli/account-kit.ts'
import { api } from '../edge/accounts/accounts-kit.ts'
import { WAIT, openBrowser, visit } from '../edge/browser-kit.ts'
import { skip } from '../edge/chromium.ts'
import { sampleBytes, startEdges } from '../edge/edge-cluster.ts'
import { stored } from '../edge/files/files-kit.ts'
import { startReceiver } from '../edge/webhooks/receiver.ts'
import { contextOf } from '../kit/cli-context.ts'
import type { CommandResult } from '../kit/cli-context.ts'
import { openGate } from '../kit/gate.ts'
import { testFolder } from '../kit/test-folder.ts'
import { until } from '../kit/until.ts'
import { PASSWORD, fillCredentials, look, rowOf } from './account-page-kit.ts'

t.setTimeout(300_000)

const HOUR_MS = 3_600_000
/** Whoever has to wait an hour is done in seconds. */
const HURRY = 1000

/** The machine's clock, ahead of itself by what the test says. */
const aheadMs = { value: 0 }
const clock: Clock = {
  ...systemClock,
  now: () => Date.now() + aheadMs.value,
  monotonic: () => performance.now() + aheadMs.value
}
const hurried: Clock = {
  ...clock,
  setTimer: (delayMs, callback, options) => systemClock.setTimer(delayMs / HURRY, callback, options)
}

/** A command that goes on until it is stopped. */
function runOn(argv: readonly string[], env: Record<string, string>, cwd: string) {
  const result: CommandResult = { code: -1, stdout: '', stderr: '' }
  const stopped = new AbortController()
  const context = { ...contextOf(result, { env, cwd, interrupted: stopped.signal }), clock: hurried }
  const over = runCommandLine(argv, context)
  return {
    result,
    /** What it has written, line by line. */
    told: (): Json[] => linesOf(result.stdout),
    stop: async () => {
      stopped.abort()
      await over
    }
  }
}

const dataOf = (event: Json): Json => event['data'] as Json

/** A page that is loaded again knows nothing of it. */
const mark = (page: Page): Promise<unknown> => page.evaluate('window.marked = true')
const isMarked = (page: Page): Promise<unknown> => page.evaluate('window.marked === true')

const row = (page: Page, path: string, text = ''): Promise<unknown> =>
  page.waitForSelector(text === '' ? rowOf(path) : `${rowOf(path)} >> text=${text}`, WAIT)
const gone = (page: Page, path: string): Promise<unknown> =>
  page.waitForSelector(rowOf(path), { ...WAIT, state: 'detached' })

t.test('two browsers and a command line of one user', { skip }, async (t) => {
  let secret = ''
  const { url } = await startEdges(t, {
    clock,
    onSetupSecret: (told) => (secret = told),
    config: { webhooks: { allow: ['127.0.0.1'] } }
  })
  const gate = await openGate(t, url())
  const browser = await openBrowser(t)
  const folder = testFolder(t)
  const homeEnv = { XDG_CONFIG_HOME: join(folder, 'home') }
  const awayEnv = { XDG_CONFIG_HOME: join(folder, 'away') }
  const home = accountCommands(folder, homeEnv)
  const away = accountCommands(folder, awayEnv)
  const first = await visit(browser, url())
  const second = await visit(browser, [gate.url, url()])
  const { page: here } = first
  const { page: there } = second
  const input = { input: `${PASSWORD}\n` }

  await here.goto(`${url()}/sign-up`)
  await fillCredentials(here, 'Ada')
  await here.waitForURL(`${url()}/my`, WAIT)
  await there.goto(`${gate.url}/sign-in`)
  await fillCredentials(there, 'Ada')
  await there.waitForURL(`${gate.url}/my`, WAIT)
  await home.done(['login', url(), '--username', 'ada', '--password-stdin'], input)
  await away.done(['login', gate.url, '--username', 'ada', '--password-stdin'], input)
  const token = await tokenOf(credentialsOf(homeEnv.XDG_CONFIG_HOME), url())
  const follower = runOn(['events', '--follow', '--since', 'start', '--json'], awayEnv, folder)
  t.teardown(follower.stop)
  const hears = (what: string, ...types: string[]): Promise<void> =>
    until(`the command line hears ${types.join()} of ${what}`, () => {
      const heard = follower.told().filter((event) => dataOf(event)['path'] === what)
      return types.every((type) => heard.some((event) => event['type'] === type))
    })
  const put = async (name: string, text: string, to = 'work/'): Promise<void> => {
    await writeFile(join(folder, name), text)
    await home.done(['put', name, to])
  }

  await t.test('each sees what the others do', async (t) => {
    for (const [page, origin] of [
      [here, url()],
      [there, gate.url]
    ] as const) {
      await page.goto(`${origin}/my?folder=work`)
      await page.waitForSelector('#empty', WAIT)
      await mark(page)
    }
    await here.setInputFiles('#file', { name: 'plan.txt', mimeType: 'a/b', buffer: Buffer.from('first') })
    await row(there, 'work/plan.txt')
    await hears('work/plan.txt', 'file.added')
    await put('plan.txt', 'second')
    for (const page of [here, there]) await row(page, 'work/plan.txt', 'version 2')
    await hears('work/plan.txt', 'file.edited')
    await here.waitForSelector('#space >> text=11 bytes', WAIT)

    await here.click(`${rowOf('work/plan.txt')} button.row-name`)
    await here.click('#section-rename')
    await there.click(`${rowOf('work/plan.txt')} button.row-name`)
    await there.click('#section-rename')
    await there.fill('#path', 'work/summer.txt')
    await there.click('#rename [type=submit]')
    await row(here, 'work/summer.txt')
    await here.waitForSelector('#sheet h2 >> text=summer.txt', WAIT)
    t.equal(await here.inputValue('#path'), 'work/summer.txt', 'a field that nobody has touched follows')
    await hears('work/summer.txt', 'file.moved')
    await there.click('[aria-label=Close]')

    await here.click('#section-share')
    await here.click('#share summary')
    await here.fill('#share-password', 'half a pass')
    const [shared] = await home.json(['share', 'work/summer.txt', '--downloads', '2'])
    await here.waitForSelector('#shares >> text=2 of 2 downloads left', WAIT)
    await hears('work/summer.txt', 'file.shared')
    await fetch(String(shared?.['url']).replace('/d/', '/download/')).then((answer) => answer.text())
    await here.waitForSelector('#shares >> text=1 of 2 downloads left', WAIT)
    await hears('work/summer.txt', 'link.redeemed')
    t.equal(await here.inputValue('#share-password'), 'half a pass', 'what is being typed stays')
    await here.click('#section-versions')
    await put('summer.txt', 'third')
    await here.waitForSelector('[data-version="3"] >> text=current', WAIT)
    await home.done(['rm', 'work/summer.txt'])
    await here.waitForSelector('#sheet #gone', WAIT)
    await look(t, here, 'gone', true)
    await here.click('#sheet [aria-label=Close]')
    await gone(there, 'work/summer.txt')
    await hears('work/summer.txt', 'file.removed')
    for (const page of [here, there]) t.ok(await isMarked(page), 'and no page was loaded again')
  })

  await t.test('a burst makes few requests, and leaves everything where it is', async (t) => {
    const ids = await Promise.all(
      Array.from({ length: 20 }, (_, i) => stored(url(), token, sampleBytes(10, i), `work/f${100 + i}.bin`))
    )
    await row(here, 'work/f119.bin')
    await here.setViewportSize({ width: 800, height: 400 })
    await here.focus(`${rowOf('work/f115.bin')} button.row-name`)
    const before: unknown = await here.evaluate('scrollY')
    t.ok(Number(before) > 200, `scrolled to ${String(before)}`)
    let goOn: () => void = () => undefined
    const held = new Promise<void>((resolve) => (goOn = resolve))
    await here.route(`${url()}/files/*`, (route) => void held.then(() => route.continue()))
    await here.setInputFiles('#file', { name: 'slow.bin', mimeType: 'a/b', buffer: sampleBytes(100) })
    await here.waitForSelector('#uploads [data-state=sending]', WAIT)
    const place = `new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))
      .then(() => Math.round(document.activeElement.getBoundingClientRect().top))`
    const scrolled = await here.evaluate(place)
    const asked = first.asked.length
    const start = performance.now()
    await Promise.all(
      ids.map(async (id, i) => {
        for (let turn = 0; turn < 10; turn++) {
          const metadata = { turn: String(turn), i: String(i) }
          await api(url(), `PATCH /api/files/${id}`, { token, body: { metadata } })
        }
      })
    )
    await home.done(['mv', 'work/f100.bin', 'work/last.bin'])
    await row(here, 'work/last.bin')
    const seconds = Math.round((performance.now() - start) / 1000)
    const since = first.asked.slice(asked).filter((each) => each.includes('/api/'))
    t.comment(`${since.length} requests for 200 changes within ${seconds} s`)
    t.ok(since.length <= 4 + 2 * seconds && since.length < 30, `${since.length} requests`)
    t.equal(await here.evaluate(place), scrolled, 'what is looked at is where it was')
    t.equal(
      await here.evaluate('document.activeElement.closest("[data-file]").dataset.file'),
      'work/f115.bin',
      'and the focus is where it was'
    )
    t.ok(await here.isVisible('#uploads [data-state=sending]'), 'the upload is still under way')
    goOn()
    await row(there, 'work/slow.bin')
    await here.unroute(`${url()}/files/*`)
    await here.click('#clear-uploads')
  })

  await t.test('who was away for an hour is told everything, in order and once', async (t) => {
    gate.shut()
    await there.context().setOffline(true)
    const startedAt = clock.now()
    const steps = [
      () => put('a.txt', 'of the first ten minutes'),
      () => put('a.txt', 'of the second'),
      () => home.done(['mv', 'work/a.txt', 'work/b.txt']),
      () => put('c.txt', 'nobody sees it'),
      () => home.done(['rm', 'work/c.txt']),
      () => home.done(['mv', 'work/f101.bin', 'elsewhere/f101.bin'])
    ]
    for (const step of steps) {
      await step()
      aheadMs.value += HOUR_MS / steps.length
    }
    await until('the command line has tried again', () => follower.result.stderr.includes('Trying again'))
    await row(here, 'work/b.txt', 'version 2')
    t.notOk(await there.isVisible(rowOf('work/b.txt')), 'one is away')
    const heardBefore = follower.told().length
    gate.open()
    await there.context().setOffline(false)

    await row(there, 'work/b.txt', 'version 2')
    await gone(there, 'work/f101.bin')
    t.notOk(await there.isVisible(rowOf('work/a.txt')))
    t.notOk(await there.isVisible(rowOf('work/c.txt')))
    t.ok(await isMarked(there), 'the page caught up by itself')
    t.notOk(await there.isVisible('.problem .notice'), 'and has nothing to complain of any more')
    await home.done(['mv', 'work/b.txt', 'work/d.txt'])
    for (const page of [here, there]) await row(page, 'work/d.txt')
    await hears('work/d.txt', 'file.moved')

    const told = follower.told()
    t.same(
      told.map((event) => Number(event['sequence'])),
      told.map((_, i) => i + 1),
      'every event of the account once, in its order'
    )
    t.equal(new Set(told.map((event) => event['id'])).size, told.length)
    const missed = told.slice(heardBefore).filter((event) => event['type'] !== 'upload.status')
    t.same(
      missed.map((event) => [event['type'], dataOf(event)['path']]),
      [
        ['file.added', 'work/a.txt'],
        ['file.edited', 'work/a.txt'],
        ['file.moved', 'work/b.txt'],
        ['file.added', 'work/c.txt'],
        ['file.removed', 'work/c.txt'],
        ['file.moved', 'elsewhere/f101.bin'],
        ['file.moved', 'work/d.txt']
      ]
    )
    const hour = missed.map((event) => Date.parse(String(event['time'])) - startedAt)
    t.ok(Number(hour.at(-1)) >= HOUR_MS, 'it was an hour')
  })

  await t.test('of a place that nobody remembers any more a page begins anew', async (t) => {
    gate.shut()
    let isRefused = false
    there.on('response', (response) => {
      if (response.url().includes('/api/events?') && response.status() === 410) isRefused = true
    })
    await there.route(/\/api\/events\?after=/, async (route) => {
      const old = new URL(route.request().url())
      if (!isRefused) old.searchParams.set('after', '0000000000.5')
      await route.continue({ url: old.href })
    })
    await home.done(['mv', 'work/d.txt', 'work/e.txt'])
    await row(here, 'work/e.txt')
    gate.open()
    await row(there, 'work/e.txt')
    t.ok(isRefused)
    await home.done(['mv', 'work/e.txt', 'work/f.txt'])
    await row(there, 'work/f.txt')
    t.ok(await isMarked(there))
  })

  await t.test('many windows share one connection, and whoever has it may go', async (t) => {
    const context = there.context()
    const streams: string[] = []
    context.on('request', (request) => {
      if (/\/api\/events\?after=/.test(request.url())) streams.push(request.url())
    })
    const windows: Page[] = []
    for (let i = 0; i < 6; i++) {
      const page = await context.newPage()
      windows.push(page)
      await page.goto(`${gate.url}/my?folder=work`)
      await row(page, 'work/f.txt')
    }
    await home.done(['mv', 'work/f.txt', 'work/g.txt'])
    for (const page of [there, ...windows]) await row(page, 'work/g.txt')
    t.same(streams, [], 'seven pages have the connection of the first one')
    await there.goto(url()) // leaves it
    await home.done(['mv', 'work/g.txt', 'work/h.txt'])
    for (const page of windows) await row(page, 'work/h.txt')
    t.equal(streams.length, 1, 'one of them goes on with it')

    const [account, ...others] = windows
    if (account === undefined) return
    await account.goto(`${gate.url}/my/account`)
    await account.waitForSelector('#sessions li >> nth=3', WAIT)
    await here.goto(`${url()}/my/account`)
    await here.waitForSelector('#sessions li >> nth=3', WAIT)
    const { json } = await api(url(), 'POST /api/login', { body: { username: 'ada', password: PASSWORD } })
    await account.waitForSelector('#sessions li >> nth=4', WAIT)
    await api(url(), 'POST /api/me/keys', { token, body: { name: 'robot', scopes: ['files:read'] } })
    await account.waitForSelector('#keys >> text=robot', WAIT)
    await api(url(), 'POST /api/logout', { token: String(json['access_token']) })
    await account.waitForSelector('#sessions li >> nth=4', { ...WAIT, state: 'detached' })
    await look(t, account, 'account-live', true)

    const sessions = await home.json(['sessions'])
    const own = await account.evaluate<Array<{ session_id: string; current: boolean }>>(
      'fetch("/api/me/sessions").then((answer) => answer.json()).then((answer) => answer.sessions)'
    )
    const id = own.find(({ current }) => current)?.session_id ?? ''
    t.ok(sessions.some((each) => each['session_id'] === id))
    const start = performance.now()
    await home.done(['sessions', 'end', id])
    for (const page of [account, ...others]) await page.waitForURL(/\/sign-in#why=expired/, WAIT)
    t.comment(`all windows knew after ${Math.round(performance.now() - start)} ms`)
    await here.waitForSelector('#sessions li >> nth=3', { ...WAIT, state: 'detached' })
    t.ok(await here.isVisible('#sessions'), 'the other browser is still in')
  })

  await t.test('a webhook is made, and what it was told is seen as it happens', async (t) => {
    const receiver = await startReceiver(t)
    await here.click('#new-webhook')
    await here.fill('#webhook-url', receiver.url)
    await here.fill('#webhook-description', 'builds the site')
    await here.click('#make-webhook [type=submit]')
    t.match(await here.inputValue('#webhook-secret'), /^whsec_/)
    await here.click('#webhook-ready [aria-label=Close]')
    await here.waitForSelector('#webhooks >> text=builds the site', WAIT)
    t.notOk((await here.content()).includes('whsec_'), 'the secret is shown once')
    await here.click('#webhooks >> text=Deliveries')
    await here.waitForSelector('#webhooks >> text=Nothing was sent yet', WAIT)
    await here.click('#webhooks button >> text=Test')
    await here.waitForSelector('.toast >> text=The receiver took the test', WAIT)
    await here.waitForSelector('.deliveries [data-outcome=ok] >> text=webhook.test', WAIT)
    await api(url(), 'PATCH /api/me', { token, body: { username: 'Ada L' } })
    await here.waitForSelector('.deliveries [data-outcome=ok] >> text=account.changed', WAIT)
    t.equal(await here.inputValue('#username'), 'Ada L')
    await look(t, here, 'webhooks')
    await here.click('#webhooks >> text=Pause')
    await here.waitForSelector('#webhooks >> text=paused', WAIT)
    await here.click('#webhooks button >> text=Remove')
    await here.click('#webhooks .ask button.danger')
    await here.waitForSelector('text=You have no webhooks', WAIT)
  })

  await t.test('an administrator sees everybody’s, and new records', async (t) => {
    const grace = await visit(browser, url())
    await grace.page.goto(`${url()}/setup#${secret}`)
    await grace.page.reload()
    await fillCredentials(grace.page, 'Grace')
    await grace.page.waitForSelector('[data-user="Ada L"]', WAIT)
    await here.goto(`${url()}/my/history`)
    await here.waitForSelector('#records', WAIT)
    await api(url(), 'PATCH /api/me', { token, body: { username: 'Ada K' } })
    await grace.page.waitForSelector('[data-user="Ada K"]', WAIT)
    await grace.page.click('#tab-files')
    await row(grace.page, 'work/h.txt')
    await home.done(['mv', 'work/h.txt', 'work/i.txt'])
    await row(grace.page, 'work/i.txt')
    await here.waitForSelector('#records [data-action=rename] >> text=work/i.txt', WAIT)
    t.same(grace.complaints, [])
  })

  t.same([...first.complaints, ...second.complaints], [])
})
