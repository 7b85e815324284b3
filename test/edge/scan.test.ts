/** A virus scanner in front of the cluster: no link leads to a file that was not looked at. */

import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { clamdAddress } from '../../src/client/scan/clamd-scanner.ts'
import { createScanGate } from '../../src/client/scan/scan-gate.ts'
import { parseConfig } from '../../src/config.ts'
import type { ConfigInput } from '../../src/config.ts'
import { CHUNK_BYTES_MAX } from '../../src/protocol/limits.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import { sleep } from '../../src/runtime/deadline.ts'
import { createLogger, silentLogger } from '../../src/runtime/logger.ts'
import { EICAR, startClamd } from '../kit/clamd.ts'
import type { TestClamd } from '../kit/clamd.ts'
import { until } from '../kit/until.ts'
import { RawClient } from './clients.ts'
import { sampleBytes, startEdges } from './edge-cluster.ts'
import type { EdgeCluster } from './edge-cluster.ts'

const MB = 1_000_000
/** A program that ends as soon as it has found something, without reading on. */
const GREP = ['sh', '-c', 'grep -q EICAR-STANDARD && { echo "stdin: Eicar-Test FOUND"; exit 1; }; exit 0']

const put = (url: string, body: Uint8Array) =>
  fetch(`${url}/a.bin`, {
    method: 'PUT',
    body: new Uint8Array(body),
    headers: { accept: 'application/json' }
  })

const edgesWith = (
  t: Test,
  scan: ConfigInput['scan'],
  more: ConfigInput['edge'] = {}
): Promise<EdgeCluster> =>
  startEdges(t, { config: { scan, edge: { port: 0, uploadBytesMax: 40 * MB, stallMs: 30_000, ...more } } })

const nothingKept = (edges: EdgeCluster) =>
  until('nothing is kept', async () => {
    const { files, chunks, uploadsOpen, spaceUsed } = await edges.cluster.controller.status()
    return files + chunks + uploadsOpen + spaceUsed.anonymous === 0
  })

async function counts(url: string): Promise<unknown> {
  const { edge } = (await (await fetch(`${url}/status`)).json()) as { edge: { scans: unknown } }
  return edge.scans
}

async function clamdFor(
  t: Test,
  listen: { path: string } | { port: number } = { port: 0 }
): Promise<TestClamd> {
  const clamd = await startClamd(listen)
  t.teardown(() => clamd.close())
  return clamd
}

/** A large file with the test string at its end. */
const infected = (length: number): Buffer => Buffer.concat([sampleBytes(length), Buffer.from(EICAR)])

t.test('a program looks at every file, and what it finds is not kept', async (t) => {
  const edges = await edgesWith(t, { command: GREP })
  const { url } = edges
  for (const body of [
    Buffer.from(EICAR),
    infected(9 * MB),
    Buffer.concat([Buffer.from(EICAR), sampleBytes(9 * MB)])
  ]) {
    const answer = await put(url(), body)
    t.equal(answer.status, 422)
    t.match(await answer.json(), { code: 'file-infected' })
  }
  await nothingKept(edges)
  const page = await fetch(`${url()}/a`, { method: 'PUT', body: EICAR, headers: { accept: 'text/html' } })
  t.match(await page.text(), /not safe/)
  const answer = await put(url(), sampleBytes(9 * MB))
  t.equal(answer.status, 201)
  const { directUrl } = (await answer.json()) as { directUrl: string }
  t.ok(sampleBytes(9 * MB).equals(Buffer.from(await (await fetch(directUrl)).arrayBuffer())))
  t.same(await counts(url()), { clean: 1, infected: 4, skipped: 0, refused: 0 })
})

