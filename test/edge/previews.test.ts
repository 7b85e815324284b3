/** Those who look at links for others: chat programs, mail scanners, crawlers. They get the page, and nothing is spent. */

import t from 'tap'
import { askAsStranger, claimsMade, newSecret } from './claims.ts'
import { sampleBytes, startEdges, upload } from './edge-cluster.ts'
import { PREVIEW_AGENTS } from './http/preview-agents.ts'

/** What they ask for: pages, anything, images, and some say nothing. */
const ACCEPTS = ['text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', '*/*', 'image/*', '']

t.setTimeout(240_000)

t.test('link previews and scanners never spend a link', async (t) => {
  const cluster = await startEdges(t)
  const bytes = sampleBytes(100_000)
  for (const [who, agents] of Object.entries(PREVIEW_AGENTS)) {
    t.test(who, async (t) => {
      const { directUrl, url: page } = await upload(cluster.url(), bytes, { name: 'report.pdf' })
      for (const address of [page, directUrl, `${directUrl}?claim=${newSecret()}`])
        for (const agent of agents)
          for (const accept of ACCEPTS)
            for (const method of ['GET', 'HEAD']) {
              // some look at the first bytes only
              const range: Record<string, string> = accept === '*/*' ? { range: 'bytes=0-262143' } : {}
              const answer = await fetch(address, {
                method,
                headers: { 'user-agent': agent, accept, ...range }
              })
              const body = Buffer.from(await answer.arrayBuffer())
              const what = `${method} ${accept} ${agent}`
              if (answer.status !== 200) t.fail(`${answer.status}: ${what}`)
              if (answer.headers.get('content-disposition') !== null) t.fail(`a file: ${what}`)
              if (answer.headers.get('etag') !== null) t.fail(`a claim: ${what}`)
              if (answer.headers.get('set-cookie') !== null) t.fail(`a cookie: ${what}`)
              if (body.includes(bytes.subarray(0, 64))) t.fail(`bytes of the file: ${what}`)
            }
      t.equal(await claimsMade(cluster, directUrl), 0)
      t.equal(await askAsStranger(directUrl), 200, 'and whoever it was sent to gets the file')
      t.equal(await claimsMade(cluster, directUrl), 1)
    })
  }
})

t.test('who looks at a link that is used learns that it is, and a claim outranks every guess', async (t) => {
  const cluster = await startEdges(t)
  const bytes = sampleBytes(1000)
  const { directUrl } = await upload(cluster.url(), bytes)
  const mine = `${directUrl}?claim=${newSecret()}`
  await (await fetch(mine)).arrayBuffer()
  for (const agent of Object.values(PREVIEW_AGENTS).flat()) {
    const headers = { 'user-agent': agent, accept: '*/*' }
    const looked = await fetch(directUrl, { headers })
    await looked.arrayBuffer()
    if (looked.status !== 410) t.fail(`${looked.status} for ${agent}`)
  }
  const headers = { 'user-agent': PREVIEW_AGENTS['Slack']?.[0] ?? '', accept: 'text/html' }
  const answer = await fetch(mine, { headers })
  t.ok(bytes.equals(Buffer.from(await answer.arrayBuffer())))
})
