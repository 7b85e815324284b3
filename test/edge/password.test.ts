import { spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import t from 'tap'
import { passwordTag, tagHash } from '../../src/protocol/password.ts'
import { hashSecret } from '../../src/protocol/secrets.ts'
import { createLogger } from '../../src/runtime/logger.ts'
import { curl } from './clients.ts'
import { sampleBytes, startEdges, upload } from './edge-cluster.ts'

const PASSWORD = 'Großmutters Geburtstag'
const JSON_ONLY = { accept: 'application/json' }
const HTML = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8', 'sec-fetch-mode': 'navigate' }
const newSecret = (): string => randomBytes(32).toString('base64url')
const codeOf = async (answer: Response): Promise<string> => ((await answer.json()) as { code: string }).code
const basic = (password: string, user = ''): Record<string, string> => ({
  authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
})
/** fetch sends the characters of a header as bytes. */
const header = (password: string): Record<string, string> => ({
  'x-password': Buffer.from(password).toString('latin1')
})
const bytes = sampleBytes(100_000)
const bodyOf = async (answer: Response): Promise<Buffer> => Buffer.from(await answer.arrayBuffer())
const guarded = (url: string, fields: Record<string, string> = {}) =>
  upload(url, bytes, { name: 'secret plans.pdf', fields: { password: PASSWORD, ...fields } })

t.test('a link with a password is redeemed with it, once, however it is sent', async (t) => {
  const { url } = await startEdges(t)
  for (const headers of [header(PASSWORD), basic(PASSWORD), basic(PASSWORD, 'anybody')]) {
    const { directUrl, passwordRequired } = await guarded(url())
    t.equal(passwordRequired, true)
    const missing = await fetch(directUrl, { headers: JSON_ONLY })
    t.equal(missing.status, 401)
    t.equal(missing.headers.get('www-authenticate'), 'Basic realm="peerbin", charset="UTF-8"')
    t.equal(await codeOf(missing), 'password-required')
    const wrong = await fetch(directUrl, { headers: { ...JSON_ONLY, ...header('a guess') } })
    t.equal(wrong.status, 403)
    t.equal(wrong.headers.get('set-cookie'), null)
    t.equal(await codeOf(wrong), 'password-wrong')
    const right = await fetch(directUrl, { headers })
    t.equal(right.status, 200)
    t.ok(bytes.equals(await bodyOf(right)))
    const again = await fetch(directUrl, { headers: { ...JSON_ONLY, ...headers } })
    t.equal(await codeOf(again), 'link-used')
  }
})

t.test('an upload without one, or with an empty one, asks for none', async (t) => {
  const { url } = await startEdges(t)
  for (const fields of [{}, { password: '' }]) {
    const answer = await upload(url(), bytes, { fields })
    t.equal(answer.passwordRequired, false)
    const download = await fetch(answer.directUrl, { headers: basic('for a proxy') })
    t.equal(download.status, 200, 'what is sent all the same is of no interest')
    await download.arrayBuffer()
  }
  const long = await upload(url(), bytes, { fields: { password: 'x'.repeat(1024) } })
  t.equal((await fetch(long.directUrl, { headers: header('x'.repeat(1024)) })).status, 200)
  await t.rejects(upload(url(), bytes, { fields: { password: 'x'.repeat(1025) } }), {
    message: /422.*password/
  })
})

t.test('a field after the file counts as well', async (t) => {
  const { url } = await startEdges(t)
  const form = new FormData()
  form.set('file', new Blob([new Uint8Array(bytes)]), 'late.bin')
  form.set('password', PASSWORD)
  const answer = await fetch(`${url()}/upload`, { method: 'POST', body: form, headers: JSON_ONLY })
  const { directUrl } = (await answer.json()) as { directUrl: string }
  t.equal((await fetch(directUrl)).status, 401)
  t.equal((await fetch(directUrl, { headers: header(PASSWORD) })).status, 200)
})

t.test('looking tells neither name nor size, and never counts as an attempt', async (t) => {
  const { url } = await startEdges(t, { config: { link: { passwordAttempts: 2 } } })
  const { url: page, directUrl } = await guarded(url())
  const told: string[] = []
  for (let i = 0; i < 5; i++) {
    for (const headers of [HTML, JSON_ONLY, {}]) {
      const answer = await fetch(page, { headers })
      t.equal(answer.status, 200)
      told.push(await answer.text())
    }
    for (const method of ['HEAD', 'GET'])
      for (const agent of ['Slackbot-LinkExpanding 1.0', 'WhatsApp/2.23', 'Mozilla/5.0 Googlebot/2.1']) {
        const headers = { 'user-agent': agent, ...header('a guess') }
        for (const address of [page, directUrl]) {
          const answer = await fetch(address, { method, headers })
          t.equal(answer.status, 200)
          told.push(await answer.text())
        }
      }
    const head = await fetch(directUrl, { method: 'HEAD', headers: header('a guess') })
    t.equal(head.status, 401, 'not even whether it is right')
    t.equal((await fetch(directUrl, { method: 'HEAD', headers: header(PASSWORD) })).status, 401)
    told.push(...head.headers.values())
    const outside = await fetch(directUrl, { headers: { range: 'bytes=999999999-' } })
    t.equal(outside.status, 401, 'nor the size by a range')
    told.push(await outside.text(), ...outside.headers.values())
  }
  t.notOk(told.some((text) => /secret|plans|100[ ,.]?000|97\.7/.test(text)))
  const json = (await (await fetch(page, { headers: JSON_ONLY })).json()) as object
  t.match(json, { passwordRequired: true, downloads: 1, downloadsLeft: 1, expiresAt: String })
  t.notOk('sha256' in json)
  t.match(await (await fetch(page)).text(), /^a file with a password, until \S+: curl -OJ -u peerbin http/)
  const download = await fetch(directUrl, { headers: header(PASSWORD) })
  t.equal(download.status, 200)
  t.ok(bytes.equals(await bodyOf(download)))
})

t.test('a program that gives the password is told what the file is, and nothing is spent', async (t) => {
  const { url } = await startEdges(t, { config: { link: { passwordAttempts: 2 } } })
  const { url: page, directUrl } = await guarded(url())
  for (let i = 0; i < 5; i++) {
    const answer = await fetch(page, { headers: { ...JSON_ONLY, ...header(PASSWORD) } })
    t.match(await answer.json(), { name: 'secret plans.pdf', size: 100_000, passwordRequired: false })
  }
  const guess = () => fetch(page, { headers: { ...JSON_ONLY, ...header('a guess') } })
  t.equal(await codeOf(await guess()), 'password-wrong')
  t.equal(await codeOf(await guess()), 'password-wrong')
  const over = await guess()
  t.equal(over.status, 429)
  t.match(over.headers.get('retry-after'), /^[1-9]\d*$/)
  t.equal(await codeOf(over), 'password-attempts', 'guessing here counts as anywhere')
  const right = await fetch(directUrl, { headers: { ...JSON_ONLY, ...header(PASSWORD) } })
  t.equal(await codeOf(right), 'password-attempts', 'and then the right one waits as well')
})

t.test(
  'attempts are counted over all edges, and the link is as good as before when they are used up',
  async (t) => {
    const { url } = await startEdges(t, { edges: 2, config: { link: { passwordAttempts: 4 } } })
    const { directUrl, url: page } = await guarded(url())
    const codes = await Promise.all(
      Array.from({ length: 20 }, async (_, i) => {
        const headers = { ...JSON_ONLY, ...header(`guess ${i}`) }
        return await codeOf(await fetch(directUrl.replace(url(0), url(i % 2)), { headers }))
      })
    )
    t.equal(codes.filter((code) => code === 'password-wrong').length, 4)
    t.equal(codes.filter((code) => code === 'password-attempts').length, 16)
    const right = await fetch(directUrl, { headers: { ...JSON_ONLY, ...header(PASSWORD) } })
    t.equal(right.status, 429)
    t.ok(Number(right.headers.get('retry-after')) > 60)
    t.equal((await fetch(directUrl)).status, 401, 'whoever gives none is asked for it as before')
    t.match(await (await fetch(page, { headers: JSON_ONLY })).json(), { downloadsLeft: 1 })
  }
)

t.test('an answer that was lost is given again, whatever attempts are left by then', async (t) => {
  const { url, edges } = await startEdges(t, { config: { link: { passwordAttempts: 1 } } })
  const controller = edges[0]?.participant.controller
  if (controller === undefined) throw new Error('no edge')
  const { directUrl } = await guarded(url(), { downloads: '2' })
  const tokenHash = hashSecret(new URL(directUrl).pathname.split('/').at(-1) ?? '')
  const claim = (secret: string, shown: { proof?: string } = {}) =>
    controller.call('claimLink', { tokenHash, claimHash: hashSecret(secret), ...shown })
  const asked = await claim('mine')
  if (asked.outcome !== 'password-required') throw new Error(asked.outcome)
  t.notOk('hash' in asked.challenge, 'what it is compared with stays where it is')
  t.equal(asked.retryAfterMs, 0)
  const proof = await passwordTag(PASSWORD, asked.challenge)
  t.match(await claim('mine', { proof }), { outcome: 'claimed' })
  t.match(
    await claim('other', { proof: tagHash(proof) }),
    { outcome: 'password-wrong' },
    'what is stored opens nothing'
  )
  t.match(await claim('mine', { proof }), { outcome: 'claimed' }, 'the same request')
  const refused = await claim('other', { proof })
  if (refused.outcome !== 'password-required') throw new Error(refused.outcome)
  t.ok(refused.retryAfterMs > 3_000_000, 'another one is not even compared')
})

t.test(
  'of many proofs that come to the controller at once, no more are compared than are left',
  async (t) => {
    const { url, edges } = await startEdges(t, { config: { link: { passwordAttempts: 4 } } })
    const { directUrl, url: page } = await guarded(url())
    const tokenHash = hashSecret(new URL(directUrl).pathname.split('/').at(-1) ?? '')
    const answers = await Promise.all(
      Array.from({ length: 100 }, async () => {
        const proof = randomBytes(32).toString('hex')
        const request = { tokenHash, claimHash: hashSecret(newSecret()), proof }
        return await edges[0]?.participant.controller.call('claimLink', request)
      })
    )
    t.equal(answers.filter((answer) => answer?.outcome === 'password-wrong').length, 4)
    t.equal(answers.filter((answer) => answer?.outcome === 'password-required').length, 96)
    t.match(await (await fetch(page, { headers: JSON_ONLY })).json(), { downloadsLeft: 1 })
  }
)

t.test('an address has so many attempts for all links together', async (t) => {
  const { url } = await startEdges(t, { config: { link: { passwordAttemptsPerAddress: 3 } } })
  const links = await Promise.all([1, 2, 3, 4].map(() => guarded(url())))
  const codes: string[] = []
  for (const { directUrl } of links)
    codes.push(await codeOf(await fetch(directUrl, { headers: { ...JSON_ONLY, ...header('a guess') } })))
  t.same(codes, ['password-wrong', 'password-wrong', 'password-wrong', 'password-attempts'])
})

t.test('wrong passwords beside right ones: one winner, and no trace of the others', async (t) => {
  const edges = await startEdges(t, {
    edges: 2,
    config: {
      link: { passwordAttempts: 1000, passwordAttemptsPerAddress: 1000 },
      edge: { passwordWaitersMax: 1000 }
    }
  })
  const { url } = edges
  const { directUrl } = await guarded(url())
  const secrets = Array.from({ length: 60 }, newSecret)
  const answers = await Promise.all(
    secrets.map(async (secret, i) => {
      const headers = { ...JSON_ONLY, ...header(i % 20 === 5 ? PASSWORD : `guess ${i}`) }
      const answer = await fetch(`${directUrl.replace(url(0), url(i % 2))}?claim=${secret}`, { headers })
      return { status: answer.status, body: await bodyOf(answer) }
    })
  )
  const winners = answers.filter(({ status }) => status === 200)
  t.equal(winners.length, 1)
  t.ok(winners[0]?.body.equals(bytes))
  t.ok(answers.every(({ status }, i) => i % 20 === 5 || status === 403 || status === 410))
  const tokenHash = hashSecret(new URL(directUrl).pathname.split('/').at(-1) ?? '')
  const call = edges.edges[0]?.participant.controller
  for (const [i, secret] of secrets.entries()) {
    if (i % 20 === 5) continue
    const report = { ranges: [], bytesSent: 0, reportId: 'is it there' }
    const made = await call?.call('reportClaim', { tokenHash, claimHash: hashSecret(secret), ...report })
    if (made?.claim !== null) t.fail('a wrong password left a claim')
  }
})

t.test('several downloads, each with the password, and each resumed without', async (t) => {
  const { url } = await startEdges(t, { edges: 2 })
  const { directUrl, url: page } = await guarded(url(), { downloads: '2' })
  const claims = [newSecret(), newSecret()]
  for (const claim of claims) {
    const address = `${directUrl}?claim=${claim}`
    t.equal(
      (await fetch(address, { headers: { range: 'bytes=0-99' } })).status,
      401,
      'a claim that is not made'
    )
    const first = await fetch(address, { headers: { range: 'bytes=0-49999', ...header(PASSWORD) } })
    t.equal(first.status, 206)
    const head = await bodyOf(first)
    const rest = await fetch(address.replace(url(0), url(1)), { headers: { range: 'bytes=50000-' } })
    t.equal(rest.status, 206, 'from another edge, and without a password')
    t.ok(bytes.equals(Buffer.concat([head, await bodyOf(rest)])))
    const wrong = await fetch(address, { headers: header('a guess') })
    t.equal(wrong.status, 200, 'nor does a wrong one take it away')
    await wrong.arrayBuffer()
  }
  t.equal((await fetch(page, { headers: JSON_ONLY })).status, 410)
  const late = await fetch(directUrl, { headers: { ...JSON_ONLY, ...header('a guess') } })
  t.equal(await codeOf(late), 'link-used', 'why it is gone is told to everybody')
})

t.test('a range outside a file does not spend its link', async (t) => {
  const { url } = await startEdges(t, { config: { link: { passwordAttempts: 2 } } })
  const { directUrl } = await guarded(url())
  for (const address of [directUrl, `${directUrl}?claim=${newSecret()}`]) {
    const ask = (headers: Record<string, string>) =>
      fetch(address, { headers: { ...JSON_ONLY, range: 'bytes=999999999-', ...headers } })
    t.equal((await ask(header(PASSWORD))).status, 416)
    t.equal((await ask({})).status, 401)
    const wrong = await ask(header('a guess'))
    t.equal(wrong.status, 403, 'which is one attempt')
    t.equal(wrong.headers.get('content-range'), null)
  }
  const other = await fetch(directUrl, { headers: { ...JSON_ONLY, ...header('a guess') } })
  t.equal(other.status, 429)
  const later = await guarded(url())
  t.equal(
    (
      await fetch(`${later.directUrl}?claim=${newSecret()}`, {
        headers: { range: 'bytes=999999999-', ...header(PASSWORD) }
      })
    ).status,
    416
  )
  const whole = await fetch(later.directUrl, { headers: header(PASSWORD) })
  t.equal(whole.status, 200)
  await whole.arrayBuffer()
})

t.test('the page asks for it, says what was wrong, and then leads to the file', async (t) => {
  const { url } = await startEdges(t, { config: { link: { passwordAttempts: 2 } } })
  const { url: page } = await guarded(url())
  const shown = await (await fetch(page, { headers: HTML })).text()
  t.match(shown, /<input[^>]+name="password"[^>]+type="password"/s)
  const claim = /name="claim" value="([\w-]{43})"/.exec(shown)?.[1] ?? ''
  const press = (password?: string) =>
    fetch(page, {
      method: 'POST',
      body: new URLSearchParams({ claim, ...(password !== undefined && { password }) }),
      headers: HTML,
      redirect: 'manual'
    })
  const missing = await press()
  t.equal(missing.status, 401)
  t.equal(
    missing.headers.get('www-authenticate'),
    'X-Password realm="peerbin"',
    'no window of the browser’s own'
  )
  const wrong = await press('<b>guess</b>')
  t.equal(wrong.status, 403)
  const text = await wrong.text()
  t.match(text, /role="alert">That is not the password of this link\./)
  t.match(text, /name="password"/)
  t.notMatch(text, 'guess')
  const right = await press(PASSWORD)
  t.equal(right.status, 303)
  const location = right.headers.get('location') ?? ''
  t.notMatch(location, encodeURIComponent(PASSWORD))
  t.ok(bytes.equals(await bodyOf(await fetch(new URL(location, url())))), 'the claim URL needs none')
})

t.test('when no more are heard the page says so, and when', async (t) => {
  const { url } = await startEdges(t, { config: { link: { passwordAttempts: 1 } } })
  const { url: page } = await guarded(url())
  const press = () =>
    fetch(page, { method: 'POST', body: new URLSearchParams({ password: 'x' }), headers: HTML })
  t.equal((await press()).status, 403)
  const over = await press()
  t.equal(over.status, 429)
  t.match(over.headers.get('retry-after'), /^[1-9]\d*$/)
  t.match(await over.text(), /Too many wrong passwords/)
})

t.test('curl sends it up and down', async (t) => {
  const { url } = await startEdges(t)
  const { stdout } = await curl(['-T', '-', '-H', `X-Password: ${PASSWORD}`, `${url()}/plans.pdf`], bytes)
  const direct = stdout.toString().trim().replace('/d/', '/download/')
  const status = async (...args: string[]) => {
    const { stdout: text } = await curl(['-o', '/dev/null', '-w', '%{http_code}', ...args, direct])
    return text.toString()
  }
  t.equal(await status(), '401')
  t.equal(await status('-u', ':guess'), '403')
  t.equal(await status('-H', 'X-Password: guess'), '403')
  const { stdout: file } = await curl(['-u', `:${PASSWORD}`, direct])
  t.ok(bytes.equals(file))
})

const hasWget = spawnSync('wget', ['--version']).status === 0
const skip = !hasWget && process.env['CI'] === undefined ? 'wget is not installed' : false

t.test('wget sends it when it is asked to', { skip }, async (t) => {
  const { url } = await startEdges(t)
  const { directUrl } = await guarded(url())
  const args = ['-q', '-O', '-', '--tries=1', '--user=peerbin', `--password=${PASSWORD}`, directUrl]
  const child = spawn('wget', args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const pieces: Buffer[] = []
  child.stdout.on('data', (piece: Buffer) => pieces.push(piece))
  await once(child, 'close')
  t.ok(bytes.equals(Buffer.concat(pieces)))
})

t.test('too many at once are turned away, and the link is not spent', async (t) => {
  const { url } = await startEdges(t, {
    config: {
      link: { passwordAttempts: 1000, passwordAttemptsPerAddress: 1000, passwordMemoryKiB: 16_384 },
      edge: { passwordsAtOnce: 1, passwordWaitersMax: 2 }
    }
  })
  const { directUrl } = await guarded(url())
  const answers = await Promise.all(
    Array.from({ length: 30 }, () => fetch(directUrl, { headers: { ...JSON_ONLY, ...header('a guess') } }))
  )
  const busy = answers.filter(({ status }) => status === 503)
  t.ok(busy.length > 0)
  t.match(busy[0]?.headers.get('retry-after'), /^[1-9]\d*$/)
  for (const answer of answers) t.match(await codeOf(answer), /^(?:busy|password-wrong)$/)
  t.equal((await fetch(directUrl, { headers: header(PASSWORD) })).status, 200)
})

t.test('no password, and nothing made of it, reaches a log', async (t) => {
  const lines: string[] = []
  const logger = createLogger('debug', {}, { write: (line) => void lines.push(line) })
  const { url } = await startEdges(t, { logger })
  const { directUrl, url: page } = await guarded(url())
  await fetch(directUrl, { headers: { ...JSON_ONLY, ...header('a guess to look for') } })
  await fetch(directUrl, { headers: { ...JSON_ONLY, ...basic('a guess to look for') } })
  await fetch(page, { method: 'POST', body: new URLSearchParams({ password: 'a guess to look for' }) })
  await (await fetch(directUrl, { headers: header(PASSWORD) })).arrayBuffer()
  t.ok(lines.length > 0)
  for (const secret of [
    PASSWORD,
    'a guess to look for',
    Buffer.from(':a guess to look for').toString('base64')
  ])
    t.notOk(lines.some((line) => line.includes(secret)))
})
