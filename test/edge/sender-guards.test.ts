/** The sender's page against those who are not the sender. */

import t from 'tap'
import { createLogger } from '../../src/runtime/logger.ts'
import { until } from '../kit/until.ts'
import { sampleBytes, startEdges, upload } from './edge-cluster.ts'
import { codeOf, DAY_MS, JSON_ONLY, later, look, newSecret, PAGE, post } from './sender-kit.ts'

t.test('a wrong secret learns and does nothing', async (t) => {
  const { url } = await startEdges(t)
  const share = await upload(url(), sampleBytes(10))
  const token = share.url.split('/').at(-1) ?? ''
  for (const secret of [newSecret(18), token, 'x', 'x'.repeat(10_000), '%2F%00', "'; drop table links"]) {
    const wrong = `${url()}/s/${secret}`
    t.equal(await codeOf(await fetch(wrong, { headers: JSON_ONLY }), 404), 'link-unknown')
    for (const fields of [{ action: 'revoke' }, { action: 'extend', expires: '99999' }])
      t.equal(await codeOf(await post(wrong, fields), 404), 'link-unknown')
  }
  const page = await fetch(`${url()}/s/${newSecret(18)}`, { headers: PAGE })
  t.equal(page.status, 404)
  t.match(await page.text(), 'This link does not exist')
  t.match(await look(share.senderUrl), { state: 'live', expiresAt: share.expiresAt })
  t.equal((await fetch(`${url()}/s/`, { headers: JSON_ONLY })).status, 404)
})

t.test('an unknown secret is asked about as often as a known one', async (t) => {
  const { url, edges } = await startEdges(t)
  const share = await upload(url(), sampleBytes(10))
  const controller = edges[0]?.participant.controller
  if (controller === undefined) throw new Error('no edge')
  const asked: string[] = []
  const call = controller.call.bind(controller)
  controller.call = (op, ...rest) => {
    asked.push(op)
    return call(op, ...rest)
  }
  const during = async (work: () => Promise<Response>): Promise<string[]> => {
    asked.length = 0
    await (await work()).arrayBuffer()
    return [...asked]
  }
  const unknown = `${url()}/s/${newSecret(18)}`
  t.same(await during(() => fetch(unknown)), ['findSentLink', 'listClaims'])
  t.same(await during(() => fetch(share.senderUrl)), ['findSentLink', 'listClaims'])
  for (const [fields, question] of [
    [{ action: 'extend', expires: '1' }, 'extendLink'],
    [{ action: 'revoke' }, 'revokeLink']
  ] as const) {
    t.same(await during(() => post(unknown, fields)), ['findSentLink', question])
    t.same((await during(() => post(share.senderUrl, fields))).slice(0, 2), ['findSentLink', question])
  }
})

t.test('pages of other sites cannot post', async (t) => {
  const { url } = await startEdges(t, { config: { edge: { publicUrl: 'https://files.example' } } })
  const share = await upload(url(), sampleBytes(10))
  const senderUrl = share.senderUrl.replace('https://files.example', url())
  const own = new URL(url()).host
  for (const headers of [
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { 'sec-fetch-site': 'cross-site', origin: url() },
    { origin: 'https://evil.example' },
    { origin: 'https://files.example.evil.example' },
    { origin: 'nonsense' }
  ]) {
    const answer = await post(senderUrl, { action: 'revoke' }, { ...JSON_ONLY, ...headers })
    t.equal(await codeOf(answer, 403), 'origin-forbidden', JSON.stringify(headers))
  }
  t.match(await look(senderUrl), { state: 'live' })
  for (const headers of [
    { 'sec-fetch-site': 'same-origin', origin: 'null' },
    { 'sec-fetch-site': 'none' },
    { origin: 'null' },
    { origin: `http://${own}` },
    { origin: 'https://files.example' }
  ]) {
    const answer = await post(senderUrl, { action: 'revoke' }, { ...JSON_ONLY, ...headers })
    t.equal(answer.status, 200, JSON.stringify(headers))
  }
})

t.test('guesses are limited, and neither they nor the secret get into the log', async (t) => {
  const lines: string[] = []
  const logger = createLogger('debug', {}, { write: (line) => void lines.push(line) })
  const { url } = await startEdges(t, { logger, config: { edge: { ratePerMinute: 20 } } })
  const share = await upload(url(), sampleBytes(10), { name: 'private-name.txt' })
  const secret = share.senderUrl.split('/').at(-1) ?? ''
  const wrong = newSecret(18)
  await look(share.senderUrl)
  await fetch(`${share.senderUrl}?after=x`)
  await post(share.senderUrl, { action: 'extend', expiresAt: later(share, DAY_MS) })
  await post(share.senderUrl, { action: 'revoke' })
  const statuses = []
  for (let i = 0; i < 20; i++) statuses.push((await fetch(`${url()}/s/${wrong}`)).status)
  t.same(new Set(statuses), new Set([404, 429]))
  await until('answers are logged', () => lines.filter((line) => line.includes('"answered"')).length >= 20)
  const log = lines.join('')
  t.match(log, '/s/:secret')
  t.match(log, 'a link was extended')
  for (const word of [secret, wrong, share.url.split('/').at(-1) ?? '', 'private-name'])
    t.notOk(log.includes(word))
})

t.test('when the controller is away the page says so, with a way back', async (t) => {
  const edges = await startEdges(t, {
    config: { controller: { waitMs: 100, requestTimeoutMs: 200, callTimeoutMs: 500 } }
  })
  const share = await upload(edges.url(), sampleBytes(10))
  const edge = edges.edges[0]?.participant.peer
  const controller = edges.edges[0]?.participant.membership.active('controller')[0]?.peer
  if (edge === undefined || controller === undefined) throw new Error('no edge')
  edges.cluster.hub.cut(edge, controller)
  const page = await post(share.senderUrl, { action: 'revoke' }, PAGE)
  t.equal(page.status, 503)
  t.match(await page.text(), `href="${new URL(share.senderUrl).pathname}"`)
})
