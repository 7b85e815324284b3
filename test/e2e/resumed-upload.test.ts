import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import t from 'tap'
import { Upload } from 'tus-js-client'
import type { HttpResponse } from 'tus-js-client'
import { cuttingProxy } from '../kit/cutting-proxy.ts'
import { PeerbinProcess, runPeerbin, startUp } from '../kit/processes.ts'
import { testFolder } from '../kit/test-folder.ts'
import { until } from '../kit/until.ts'

t.setTimeout(300_000)

const MB = 1_000_000
const SIZE = 24 * MB
/** Sent with one request: what was answered is there, whatever happens to the next one. */
const PART = 9 * MB
const LIMIT = ['--set', 'edge.uploadBytesMax=30MB']

t.test('an edge is killed in the middle of an upload, and another one goes on with it', async (t) => {
  const folder = testFolder(t)
  const data = join(folder, 'data')
  const { up, url } = await startUp(data, ['--nodes', '2', ...LIMIT])
  t.teardown(() => up.stop())
  const { stdout } = await runPeerbin(['init', '--data', data])
  const other = new PeerbinProcess(
    ['edge', '--data', join(folder, 'other'), '--port', '0', '--join', stdout.trim(), ...LIMIT],
    {}
  )
  t.teardown(() => other.stop('SIGKILL'))
  await other.until('its ready line', () => other.stdout.includes('\n'))
  const doomed = /http:\S+/.exec(other.stdout)?.[0] ?? ''
  await until('it would take an upload', async () => (await fetch(`${doomed}/readyz`)).status === 200)

  const bytes = randomBytes(SIZE)
  const line = await cuttingProxy(t, doomed, { afterBytes: Infinity })
  const requests: string[] = []
  const offsets: number[] = []
  let killed: Promise<unknown> | undefined
  const last = await new Promise<HttpResponse>((resolve, reject) => {
    new Upload(bytes, {
      endpoint: `${line.url}/files/`,
      metadata: { filename: 'a.bin' },
      chunkSize: PART,
      retryDelays: Array.from({ length: 50 }, () => 200),
      onProgress: (sent) => {
        if (sent < PART + 5 * MB || killed !== undefined) return
        killed = other.stop('SIGKILL')
        line.aim(url)
      },
      onBeforeRequest: (request) => void requests.push(request.getMethod()),
      onAfterResponse: (request, response) => {
        if (request.getMethod() === 'HEAD') offsets.push(Number(response.getHeader('upload-offset')))
      },
      onSuccess: ({ lastResponse }) => resolve(lastResponse),
      onError: reject
    }).start()
  })
  t.match(await killed, { signal: 'SIGKILL' })
  t.equal(requests.filter((method) => method === 'POST').length, 1, 'it is not begun anew')
  const offset = offsets.at(-1) ?? 0
  t.ok(offset >= PART && offset < SIZE, `it goes on from ${offset}`)
  const link = new URL(last.getHeader('x-link') ?? '').pathname.replace('/d/', '/download/')
  const answer = await fetch(url + link)
  t.ok(Buffer.from(await answer.arrayBuffer()).equals(bytes), 'and every byte is there')
})
