/** `peerbin push` and `peerbin pull` over lines that break and change what passes, and of content that lies. */

import { appendFile, mkdir, readFile, readdir, stat, writeFile } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { crc32 } from 'node:zlib'
import { crcText } from '../../src/bundle/crc32.ts'
import { deriveLinkKeys, newLinkSecret } from '../../src/encryption/link-keys.ts'
import { DATA_BYTES, RECORD_BYTES } from '../../src/encryption/scheme.ts'
import { sealPart, sealText } from '../../src/encryption/streams.ts'
import { webCrypto } from '../../src/encryption/web-crypto.ts'
import { hashSecret } from '../../src/protocol/secrets.ts'
import { sampleBytes, startEdges } from '../edge/edge-cluster.ts'
import { runInProcess } from '../kit/cli-context.ts'
import { PeerbinProcess } from '../kit/processes.ts'
import { changingProxy } from '../kit/changing-proxy.ts'
import { testFolder } from '../kit/test-folder.ts'
import { until } from '../kit/until.ts'

const edges = await startEdges(t, { edges: 2, config: { edge: { uploadBytesMax: 60_000_000 } } })
const cwd = testFolder(t)
const first = sampleBytes(3_000_000, 1)
const second = sampleBytes(8_000_000, 2)
await mkdir(join(cwd, 'videos'))
await writeFile(join(cwd, 'videos', 'first.bin'), first)
await writeFile(join(cwd, 'videos', 'second.bin'), second)

let folders = 0
async function newFolder(): Promise<string> {
  const folder = join(cwd, `into-${folders++}`)
  await mkdir(folder)
  return folder
}

async function push(args: string[], servers = [edges.url(0)]): Promise<{ url: string; stderr: string }> {
  const { code, stdout, stderr } = await runInProcess(['push', '--server', servers.join(), ...args], { cwd })
  if (code !== 0) throw new Error(stderr)
  return { url: stdout.trim(), stderr }
}

const isSame = async (folder: string): Promise<boolean> =>
  first.equals(await readFile(join(folder, 'first.bin'))) &&
  second.equals(await readFile(join(folder, 'second.bin')))

for (const options of [[], ['--encrypt']]) {
  const kind = options.length === 0 ? 'plain' : 'encrypted'
  t.test(`${kind}: an upload goes on after each break, at the next edge, and comes whole`, async (t) => {
    // the first is gone with the break, so that the rest has to go through the other
    const edge = await changingProxy(t, edges.url(0), { cutSentAfter: [5_000_000], endsWithCut: true })
    const next = await changingProxy(t, edges.url(1), { cutSentAfter: [5_000_000] })
    const { url, stderr } = await push([...options, 'videos'], [edge.url, next.url])
    t.same([edge.cuts, next.cuts], [1, 1])
    t.match(stderr, /^peerbin: videos: .*; trying http:\S+ in 1 s\n/, 'and says what it waits for')
    const sent = edge.sentBytes + next.sentBytes
    // all of it again after each break would be 21 MB; a busy machine may lose a chunk that was not stored yet
    t.ok(sent < 20_000_000, `what has come is not sent again: ${sent}`)
    const into = await newFolder()
    const { code } = await runInProcess(['pull', url.replace(/^http:..[^/]+/, edges.url(0))], { cwd: into })
    t.equal(code, 0)
    t.ok(await isSame(join(into, 'videos')))
  })
}

