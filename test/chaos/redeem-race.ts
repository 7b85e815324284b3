/** Many links, each redeemed by many clients at once through several edges: exactly one of them gets each file. */

import { Agent, request } from 'node:http'
import { z } from 'zod'
import { contentOf } from './content.ts'
import { readOptions, runProgram } from './program.ts'
import { Dice } from './random.ts'
import { pause } from './scene.ts'

const FILE_BYTES = 200
const UPLOADS_AT_ONCE = 16
const ATTEMPTS_MAX = 50
const REPORT_EVERY = 500

const options = readOptions(
  'redeem-race',
  'Uploads small files and has each link redeemed by many clients at once, none of which has a secret of its own, through all edges; exactly one of them must get the file, and all others 410.',
  {
    links: { what: 'how many links', default: 10_000, least: 1, most: 1_000_000 },
    clients: { what: 'clients that ask for each link at once', default: 256, least: 2, most: 2000 },
    edges: { what: 'HTTP edges', default: 2, least: 1, most: 8 },
    nodes: { what: 'storage nodes', default: 3, least: 3, most: 12 },
    'at-once': { what: 'links that are raced for at once', default: 2, least: 1, most: 64 }
  }
)

interface Answer {
  status: number
  body: Buffer
}

const agents = new Map<string, Agent>()

/** Connections are kept: what is measured is redemption. */
function ask(url: string): Promise<Answer> {
  const { origin } = new URL(url)
  const agent = agents.get(origin) ?? new Agent({ keepAlive: true, maxSockets: options.clients })
  agents.set(origin, agent)
  return new Promise((resolve, reject) => {
    const outgoing = request(
      url,
      { agent, headers: { accept: '*/*', 'user-agent': 'redeem-race' } },
      (answer) => {
        const pieces: Buffer[] = []
        answer.on('data', (piece: Buffer) => pieces.push(piece))
        answer.on('error', reject)
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body: Buffer.concat(pieces) }))
      }
    )
    outgoing.on('error', reject)
    outgoing.end()
  })
}

const uploaded = z.object({ url: z.url() })

async function upload(edge: string, index: number): Promise<string> {
  for (let attempt = 1; ; attempt++) {
    const answer = await fetch(`${edge}/file-${index}`, {
      method: 'PUT',
      body: new Uint8Array(contentOf(options.seed, index, FILE_BYTES)),
      headers: { accept: 'application/json' }
    })
    const text = await answer.text()
    if (answer.status === 201)
      return new URL(uploaded.parse(JSON.parse(text)).url).pathname.replace('/d/', '/download/')
    if (attempt === ATTEMPTS_MAX) throw new Error(`an upload was answered ${answer.status}: ${text}`)
    await pause(200)
  }
}

async function inParallel(
  width: number,
  count: number,
  work: (index: number) => Promise<void>
): Promise<void> {
  let next = 0
  const lane = async (): Promise<void> => {
    while (next < count) await work(next++)
  }
  await Promise.all(Array.from({ length: Math.min(width, count) }, lane))
}

const settings = [
  'edge.ratePerMinute=10000000',
  'link.ttlMs=86400000',
  'link.graceMs=60000',
  'log.level=warn',
  // what a chaos run does every few seconds to some hundred chunks would take half of the machine with tens of thousands
  'scrub.intervalMs=86400000',
  'scrub.newAfterMs=43200000',
  'scrub.roundMs=600000',
  'inventory.intervalMs=3600000',
  'repair.patrolMs=600000'
]
const timeLimitSeconds = options['time-limit']
await runProgram('redeem-race', { ...options, settings, timeLimitSeconds }, async ({ directUrls }) => {
  const dice = new Dice(options.seed)
  const problems: string[] = []
  const paths: string[] = []
  await inParallel(UPLOADS_AT_ONCE, options.links, async (index) => {
    paths[index] = await upload(dice.pick(directUrls), index)
  })
  console.log(`${options.links} links made`)
  const counts = { requests: 0, again: 0, broken: 0, done: 0 }
  /** Asks until it is told yes or no; whoever has no secret of its own and hears of neither asks as anybody would. */
  const client = async (path: string, index: number, edge: string): Promise<boolean> => {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      counts.requests++
      const answer = await ask(edge + path).catch(() => undefined)
      if (answer?.status === 410) return false
      if (answer?.status === 200) {
        if (!answer.body.equals(contentOf(options.seed, index, FILE_BYTES)))
          problems.push(`link ${index}: ${answer.body.length} wrong bytes`)
        return true
      }
      if (answer === undefined) counts.broken++
      else counts.again++
      await pause(20 + 20 * dice.fraction())
    }
    problems.push(`link ${index}: a client was told neither yes nor no`)
    return false
  }
  const startedAt = performance.now()
  await inParallel(options['at-once'], options.links, async (index) => {
    const path = paths[index] ?? ''
    const offset = dice.whole(0, directUrls.length - 1)
    const clients = Array.from({ length: options.clients }, (_, i) =>
      client(path, index, directUrls[(i + offset) % directUrls.length] ?? '')
    )
    const winners = (await Promise.all(clients)).filter(Boolean).length
    if (winners !== 1) problems.push(`link ${index} has ${winners} winners`)
    if (++counts.done % REPORT_EVERY === 0) console.log(`${counts.done} links, ${problems.length} problems`)
  })
  const seconds = (performance.now() - startedAt) / 1000
  for (const agent of agents.values()) agent.destroy()
  const rates = `${Math.round(counts.requests / seconds)} requests/s, ${(options.links / seconds).toFixed(1)} links/s`
  return {
    problems,
    summary: `${options.links} links x ${options.clients} clients over ${options.edges} edges, ${rates}, ${counts.again} asked again, ${counts.broken} broken`
  }
})
