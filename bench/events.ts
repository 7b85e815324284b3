/**
 * `node bench/events.ts [--listeners 2000] [--users 200] [--rounds 5] [--behind 100000]`: how soon events reach those who listen, what a listener costs an edge, and how fast somebody
 * catches up who is far behind. The controller is in this process, with its metadata on the disk; the edge and the clients have processes of their own, on this machine. Events are
 * written as they always are, by what they tell of: a new quota for a user each.
 */

import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { createController, createEdge } from '../src/index.ts'
import { SqliteMetadataStore } from '../src/metadata/sqlite-metadata-store.ts'
import { silentLogger } from '../src/runtime/logger.ts'
import type { UserId } from '../src/types.ts'
import { inParallel, percentile } from './clients.ts'

const { values } = parseArgs({
  options: {
    listeners: { type: 'string', default: '2000' },
    users: { type: 'string', default: '200' },
    rounds: { type: 'string', default: '5' },
    behind: { type: 'string', default: '100000' },
    as: { type: 'string' }
  }
})

const CONFIG = {
  account: { passwordMemoryKiB: 128, passwordPasses: 1, registrationsPerAddress: 0, signInsPerMinute: 0 },
  edge: { port: 0, ratePerMinute: 10_000_000 },
  events: { listenersMax: 100_000, listenersPerUser: 10_000 },
  heartbeat: { intervalMs: 250 }
}
const AT_ONCE = 50

/** What the client process is told, and tells. */
type Order =
  | { do: 'listen'; url: string; tokens: string[]; count: number }
  | { do: 'take' }
  | { do: 'catch-up'; url: string; token: string; json: boolean }
type Taken = { delaysMs: number[] } | { events: number; ms: number; firstGap: number | null }

/** A stream of lines that are looked at as they come, and not kept. */
async function lines(
  url: string,
  token: string,
  onLine: (line: string) => void
): Promise<() => Promise<void>> {
  const asked = request(url, { headers: { authorization: `Bearer ${token}` }, agent: false })
  asked.end()
  const [answer] = (await once(asked, 'response')) as [IncomingMessage]
  if (answer.statusCode !== 200) throw new Error(`${answer.statusCode}`)
  let rest = ''
  answer.setEncoding('utf8').on('data', (text: string) => {
    const parts = (rest + text).split('\n')
    rest = parts.pop() ?? ''
    for (const part of parts) onLine(part)
  })
  const ended = once(answer, 'close')
  return async () => void (await ended)
}

async function client(): Promise<void> {
  let delaysMs: number[] = []
  const work: Record<Order['do'], (order: never) => Promise<Taken | 'listening'>> = {
    listen: async ({ url, tokens, count }: Extract<Order, { do: 'listen' }>) => {
      await inParallel(AT_ONCE, count, async (i) => {
        await lines(`${url}/api/events?types=account.changed`, tokens[i % tokens.length] ?? '', (line) => {
          if (!line.startsWith('data: ')) return
          const { time } = JSON.parse(line.slice(6)) as { time: string }
          delaysMs.push(Date.now() - Date.parse(time))
        })
      })
      return 'listening'
    },
    take: async () => {
      const taken = delaysMs
      delaysMs = []
      return { delaysMs: taken }
    },
    'catch-up': async ({ url, token, json }: Extract<Order, { do: 'catch-up' }>) => {
      const startedAt = performance.now()
      let events = 0
      let last = 0
      let firstGap: number | null = null
      const seen = (sequence: number): void => {
        if (sequence !== last + 1) firstGap ??= sequence
        last = sequence
        events++
      }
      if (json)
        for (let after = 'start', more = true; more;) {
          const answer = await fetch(`${url}/api/events?format=json&after=${after}`, {
            headers: { authorization: `Bearer ${token}` }
          })
          const page = (await answer.json()) as {
            events: Array<{ sequence: string }>
            cursor: string
            more: boolean
          }
          for (const { sequence } of page.events) seen(Number(sequence))
          after = page.cursor
          more = page.more
        }
      else {
        const end = await lines(`${url}/api/events?after=start&wait=0`, token, (line) => {
          const [, sequence] = /"sequence":"(\d+)"/.exec(line) ?? []
          if (sequence !== undefined) seen(Number(sequence))
        })
        await end()
      }
      return { events, ms: performance.now() - startedAt, firstGap }
    }
  }
  process.on('message', (order: Order) => {
    void work[order.do](order as never).then(
      (answer) => process.send?.(answer),
      (error: unknown) => {
        console.error(error)
        process.exit(1)
      }
    )
  })
  process.once('disconnect', () => process.exit(0))
}