t.test('clamd looks at every file, over TCP and over a socket', async (t) => {
  // the path of a socket has at most 107 characters
  const folder = mkdtempSync(join(tmpdir(), 'clamd-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  for (const listen of [{ port: 0 }, { path: join(folder, 'clamd.ctl') }]) {
    await t.test('path' in listen ? 'socket' : 'TCP', async (t) => {
      const clamd = await clamdFor(t, listen)
      const edges = await edgesWith(t, { clamd: clamd.address })
      const { url } = edges
      t.equal((await put(url(), Buffer.from(EICAR))).status, 422)
      t.equal((await put(url(), infected(9 * MB))).status, 422)
      await nothingKept(edges)
      t.equal((await put(url(), sampleBytes(9 * MB))).status, 201)
      t.equal((await put(url(), Buffer.from('x'))).status, 201)
      t.same(await counts(url()), { clean: 2, infected: 2, skipped: 0, refused: 0 })
      await until('no connection is left', () => clamd.sessions.now === 0)
    })
  }
})

t.test('clamd sees the end of a chunk although others have its memory by then', async (t) => {
  const clamd = await clamdFor(t)
  const { url, cluster } = await edgesWith(t, { clamd: clamd.address })
  const first = Buffer.concat([sampleBytes(CHUNK_BYTES_MAX - EICAR.length), Buffer.from(EICAR)])
  const rest = sampleBytes(CHUNK_BYTES_MAX, 1)
  using sender = await RawClient.open(url())
  sender.write(`PUT /a HTTP/1.1\r\nHost: x\r\nContent-Length: ${first.byteLength + rest.byteLength}\r\n\r\n`)
  sender.write(first)
  await until('the first chunk is stored', async () => (await cluster.controller.status()).chunks > 0)
  for (let i = 0; i < 3; i++) t.equal((await put(url(), sampleBytes(3 * CHUNK_BYTES_MAX, i))).status, 201)
  sender.write(rest)
  await until('there is an answer', () => sender.status > 0)
  t.equal(sender.status, 422)
})

t.test('without a verdict an upload is refused, for whatever reason there is none', async (t) => {
  const clamd = await clamdFor(t)
  const edges = await edgesWith(t, { clamd: clamd.address, timeoutMs: 1000 })
  const { url } = edges
  const refused = async (what: string, body = sampleBytes(5 * MB)): Promise<void> => {
    const answer = await put(url(), body)
    t.equal(answer.status, 503, what)
    t.match(await answer.json(), { code: 'scanner-unavailable' }, what)
    t.match(answer.headers.get('retry-after'), /^\d+$/)
  }
  clamd.streamBytesMax = 4 * MB
  await refused('the file is larger than clamd takes')
  for (const mood of ['silent', 'deaf', 'cut'] as const) {
    clamd.mood = mood
    await refused(mood, mood === 'deaf' ? sampleBytes(30 * MB) : undefined)
  }
  await clamd.close()
  await refused('it is not there', sampleBytes(10))
  await nothingKept(edges)
  t.match(await counts(url()), { clean: 0, refused: 5 })
  for (const command of [['/nowhere/scanner'], ['false', 'x'], ['sh', '-c', 'exit 2'], ['sleep', '60']]) {
    const other = await edgesWith(t, { command, timeoutMs: 1000 })
    const answer = await put(other.url(), sampleBytes(10))
    // `false` ends with 1, which is a verdict
    t.equal(answer.status, command[0] === 'false' ? 422 : 503, command.join(' '))
    await nothingKept(other)
  }
})

t.test('where no verdict is required the file passes, and that is logged and counted', async (t) => {
  const lines: string[] = []
  const logger = createLogger('info', {}, { write: (line) => void lines.push(line) })
  const clamd = await clamdFor(t)
  const scan = { clamd: clamd.address, required: false, timeoutMs: 1000 }
  const { url } = await startEdges(t, { logger, config: { scan, edge: { port: 0, stallMs: 30_000 } } })
  clamd.mood = 'cut'
  t.equal((await put(url(), sampleBytes(9 * MB))).status, 201)
  clamd.mood = 'well'
  t.equal((await put(url(), infected(5 * MB))).status, 422, 'what is found is refused all the same')
  t.same(await counts(url()), { clean: 0, infected: 1, skipped: 1, refused: 0 })
  t.ok(lines.some((line) => line.includes('without a verdict')))
})

t.test('a link is not there before the verdict is', async (t) => {
  const clamd = await clamdFor(t)
  clamd.verdictMs = 1500
  const { url, cluster } = await edgesWith(t, { clamd: clamd.address })
  const answer = put(url(), sampleBytes(100_000))
  await until('all of the file is stored', async () => (await cluster.controller.status()).chunks > 0)
  t.match(await cluster.controller.status(), { files: 0, linksLive: 0 })
  t.equal((await answer).status, 201)
})

t.test('so many files are scanned at once, others wait, and nobody waits for ever', async (t) => {
  const clamd = await clamdFor(t)
  clamd.verdictMs = 100
  const { url } = await edgesWith(t, { clamd: clamd.address, scansMax: 3 })
  const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => put(url(), sampleBytes(50_000, i))))
  t.ok(answers.every(({ status }) => status === 201))
  t.ok(clamd.sessions.peak <= 3, `${clamd.sessions.peak} at once`)

  clamd.mood = 'silent'
  const slow = await edgesWith(t, { clamd: clamd.address, scansMax: 1, waitMs: 300, timeoutMs: 5000 })
  const both = await Promise.all([put(slow.url(), sampleBytes(10)), put(slow.url(), sampleBytes(11))])
  const codes = await Promise.all(both.map(async (each) => ((await each.json()) as { code: string }).code))
  t.same(codes.toSorted(), ['busy', 'scanner-unavailable'])
})

t.test('a slow sender does not keep the scanner from others', async (t) => {
  const clamd = await clamdFor(t)
  const edges = await edgesWith(t, { clamd: clamd.address, scansMax: 1 }, { slowMs: 200, stallMs: 20_000 })
  using slow = await RawClient.open(edges.url())
  slow.write('PUT /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000\r\n\r\n')
  slow.write(sampleBytes(5_000_000))
  await until('it has the scanner', () => clamd.sessions.now === 1)
  t.equal((await put(edges.url(), sampleBytes(1000))).status, 201)
  slow.write(sampleBytes(4_000_000))
  await until('it is told to come again', () => slow.status > 0)
  t.equal(slow.status, 503)
  t.match(slow.body.toString(), /busy/)
})