t.test('a pull of an encrypted folder that is killed goes on where it was', async (t) => {
  const { url } = await push(['--encrypt', 'videos'])
  const line = await changingProxy(t, edges.url(0), { holdReceivedAfter: 6_000_000 })
  const slow = url.replace(edges.url(0), line.url)
  const into = await newFolder()
  const part = join(into, 'videos.peerbin-part')
  const killed = new PeerbinProcess(['pull', slow], { cwd: into })
  const arrived = async (): Promise<boolean> =>
    existsSync(join(part, 'second.bin')) && (await stat(join(part, 'second.bin'))).size > 2_000_000
  await killed.until('a part has arrived', arrived)
  await killed.stop('SIGKILL')
  const size = (await stat(join(part, 'second.bin'))).size
  t.ok(second.subarray(0, size).equals(await readFile(join(part, 'second.bin'))), 'it is plain, and right')
  const state = await readFile(`${part}.json`, 'utf8')
  t.notOk(state.includes(url.split('#')[1] ?? ''), 'the key is not kept')
  line.release()
  const before = line.receivedBytes
  const again = await runInProcess(['pull', slow], { cwd: into })
  t.equal(again.code, 0, again.stderr)
  t.match(again.stderr, /^peerbin: going on at byte \d+ of 11000000\n$/)
  t.ok(line.receivedBytes - before < 11_000_000 - 5_000_000 + 100_000, 'only the rest was fetched')
  t.ok(await isSame(join(into, 'videos')))
  t.same(await readdir(into), ['videos'])
})

t.test('of a part that rotted on disk only the file that it is in is fetched again', async (t) => {
  const { url } = await push(['videos'])
  const line = await changingProxy(t, edges.url(0), { holdReceivedAfter: 6_000_000 })
  const slow = url.replace(edges.url(0), line.url)
  const into = await newFolder()
  const part = join(into, 'videos.peerbin-part')
  const stop = new AbortController()
  const running = runInProcess(['pull', slow], { cwd: into, interrupted: stop.signal })
  const arrived = async (): Promise<boolean> =>
    existsSync(join(part, 'second.bin')) && (await stat(join(part, 'second.bin'))).size > 2_000_000
  await until('a part has arrived', arrived)
  stop.abort()
  await running
  const { size } = await stat(join(part, 'second.bin'))
  await writeFile(join(part, 'second.bin'), Buffer.alloc(size))
  line.release()
  const before = line.receivedBytes
  const again = await runInProcess(['pull', slow], { cwd: into })
  t.equal(again.code, 0, again.stderr)
  t.match(again.stderr, /does not match the file; it is fetched again/)
  t.ok(await isSame(join(into, 'videos')))
  t.ok(line.receivedBytes - before < 2 * 8_000_000)
})

t.test('a bit that is changed on the way is never in what is saved', async (t) => {
  const { url } = await push(['--encrypt', 'videos'])
  const line = await changingProxy(t, edges.url(0), { flipReceivedAt: 6_000_000 })
  const into = await newFolder()
  const result = await runInProcess(['pull', url.replace(edges.url(0), line.url)], { cwd: into })
  t.match(result, { code: 5, stdout: '', stderr: /\(encrypted-damaged\)\n$/ })
  t.same(
    (await readdir(into)).toSorted(),
    ['videos.peerbin-part', 'videos.peerbin-part.json'],
    'it has no name yet'
  )
  const kept = await readFile(join(into, 'videos.peerbin-part', 'second.bin'))
  t.ok(kept.equals(second.subarray(0, kept.byteLength)), 'and what is there is right')
  t.ok(kept.byteLength < 3_000_000)
  const again = await runInProcess(['pull', url], { cwd: into })
  t.equal(again.code, 0, again.stderr)
  t.ok(await isSame(join(into, 'videos')), 'over a good line it goes on')

  const other = await push(['--encrypt', 'videos'])
  const worse = await changingProxy(t, edges.url(0), { flipReceivedAt: 6_000_000 })
  const pieces: Uint8Array[] = []
  const onBytes = (bytes: Uint8Array): void => void pieces.push(bytes)
  const out = await runInProcess(['pull', '-o', '-', other.url.replace(edges.url(0), worse.url)], { onBytes })
  t.equal(out.code, 5)
  const came = Buffer.concat(pieces)
  t.ok(came.byteLength > 4_000_000 && came.byteLength < 6_000_000, 'nor does it come out')
})