async function edge(): Promise<void> {
  const running = await createEdge({ join: process.env['BENCH_JOIN'] ?? '', config: CONFIG })
  await running.start()
  process.on('message', () => {
    globalThis.gc?.()
    process.send?.(process.memoryUsage().heapUsed)
  })
  process.once('disconnect', () => process.exit(0))
  process.send?.(running.url)
}

const child = (as: string, env: Record<string, string> = {}): ChildProcess =>
  fork(fileURLToPath(import.meta.url), ['--as', as], {
    env: { ...process.env, ...env },
    execArgv: ['--expose-gc']
  })
async function ask<T>(of: ChildProcess, order: Order | 'heap'): Promise<T> {
  of.send(order)
  const [answer] = (await once(of, 'message')) as [T]
  return answer
}

const MB = 1024 * 1024
const anonymousBytes = (pid: number | undefined): number =>
  Number(/RssAnon:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024

async function register(url: string, username: string): Promise<{ id: UserId; token: string }> {
  const answer = await fetch(`${url}/api/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username, password: 'correct horse battery' })
  })
  if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`)
  const { user_id, access_token } = (await answer.json()) as { user_id: UserId; access_token: string }
  return { id: user_id, token: access_token }
}

async function main(): Promise<void> {
  const [listeners, users, rounds, behind] = [
    values.listeners,
    values.users,
    values.rounds,
    values.behind
  ].map(Number) as [number, number, number, number]
  const folder = await mkdtemp(join(tmpdir(), 'peerbin-bench-events-'))
  const file = join(folder, 'metadata.db')
  const store = new SqliteMetadataStore({ file, operationsWaitingMax: 100_000, logger: silentLogger })
  const controller = await createController({ store, config: CONFIG })
  await controller.start()
  const edgeProcess = child('edge', { BENCH_JOIN: controller.joinString })
  const clients = child('client')
  try {
    const [url] = (await once(edgeProcess, 'message')) as [string]
    const people: Array<{ id: UserId; token: string }> = []
    await inParallel(10, users, async (i) => {
      people[i] = await register(url, `user ${i}`)
    })
    let quotaBytes = 0
    const change = async (id: UserId): Promise<unknown> =>
      await store.changeUser({ id, quotaBytes: ++quotaBytes, now: Date.now() })
    const heapBefore = await ask<number>(edgeProcess, 'heap')
    const rssBefore = anonymousBytes(edgeProcess.pid)
    await ask(clients, { do: 'listen', url, tokens: people.map(({ token }) => token), count: listeners })
    await pause(2000)
    const heapAfter = await ask<number>(edgeProcess, 'heap')
    const rssAfter = anonymousBytes(edgeProcess.pid)
    console.log(
      `${listeners} listeners of ${users} users: ${((heapAfter - heapBefore) / listeners / 1024).toFixed(1)} KiB of heap each, ` +
        `${((rssAfter - rssBefore) / listeners / 1024).toFixed(1)} KiB of anonymous memory (edge ${Math.round(rssAfter / MB)} MB)`
    )
    for (let round = 0; round < rounds; round++) {
      await Promise.all(people.map(async ({ id }) => await change(id)))
      const delays: number[] = []
      for (const endsAt = Date.now() + 20_000; delays.length < listeners && Date.now() < endsAt;) {
        await pause(200)
        delays.push(...(await ask<{ delaysMs: number[] }>(clients, { do: 'take' })).delaysMs)
      }
      const at = (p: number): string => `${percentile(delays, p)} ms`
      console.log(
        `an event for each, at once: ${delays.length} told, p50 ${at(0.5)}, p99 ${at(0.99)}, max ${Math.max(...delays)} ms`
      )
    }
    const late = await register(url, 'late')
    for (let i = 0; i < behind; i += 1000)
      await Promise.all(Array.from({ length: Math.min(1000, behind - i) }, async () => await change(late.id)))
    for (const json of [false, true]) {
      const before = anonymousBytes(edgeProcess.pid)
      const asked = ask<Extract<Taken, { events: number }>>(clients, {
        do: 'catch-up',
        url,
        token: late.token,
        json
      })
      let peak = 0
      const watch = setInterval(() => (peak = Math.max(peak, anonymousBytes(edgeProcess.pid))), 50)
      const { events, ms, firstGap } = await asked
      clearInterval(watch)
      console.log(
        `${events} events behind, by ${json ? 'pages' : 'a stream'}: ${(ms / 1000).toFixed(1)} s, ${Math.round(events / (ms / 1000))} events/s, ` +
          `gap: ${firstGap ?? 'none'}; edge ${Math.round(before / MB)} MB before, ${Math.round(peak / MB)} MB at most`
      )
    }
  } finally {
    clients.disconnect()
    edgeProcess.disconnect()
    await controller.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

if (values.as === 'client') await client()
else if (values.as === 'edge') await edge()
else await main()
