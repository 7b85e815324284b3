/**
 * The pages of pools in a browser: one owner, and others in their roles, over programs that send and work. Needs Chromium; where there is none the test is skipped and says so, in CI it
 * fails.
 */

import { randomUUID } from 'node:crypto'
import type { Page } from 'playwright-core'
import t from 'tap'
import type { Clock } from '../../src/interfaces.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import { api, textOf } from '../edge/accounts/accounts-kit.ts'
import type { Answer } from '../edge/accounts/accounts-kit.ts'
import { WAIT, downloadBy, openBrowser, visit } from '../edge/browser-kit.ts'
import { skip } from '../edge/chromium.ts'
import { sampleBytes, startEdges } from '../edge/edge-cluster.ts'
import { HOUR_MS, UNLIMITED, manifestOf } from '../edge/pools/pools-kit.ts'
import type { SentFile } from '../edge/pools/pools-kit.ts'
import { fillCredentials, look } from './account-page-kit.ts'

t.setTimeout(300_000)

/** Markup, a script, a command of a terminal, the end of an attribute, text from right to left. */
const NAUGHTY = `<img src=x onerror="window.hit=1">"'\`</script><script>window.hit=1</script> \u202Egnp.exe`
const SHOWN = NAUGHTY.replace('\u202E', '')

const MINUTE_MS = 60_000
/** It is half past some hour: the window of an hour does not end while the test runs. */
const aheadMs = { value: (5 * HOUR_MS) / 2 - (Date.now() % HOUR_MS) }
const clock: Clock = {
  ...systemClock,
  now: () => Date.now() + aheadMs.value,
  monotonic: () => performance.now() + aheadMs.value
}

/** Programs in a pool, as they ask for things. */
class Programs {
  readonly #url: string
  readonly #pool: string

  constructor(url: string, pool: string) {
    this.#url = url
    this.#pool = pool
  }

  async ask(token: string, what: string, body?: unknown): Promise<Answer> {
    const [method = 'GET', path = ''] = what.split(' ')
    const asked = { token, ...(body !== undefined && { body }) }
    const answer = await api(
      this.#url,
      `${method} /api/pools/${this.#pool}${path === '' ? '' : `/${path}`}`,
      asked
    )
    if (answer.status >= 300) throw new Error(`${what}: ${answer.status} ${JSON.stringify(answer.json)}`)
    return answer
  }