t.test('of a plain bundle a changed bit shows in the end, and nothing is kept', async (t) => {
  const { url } = await push(['videos'])
  const line = await changingProxy(t, edges.url(0), { flipReceivedAt: 6_000_000 })
  const into = await newFolder()
  const result = await runInProcess(['pull', url.replace(edges.url(0), line.url)], { cwd: into })
  t.match(result, { code: 5, stdout: '', stderr: /nothing was kept \(checksum-mismatch\)\n$/ })
  t.same(await readdir(into), [])
})

t.test('an upload of a file that changes, or that is stopped, keeps nothing', async (t) => {
  for (const what of ['changed', 'stopped']) {
    const path = join(cwd, `${what}.bin`)
    // more than sockets hold, so that the end is not read before it changes
    await writeFile(path, Buffer.alloc(50_000_000, 1))
    const stop = new AbortController()
    const line = await changingProxy(t, edges.url(0), { holdSentAfter: 5_000_000 })
    const running = runInProcess(['push', '--encrypt', '--server', line.url, `${what}.bin`], {
      cwd,
      interrupted: stop.signal
    })
    await until('a part was sent', () => line.sentBytes > 5_000_000)
    if (what === 'changed') await appendFile(path, 'more')
    else stop.abort()
    line.release()
    const { code, stdout, stderr } = await running
    t.equal(stdout, '')
    if (what === 'changed')
      t.match(
        { code, stderr },
        { code: 7, stderr: /changed\.bin changed while it was sent; nothing was kept \(local-file\)\n$/ }
      )
    else t.equal(code, 130)
    const address = /PATCH (\/files\/[\w-]+)/.exec(line.sentText)?.[1] ?? ''
    t.not(address, '')
    const head = await fetch(edges.url(1) + address, {
      method: 'HEAD',
      headers: { 'tus-resumable': '1.0.0' }
    })
    t.match(String(head.status), /404|410/, what)
    t.notOk(stderr.includes(address), 'its address is not told')
  }
})

/** What nobody's push sends: an encrypted upload with this index and payload. */
async function upload(
  index: unknown,
  sealed: (keys: Awaited<ReturnType<typeof deriveLinkKeys>>) => Promise<Uint8Array>
): Promise<string> {
  const secret = newLinkSecret(webCrypto)
  const keys = await deriveLinkKeys(secret, webCrypto)
  const payload = await sealed(keys)
  const list = await sealText(keys.index, Buffer.from(JSON.stringify(index)))
  const pairs = {
    encryption: 'aes256gcm-1',
    proofhash: hashSecret(keys.proof),
    indexbytes: String(list.byteLength)
  }
  const metadata = Object.entries(pairs).map(
    ([key, value]) => `${key} ${Buffer.from(value).toString('base64')}`
  )
  const headers = { 'tus-resumable': '1.0.0', accept: 'application/json' }
  const content = Buffer.concat([payload, list])
  const made = await fetch(`${edges.url(0)}/files/`, {
    method: 'POST',
    headers: {
      ...headers,
      'content-type': 'application/offset+octet-stream',
      'upload-length': String(content.byteLength),
      'upload-metadata': metadata.join()
    },
    body: content
  })
  const address = made.headers.get('location') ?? ''
  const answer = (await (await fetch(address, { headers })).json()) as { url: string }
  return `${answer.url}#${secret}`
}

const entry = (path: string, bytes: Uint8Array) => ({
  path,
  size: bytes.byteLength,
  crc32: crcText(crc32(bytes))
})