t.test('a slow sender does not keep the scanner that he has waited for, and gets it again', async (t) => {
  const clamd = await clamdFor(t)
  clamd.verdictMs = 1500
  const scan = { clamd: clamd.address, scansMax: 1, waitMs: 20_000 }
  const { url } = await edgesWith(t, scan, { slowMs: 200, stallMs: 60_000 })
  const first = put(url(), sampleBytes(1000))
  await until('the scanner is taken', () => clamd.sessions.now === 1)
  using slow = await RawClient.open(url())
  slow.write('PUT /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n')
  slow.write(sampleBytes(10))
  t.equal((await first).status, 201)
  t.equal((await put(url(), sampleBytes(1001))).status, 201)
  slow.write(sampleBytes(990))
  await until('he is done too', () => slow.status > 0)
  t.equal(slow.status, 201)
})

t.test('who waits for the scanner keeps no memory from those who have it', async (t) => {
  const clamd = await clamdFor(t)
  const memoryBytes = 2 * CHUNK_BYTES_MAX
  const { url } = await edgesWith(t, { clamd: clamd.address, scansMax: 1 }, { memoryBytes })
  const answers = await Promise.all(Array.from({ length: 6 }, (_, i) => put(url(), sampleBytes(9 * MB, i))))
  t.same(
    answers.map(({ status }) => status),
    answers.map(() => 201)
  )
})

t.test('who waits for memory is not taken for a slow sender, and keeps the scanner', async (t) => {
  const CHUNK = 4 * 1024 * 1024
  const clamd = await clamdFor(t)
  const edges = await edgesWith(
    t,
    { clamd: clamd.address, scansMax: 1 },
    { memoryBytes: CHUNK, memoryWaitMs: 60_000, slowMs: 500 }
  )
  const memory = edges.edges[0]?.memory
  if (memory === undefined) throw new Error('there is no edge')
  using waiting = await RawClient.open(edges.url())
  waiting.write(`PUT /a HTTP/1.1\r\nHost: x\r\nContent-Length: ${CHUNK + 1000}\r\n\r\n`)
  waiting.write(sampleBytes(CHUNK))
  await until('it has the scanner', () => clamd.sessions.now === 1)
  const others = await memory.acquire(CHUNK)
  waiting.write(sampleBytes(1000))
  const next = put(edges.url(), sampleBytes(10))
  await sleep(systemClock, 1500) // three times what a sender may take while others wait
  others.release()
  await until('it is told', () => waiting.status > 0)
  t.equal(waiting.status, 201)
  t.equal((await next).status, 201)
})

t.test('a client that leaves takes its scan with it', async (t) => {
  const clamd = await clamdFor(t)
  const edges = await edgesWith(t, { clamd: clamd.address }, { stallMs: 20_000 })
  using gone = await RawClient.open(edges.url())
  gone.write('PUT /gone HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000\r\n\r\n')
  gone.write(sampleBytes(5_000_000))
  await until('it is being scanned', () => clamd.sessions.now === 1)
  gone.socket.destroy()
  await until('clamd has nothing to do', () => clamd.sessions.now === 0)
  await nothingKept(edges)

  const marker = `peerbin-scan-${process.pid}`
  const programs = await edgesWith(t, {
    command: ['sh', '-c', `cat >/dev/null; : ${marker}; sleep 60; exit 0`]
  })
  using other = await RawClient.open(programs.url())
  other.write('PUT /gone HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n0123456789')
  const running = (): boolean =>
    execFileSync('ps', ['-eo', 'args'])
      .toString()
      .split('\n')
      .filter((line) => line.includes(marker)).length > 0
  await until('the program runs', running)
  other.socket.destroy()
  await until('the program is ended', () => !running())
})

t.test('addresses of clamd, and settings that contradict each other', async (t) => {
  t.same(clamdAddress('/run/clamav/clamd.ctl'), { path: '/run/clamav/clamd.ctl' })
  t.same(clamdAddress('scanner:3310'), { host: 'scanner', port: 3310 })
  t.same(clamdAddress('[::1]:3310'), { host: '::1', port: 3310 })
  for (const text of ['scanner', ':3310', 'a:b', '::1:3310'])
    t.throws(() => clamdAddress(text), { code: 'config-invalid' })
  const gate = (scan: ConfigInput['scan']) =>
    createScanGate({ clock: systemClock, logger: silentLogger, config: parseConfig({ scan }) })
  t.equal(gate({}), undefined)
  t.throws(() => gate({ clamd: 'a:1', command: ['x'] }), { code: 'config-invalid' })
})