  async join(key: string, name: string): Promise<string> {
    return textOf(await api(this.#url, 'POST /api/pools/join', { body: { key, name } }), 'token')
  }

  /** So many small files of one moment. */
  async send(token: string, count: number, at: number): Promise<void> {
    const files = Array.from({ length: count }, (_, i): SentFile => {
      const bytes = sampleBytes(100 + i)
      return { name: `${randomUUID()}.bin`, bytes, at }
    })
    const form = new FormData()
    form.append('manifest', JSON.stringify({ ...manifestOf(files), client_time: clock.now() }))
    for (const { bytes, name } of files) form.append('file', new Blob([new Uint8Array(bytes)]), name)
    await this.ask(token, 'POST batches', form)
  }

  /** Takes the next group that is ready. */
  async take(token: string): Promise<{ group: string; fence: number }> {
    const taken = await this.ask(token, 'POST work?wait=30')
    return { group: textOf(taken, 'group'), fence: Number(taken.json['fence']) }
  }

  async finish(token: string, leased: { group: string; fence: number }, name: string): Promise<void> {
    const query = `fence=${leased.fence}&name=${encodeURIComponent(name)}`
    const path = `/api/pools/${this.#pool}/groups/${leased.group}/result?${query}`
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'text/plain' }
    const answer = await fetch(this.#url + path, { method: 'PUT', headers, body: `result ${name}` })
    if (answer.status !== 201) throw new Error(`the result: ${answer.status} ${await answer.text()}`)
  }
}

const signUp = async (page: Page, url: string, name: string): Promise<void> => {
  await page.goto(`${url}/sign-up`)
  await fillCredentials(page, name)
  await page.waitForURL(`${url}/my`, WAIT)
}

/** Makes a join key by the form. @returns it, and the address that the page shows */
async function newKey(
  page: Page,
  role: string,
  seen?: () => Promise<void>
): Promise<{ key: string; url: string }> {
  await page.click('#new-key')
  await page.selectOption('#key-role', role)
  await page.click('#make-key [type=submit]')
  const key = await page.inputValue('#key')
  const url = await page.inputValue('#key-url')
  await seen?.()
  await page.click('#key-ready [aria-label=Close]')
  return { key, url }
}

/** A page that is loaded again knows nothing of it. */
const mark = (page: Page): Promise<unknown> => page.evaluate('window.marked = true')
const isMarked = (page: Page): Promise<unknown> => page.evaluate('window.marked === true')
const isHit = (page: Page): Promise<unknown> => page.evaluate('window.hit === 1')

const bar = (state: string): string => `.bar-group[data-state=${state}]`
const labelOf = async (page: Page, selector: string): Promise<string> =>
  (await page.getAttribute(selector, 'aria-label')) ?? ''

t.test('pools in a browser', { skip }, async (t) => {
  const { url } = await startEdges(t, { clock, config: UNLIMITED })
  const browser = await openBrowser(t)
  const owner = await visit(browser, url())
  const { page } = owner
  let programs = new Programs('', '')
  let pool = ''
  let producer = ''
  let other = ''
  let server = ''
  const now = clock.now()
  const before = now - HOUR_MS

  await t.test('a pool is made, with a name that does nothing', async (t) => {
    await signUp(page, url(), 'Olga')
    await page.click('text=Pools')
    await page.waitForSelector('#empty', WAIT)
    await page.click('#new-pool')
    await page.fill('#pool-name', NAUGHTY)
    await page.click('#make-pool summary')
    await page.fill('#window_s', '99')
    await page.selectOption('#window_s-unit', 'd')
    await page.click('#make-pool [type=submit]')
    await page.waitForSelector('#make-pool .notice >> text=Window: it can be 1 minute to 30 days', WAIT)
    await look(t, page, 'new-pool')
    await page.fill('#window_s', '1')
    await page.selectOption('#window_s-unit', 'h')
    await page.selectOption('#frequency_s-unit', 'min')
    await page.click('#make-pool [type=submit]')
    await page.waitForURL(/\/pools\/[0-9a-f-]{36}$/, WAIT)
    pool = new URL(page.url()).pathname.split('/')[2] ?? ''
    programs = new Programs(url(), pool)
    await page.waitForSelector('#no-groups', WAIT)
    t.equal(await page.textContent('h1'), SHOWN)
    await look(t, page, 'pool-empty')
    await mark(page)
  })

  await t.test('join keys are shown once, and programs come by them', async (t) => {
    const made = await newKey(page, 'producer', () => look(t, page, 'key-ready', true))
    t.equal(made.url, `${url()}/pools/join#${made.key}`)
    t.notOk((await page.content()).includes(made.key), 'and is gone')
    const worker = await newKey(page, 'server')
    producer = await programs.join(made.key, 'sensor north')
    other = await programs.join(made.key, 'sensor south')
    server = await programs.join(worker.key, 'trainer')
    await page.waitForSelector('[data-member="sensor north"] >> text=has not sent yet', WAIT)
    await page.waitForSelector('[data-member=trainer]', WAIT)
    await page.waitForSelector('#keys >> text=used 2 times', WAIT)
  })

  await t.test('groups are drawn as they come, are closed, worked on and done', async (t) => {
    await programs.send(producer, 5, now)
    await programs.send(other, 3, now)
    await page.waitForSelector(`.bar-group[aria-label*="8 files"]`, WAIT)
    await page.waitForSelector('[data-member="sensor south"] >> text=last sent', WAIT)
    await page.waitForSelector('.bar-group .segment >> nth=1', WAIT)
    t.match(await labelOf(page, '.bar-group'), /sensor north 5, sensor south 3/)
    await page.focus('.bar-group')
    await page.waitForSelector('#pointed >> text=8 files', WAIT)
    await page.keyboard.press('Enter')
    await page.waitForSelector('#group >> text=sensor north', WAIT)
    await look(t, page, 'group')
    await page.click('#close-now')
    await page.waitForSelector('#group [data-group-state=closed]', WAIT)
    await page.click('#group [aria-label=Close]')
    await page.waitForSelector(bar('closed'), WAIT)
    const leased = await programs.take(server)
    await page.waitForSelector(bar('processing'), WAIT)
    await page.waitForSelector('.span[data-kind=working]', WAIT)
    await programs.finish(server, leased, `mean ${NAUGHTY}`)
    await page.waitForSelector(bar('done'), WAIT)
    await page.waitForSelector('.span[data-kind=done]', WAIT)
    await page.waitForSelector('#results li', WAIT)
    const got = await downloadBy(page, '#results a')
    t.match(got.bytes.toString(), /^result mean/)
  })

  await t.test('what comes later makes a late group, and one that failed is tried again', async (t) => {
    await programs.send(other, 2, now)
    await page.waitForSelector('.bar-group[data-late]', WAIT)
    t.match(await labelOf(page, '.bar-group[data-late]'), /, late: /)
    const late = await page.getAttribute('.bar-group[data-late]', 'data-group')
    await programs.ask(server, `POST groups/${late ?? ''}/close`)
    const leased = await programs.take(server)
    const failure = { fence: leased.fence, reason: `cannot: ${NAUGHTY}`, final: true }
    await programs.ask(server, `POST groups/${leased.group}/failure`, failure)
    await page.waitForSelector(bar('failed'), WAIT)
    await programs.send(producer, 4, before)
    await page.waitForSelector(`${bar('open')}[data-late]`, WAIT)
    await look(t, page, 'pool')
    await page.focus(bar('open'))
    await page.keyboard.press('End')
    await page.keyboard.press('Enter')
    await page.waitForSelector('#group >> text=cannot:', WAIT)
    await look(t, page, 'group-failed', true)
    await page.click('#retry')
    await page.waitForSelector('#group [data-group-state=closed]', WAIT)
    await page.click('#group [aria-label=Close]')
    await programs.finish(server, await programs.take(server), 'second')
    await page.waitForSelector('#results li >> nth=1', WAIT)
    await page.click('#group-table summary')
    await page.waitForSelector('#group-table tbody tr >> nth=2', WAIT)
    await look(t, page, 'group-table', true)
    await page.click('#earlier')
    t.ok(await isMarked(page), 'and the page was never loaded again')
  })

  await t.test(
    'somebody joins by the address, signs in on the way, and sees what a listener may',
    async (t) => {
      const { url: address, key } = await newKey(page, 'listener')
      const guest = await visit(browser, url())
      await guest.page.goto(address)
      await guest.page.waitForSelector('#found', WAIT)
      t.equal(await guest.page.textContent('h1'), SHOWN)
      await look(t, guest.page, 'join')
      t.match(await guest.page.inputValue('#command'), `peerbin pool join '${address}'`)
      await guest.page.click('#sign-in-first')
      await guest.page.click('text=Create one')
      await fillCredentials(guest.page, 'Lea')
      await guest.page.waitForSelector('#join', WAIT)
      t.equal(guest.page.url(), address, 'and is back')
      await guest.page.click('#join [type=submit]')
      await guest.page.waitForURL(`${url()}/pools/${pool}`, WAIT)
      await guest.page.waitForSelector('#results li >> nth=1', WAIT)
      for (const hidden of ['#chart', '#members', '#new-key', '#settings', '#mine'])
        t.equal(await guest.page.locator(hidden).count(), 0, `a listener has no ${hidden}`)
      t.notOk(
        guest.asked.some((asked) => /\/(?:members|join-keys|producers)/.test(asked)),
        'and nothing is asked for that they may not see'
      )
      t.notOk(
        guest.asked.some((asked) => asked.includes(key)),
        'the key stands in no address that a server sees'
      )
      await look(t, guest.page, 'listener')

      await page.selectOption('[data-member=Lea] select', 'producer')
      await guest.page.waitForSelector('#mine >> text=You have not sent anything yet', WAIT)
      await page.click('[data-member=Lea] >> text=Remove')
      await page.click('[data-member=Lea] .ask >> text=Remove')
      await guest.page.waitForSelector('#gone', WAIT)
      await page.waitForSelector('[data-member=Lea]', { ...WAIT, state: 'detached' })
      t.notOk(await isHit(guest.page))
      t.same(guest.complaints, [])
      await guest.page.context().close()
    }
  )

  await t.test('who has not sent for too long is shown as silent, until they send', async (t) => {
    aheadMs.value += 2 * MINUTE_MS
    for (const name of ['north', 'south'])
      await page.waitForSelector(`[data-member="sensor ${name}"] >> text=silent since`, WAIT)
    await look(t, page, 'silent', true)
    await page.selectOption('#member-filter', 'silent')
    await page.waitForSelector('[data-member=trainer]', { ...WAIT, state: 'detached' })
    await programs.send(producer, 1, clock.now())
    await page.waitForSelector('[data-member="sensor north"]', { ...WAIT, state: 'detached' })
    t.ok(await page.isVisible('[data-member="sensor south"]'))
  })

  await t.test('settings are changed, and the pool archived and deleted by its name', async (t) => {
    await page.click('#settings')
    t.equal(await page.inputValue('#frequency_s'), '1')
    await page.fill('#pool-name', 'measurements')
    await page.fill('#grace_s', '20')
    await look(t, page, 'pool-settings')
    await page.click('#change-pool [type=submit]')
    await page.waitForSelector('.toast >> text=The settings were saved', WAIT)
    t.match((await programs.ask(producer, 'GET')).json, {
      name: 'measurements',
      settings: { grace_s: 1200 }
    })
    await page.waitForSelector('h1 >> text=measurements', WAIT)
    await page.click('#archive [type=submit]')
    await page.waitForSelector('main > #app >> text=This pool is archived', { ...WAIT, state: 'attached' })
    await page.click('#remove-part summary')
    await page.fill('#remove-name', 'measurement')
    await page.click('#remove [type=submit]')
    await page.waitForSelector('#remove .notice >> text=That is not its name', WAIT)
    await page.click('#pool-settings [aria-label=Close]')

    await page.goto(`${url()}/pools`)
    await page.waitForSelector(`[data-pool="${pool}"] >> text=nobody silent`, WAIT)
    await page.waitForSelector(`[data-pool="${pool}"] >> text=last result`, WAIT)
    await look(t, page, 'pools')
    await page.click('#pools a')
    await page.click('#settings')
    await page.click('#remove-part summary')
    await page.fill('#remove-name', 'measurements')
    await page.click('#remove [type=submit]')
    await page.waitForURL(`${url()}/pools`, WAIT)
    await page.waitForSelector('#empty', WAIT)
  })

  t.notOk(await isHit(page), 'no name did anything')
  t.same(owner.complaints, [])
})