t.test('a list of files that lies is refused before anything is spent or written', async (t) => {
  const bytes = sampleBytes(1000)
  const source = { sizeBytes: 1000, read: async (start: number, end: number) => bytes.subarray(start, end) }
  const honest = (keys: Awaited<ReturnType<typeof deriveLinkKeys>>) => sealPart(keys.payload, source, 0, 1017)
  const index = (...entries: unknown[]) => ({ v: 1, name: 'bundle', entries })
  for (const [what, list] of [
    ['a path that leaves', index(entry('../evil', bytes))],
    ['a path from the root', index(entry('/etc/evil', bytes))],
    ['a path with backslashes', index(entry('..\\evil', bytes))],
    ['a name that leaves', { v: 1, name: '../evil', entries: [entry('x', bytes)] }],
    ['one path twice', index(entry('a', bytes.subarray(0, 500)), entry('A', bytes.subarray(500)))],
    [
      'a file where a folder is',
      index(entry('a', bytes.subarray(0, 500)), entry('a/b', bytes.subarray(500)))
    ],
    ['sizes that do not add up', index(entry('a', bytes.subarray(1)))]
  ] as const) {
    const url = await upload(list, honest)
    const into = await newFolder()
    const result = await runInProcess(['pull', url], { cwd: into })
    t.match(result, { code: 2, stdout: '', stderr: /\(index-invalid\)\n$/ }, what)
    t.same(await readdir(into), [], what)
    const page = await fetch(url, { headers: { accept: 'application/json' } })
    t.match(await page.json(), { downloadsLeft: 1 }, what)
  }
  const devices = index(entry('con', bytes.subarray(0, 400)), entry('a:b?/c', bytes.subarray(400)))
  const into = await newFolder()
  t.equal((await runInProcess(['pull', await upload(devices, honest)], { cwd: into })).code, 0)
  t.same(
    (await readdir(join(into, 'bundle'))).toSorted(),
    ['_con', 'a_b_'],
    'names that some systems cannot have'
  )

  const wrong = index({ ...entry('a', bytes), crc32: '00000000' })
  const result = await runInProcess(['pull', await upload(wrong, honest)], { cwd: into })
  t.match(result, { code: 7 }, 'the folder is there')
  const elsewhere = await newFolder()
  const mismatch = await runInProcess(['pull', await upload(wrong, honest)], { cwd: elsewhere })
  t.match(mismatch, { code: 5, stderr: /\(checksum-mismatch\)\n$/ })
  t.same(await readdir(elsewhere), [])
})

t.test('a stream that was cut off at a record is no file, whatever the list says', async (t) => {
  const bytes = sampleBytes(3 * DATA_BYTES)
  const source = {
    sizeBytes: bytes.byteLength,
    read: async (start: number, end: number) => bytes.subarray(start, end)
  }
  const cut = (keys: Awaited<ReturnType<typeof deriveLinkKeys>>) =>
    sealPart(keys.payload, source, 0, 2 * RECORD_BYTES)
  for (const [size, code] of [
    [3 * DATA_BYTES, 'index-invalid'],
    [2 * DATA_BYTES, 'encrypted-damaged']
  ] as const) {
    const url = await upload({ v: 1, name: 'x.bin', entries: [entry('x.bin', bytes.subarray(0, size))] }, cut)
    const into = await newFolder()
    for (const _run of [1, 2]) {
      const result = await runInProcess(['pull', url], { cwd: into })
      t.match(result.stderr, new RegExp(`\\(${code}\\)`))
      t.notOk((await readdir(into)).includes('x.bin'), 'nor the second time')
    }
  }
})

t.test('a server that answers with nothing is not asked without a pause', async (t) => {
  let asked = 0
  const server = createServer((request, response) => {
    if (request.url?.startsWith('/d/') === true) {
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify({ name: 'a.bin', size: 10, passwordRequired: false }))
      return
    }
    asked++
    response.writeHead(206, { 'content-range': 'bytes 0-9/10', 'transfer-encoding': 'chunked' })
    response.end()
  }).listen(0, '127.0.0.1')
  t.teardown(() => server.close())
  await until('it listens', () => server.listening)
  const { port } = server.address() as AddressInfo
  const stop = new AbortController()
  const url = `http://127.0.0.1:${port}/d/${'a'.repeat(24)}`
  const running = runInProcess(['pull', url], { cwd: await newFolder(), interrupted: stop.signal })
  await until('it asks again', () => asked >= 3)
  stop.abort()
  t.equal((await running).code, 130)
  t.ok(asked < 6, `asked ${asked} times`)
})
