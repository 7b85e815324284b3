/** Links to encrypted files: nothing that has only their address can spend them. */

import t from 'tap'
import { hashSecret } from '../../src/protocol/secrets.ts'
import { uploadContent } from './bundle-kit.ts'
import { askAsStranger, claimOf, claimsMade, newSecret } from './claims.ts'
import { curl } from './clients.ts'
import { sampleBytes, startEdges } from './edge-cluster.ts'

const payload = sampleBytes(100_000)
const index = sampleBytes(1024, 2)
const content = () => ({ indexBytes: index.byteLength, encryption: 'aes256gcm-1' as const })
const proof = newSecret()
const JSON_WANTED = { accept: 'application/json' }
const codeOf = async (answer: Response): Promise<unknown> => ((await answer.json()) as { code: unknown }).code

t.test('encrypted links', async (t) => {
  const cluster = await startEdges(t, {
    edges: 2,
    config: { edge: { uploadBytesMax: 1_000_000 }, link: { reportIntervalMs: 10, passwordAttempts: 3 } }
  })
  const { url } = cluster
  const share = (more: { password?: string; downloads?: number } = {}) =>
    uploadContent(cluster, Buffer.concat([payload, index]), { content, proof, ...more })

  t.test('without the proof, and with a wrong one, nothing is spent', async (t) => {
    const { directUrl, url: page } = await share()
    for (const [headers, status, code] of [
      [{}, 401, 'proof-required'],
      [{ 'x-proof': '' }, 401, 'proof-required'],
      [{ 'x-password': proof }, 401, 'proof-required'],
      [{ 'x-proof': newSecret() }, 403, 'proof-wrong'],
      [{ 'x-proof': 'x' }, 403, 'proof-wrong'],
      [{ 'x-proof': proof.slice(0, -1) }, 403, 'proof-wrong']
    ] as const)
      for (const [address, method] of [
        [directUrl, 'GET'],
        [`${directUrl}?claim=${newSecret()}`, 'GET'],
        [page, 'POST']
      ] as const) {
        const answer = await fetch(address, {
          method,
          headers: { ...JSON_WANTED, ...headers },
          redirect: 'manual'
        })
        t.equal(answer.status, status)
        t.equal(await codeOf(answer), code)
        if (status === 401)
          t.match(answer.headers.get('www-authenticate'), /^X-Proof /, 'nobody is asked for a password')
      }
    t.equal((await curl(['-f', '-OJ', directUrl])).code, 22)
    t.equal(await claimsMade(cluster, directUrl), 0)
  })

  t.test('bots, previews, browsers that follow it and HEAD spend nothing, also with the proof', async (t) => {
    const { directUrl, url: page } = await share()
    for (const address of [directUrl, page, `${page}/index`, `${directUrl}/0`])
      for (const headers of [
        { 'user-agent': 'Slackbot-LinkExpanding 1.0' },
        { 'sec-purpose': 'prefetch', 'x-proof': proof },
        { 'sec-fetch-mode': 'navigate', accept: 'text/html', 'x-proof': proof }
      ])
        await (await fetch(address, { headers })).arrayBuffer()
    const head = await fetch(directUrl, { method: 'HEAD' })
    t.equal(head.headers.get('content-length'), `${payload.byteLength}`)
    t.match(head.headers.get('content-disposition'), 'encrypted')
    t.equal(await claimsMade(cluster, directUrl), 0)
  })

  t.test('with it the payload comes as it is, and a claimant needs it no more', async (t) => {
    const { directUrl } = await share()
    const secret = newSecret()
    const first = await fetch(`${directUrl}?claim=${secret}`, {
      headers: { 'x-proof': proof, range: 'bytes=0-999' }
    })
    t.equal(first.status, 206)
    t.equal(first.headers.get('content-range'), `bytes 0-999/${payload.byteLength}`)
    t.equal(first.headers.get('repr-digest'), null, 'the digest that is known is that of the index too')
    const rest = await fetch(`${directUrl.replace(url(), url(1))}?claim=${secret}`, {
      headers: { range: 'bytes=1000-' }
    })
    const got = Buffer.concat([Buffer.from(await first.arrayBuffer()), Buffer.from(await rest.arrayBuffer())])
    t.ok(got.equals(payload))
    t.equal(await claimsMade(cluster, directUrl), 1)
    t.match(await claimOf(cluster, directUrl, secret), { covered: [{ start: 0, end: payload.byteLength }] })
    t.equal(await askAsStranger(directUrl), 410)
  })

  t.test('its index is told without it, and as it is', async (t) => {
    const { directUrl, url: page } = await share()
    const answer = await fetch(`${page}/index`)
    t.equal(answer.headers.get('content-type'), 'application/octet-stream')
    t.equal(answer.headers.get('content-security-policy'), "default-src 'none'; frame-ancestors 'none'")
    t.ok(Buffer.from(await answer.arrayBuffer()).equals(index))
    t.match(await (await fetch(page, { headers: JSON_WANTED })).json(), {
      encryption: 'aes256gcm-1',
      proofRequired: true,
      payloadBytes: payload.byteLength,
      indexBytes: index.byteLength,
      passwordRequired: false
    })
    t.equal(
      await codeOf(await fetch(`${directUrl}/0`, { headers: { ...JSON_WANTED, 'x-proof': proof } })),
      'index-none'
    )
    t.equal(await claimsMade(cluster, directUrl), 0)
  })

  t.test('with a password as well, no attempt and no hash is spent on who has no proof', async (t) => {
    const { directUrl, url: page } = await share({ password: 'open sesame' })
    const ask = (headers: Record<string, string>) =>
      fetch(directUrl, { headers: { ...JSON_WANTED, ...headers } })
    for (let i = 0; i < 5; i++) {
      t.equal(await codeOf(await ask({ 'x-password': 'guess', 'x-proof': newSecret() })), 'proof-wrong')
      t.equal(await codeOf(await ask({ 'x-password': 'guess' })), 'proof-required')
    }
    t.equal(await codeOf(await ask({ 'x-proof': proof })), 'password-required')
    t.equal(await codeOf(await ask({ 'x-proof': proof, 'x-password': 'guess' })), 'password-wrong')
    t.equal((await fetch(`${page}/index`)).status, 401)
    const closed = await (await fetch(page, { headers: { accept: 'text/html' } })).text()
    t.match(closed, 'data-payload-bytes=""')
    t.match(closed, 'data-index-bytes=""')
    t.equal(await claimsMade(cluster, directUrl), 0)
    const right = await ask({ 'x-proof': proof, 'x-password': 'open sesame' })
    t.ok(Buffer.from(await right.arrayBuffer()).equals(payload))
  })

  t.test('its page says what to do, to people and to scripts', async (t) => {
    const { directUrl, token, url: page, senderUrl } = await share()
    const text = await (await fetch(page, { headers: { accept: 'text/html' } })).text()
    t.match(text, /Only your browser can read it/)
    t.match(text, /<noscript>/)
    t.match(text, `peerbin pull &#39;${page}#…&#39;`)
    t.notMatch(text, /<form/, 'without a script there is nothing to press')
    for (const [name, value] of Object.entries({
      encryption: 'aes256gcm-1',
      'payload-bytes': payload.byteLength,
      'index-bytes': index.byteLength,
      'needs-proof': true,
      'is-protected': false,
      token
    }))
      t.match(text, `data-${name}="${value}"`)
    t.match(text, /data-claim="[\w-]{43}"/)
    t.match(await (await fetch(page)).text(), /^something encrypted \(97\.7 KB\), until .*peerbin pull/)
    t.match(await (await fetch(senderUrl, { headers: { accept: 'text/html' } })).text(), /It is encrypted/)
    t.equal(await claimsMade(cluster, directUrl), 0)
  })

  t.test('its button, pressed by a script', async (t) => {
    const { directUrl, url: page } = await share()
    const claim = newSecret()
    const press = await fetch(`${page}?claim=${claim}`, {
      method: 'POST',
      headers: { 'x-proof': proof },
      redirect: 'manual'
    })
    t.equal(press.status, 303)
    t.equal(press.headers.get('location'), `${new URL(directUrl).pathname}?claim=${claim}`)
    t.equal(await claimsMade(cluster, directUrl), 1)
  })

  t.test('a proof that was shown reaches no store: what is kept opens nothing', async (t) => {
    const { directUrl } = await share()
    t.equal((await fetch(directUrl, { headers: { 'x-proof': hashSecret(proof) } })).status, 403)
  })
})

t.test('an edge that shows nothing gets no claim of a controller either', async (t) => {
  const cluster = await startEdges(t)
  const { token } = await uploadContent(cluster, Buffer.concat([payload, index]), { content, proof })
  const controller = cluster.edges[0]?.participant.controller
  const answer = await controller?.call('claimLink', {
    tokenHash: hashSecret(token),
    claimHash: hashSecret(newSecret())
  })
  t.same(answer, { outcome: 'proof-required' })
})
