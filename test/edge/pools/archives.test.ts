/** A group as one stream: what real programs make of it, and of half of it. */

import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, readdirSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { tarHeader, tarHeaderBytes } from '../../../src/edge/pools/tar-headers.ts'
import { testFolder } from '../../kit/test-folder.ts'
import { sampleBytes } from '../edge-cluster.ts'
import { create, patch } from '../tus-kit.ts'
import { codeOf, startPool } from './pools-kit.ts'
import type { PoolWorld, SentFile } from './pools-kit.ts'

const run = promisify(execFile)

const now = Date.now() - 10_000
const stamp = (at: number): string => new Date(at).toISOString().replaceAll(':', '-')

const FILES: readonly SentFile[] = [
  { name: 'model.bin', bytes: sampleBytes(200_000), at: now },
  { name: 'Düne 🏖/readings.csv', bytes: Buffer.from('1,2\n'), at: now + 1, metadata: { unit: 'm' } },
  { name: `${'long '.repeat(40)}.txt`, bytes: sampleBytes(513, 2), at: now + 2 },
  { name: '../../etc/passwd', bytes: Buffer.from('not there'), at: now + 3 },
  { name: 'a', bytes: sampleBytes(512, 3), at: now + 4 },
  { name: 'A', bytes: sampleBytes(511, 4), at: now + 4 }
]

interface Line {
  readonly name: string
  readonly sha256: string
  readonly path_in_archive: string
}

async function manifestOf(world: PoolWorld, group: string): Promise<Line[]> {
  const { bytes, headers } = await world.fetch(`groups/${group}/manifest`, world.server)
  if (headers.get('content-type') !== 'application/x-ndjson') throw new Error(bytes.toString())
  return bytes
    .toString()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Line)
}

/** Digests by path, of everything in a folder. */
function contentsOf(folder: string, below = ''): Record<string, string> {
  const found: Record<string, string> = {}
  for (const name of readdirSync(join(folder, below))) {
    const path = below === '' ? name : `${below}/${name}`
    const full = join(folder, path)
    if (statSync(full).isDirectory()) Object.assign(found, contentsOf(folder, path))
    else found[path] = createHash('sha256').update(readFileSync(full)).digest('hex')
  }
  return found
}

/** A group with one more file, that came by tus: nobody has noted its checksum for zips. */
async function groupOf(world: PoolWorld): Promise<string> {
  const bytes = sampleBytes(5000, 9)
  const file = { name: 'by-tus.bin', bytes, at: now + 5 }
  const { json } = await world.announce([file])
  const batch = String(json['batch'])
  const auth = { authorization: `Bearer ${world.producer}` }
  const made = await create(world.url, bytes.byteLength, { pool: world.pool, batch, index: '0' }, auth)
  const path = new URL(made.headers.get('location') ?? '').pathname
  await patch(`${world.url}${path}`, 0, bytes, auth)
  await world.ask(`POST batches/${batch}/commit`, { token: world.producer })
  return await world.closedGroup(FILES)
}

const curl = async (world: PoolWorld, path: string, ...args: string[]): Promise<void> => {
  const url = `${world.url}/api/pools/${world.pool}/${path}`
  await run('curl', ['-sS', '--fail', '-H', `Authorization: Bearer ${world.server}`, ...args, url])
}

async function unpacked(kind: 'tar' | 'zip', file: string): Promise<Record<string, string>> {
  const folder = `${file}.out`
  mkdirSync(folder)
  if (kind === 'tar') await run('tar', ['-xf', file, '-C', folder])
  else {
    await run('unzip', ['-tq', file])
    await run('unzip', ['-q', file, '-d', folder], { env: { ...process.env, LC_ALL: 'C.UTF-8' } })
  }
  return contentsOf(folder)
}

t.test('a group is fetched as an archive that tar and unzip read, and goes on after a break', async (t) => {
  const world = await startPool(t, { edges: 2 })
  const group = await groupOf(world)
  const lines = await manifestOf(world, group)
  t.equal(lines.length, 7)
  const paths = lines.map(({ path_in_archive: path }) => path)
  t.ok(paths.every((path) => path.split('/').length === 2))
  t.ok(paths.some((path) => path.endsWith(`${stamp(now + 1)}_Düne 🏖_readings.csv`)))
  t.equal(new Set(paths.map((path) => path.toLowerCase())).size, 7, 'different where case does not count')
  const expected = Object.fromEntries(lines.map((line) => [line.path_in_archive, line.sha256]))
  const folder = testFolder(t)
  for (const kind of ['tar', 'zip'] as const) {
    const path = `groups/${group}/archive.${kind}`
    const file = join(folder, `whole.${kind}`)
    await curl(world, path, '-o', file)
    const { 'manifest.json': manifest, ...files } = await unpacked(kind, file)
    t.same(files, expected, `${kind}: every file, as it was`)
    t.ok(manifest)

    const whole = readFileSync(file)
    const head = await world.fetch(path, world.server, {}, 'HEAD')
    t.equal(head.headers.get('content-length'), String(whole.byteLength))
    const etag = head.headers.get('etag') ?? ''
    t.match(etag, /^"[0-9a-f]{64}"$/)
    for (const cut of [100, 700, Math.floor(whole.byteLength / 2), whole.byteLength - 30]) {
      truncateSync(file, cut)
      await curl(world, path, '-C', '-', '-o', file)
      t.ok(readFileSync(file).equals(whole), `${kind}: resumed at ${cut}`)
    }
    for (let at = 0; at < whole.byteLength; at += 29_989) {
      const end = Math.min(at + 1500, whole.byteLength)
      const part = await world.fetch(path, world.server, { range: `bytes=${at}-${end - 1}` })
      t.equal(part.status, 206)
      t.ok(part.bytes.equals(whole.subarray(at, end)), `${kind}: ${at}-${end}`)
    }
    const tail = await world.fetch(path, world.server, { range: 'bytes=-40', 'if-range': etag })
    t.ok(tail.bytes.equals(whole.subarray(-40)))
    t.equal((await world.fetch(path, world.server, { range: 'bytes=0-1', 'if-range': '"x"' })).status, 200)
    t.equal((await world.fetch(path, world.server, { 'if-none-match': etag })).status, 304)
    t.equal((await world.fetch(path, world.server, { range: `bytes=${whole.byteLength}-` })).status, 416)
    const elsewhere = await fetch(`${world.edges.url(1)}/api/pools/${world.pool}/${path}`, {
      headers: { authorization: `Bearer ${world.server}`, range: 'bytes=1000-' }
    })
    t.ok(
      Buffer.from(await elsewhere.arrayBuffer()).equals(whole.subarray(1000)),
      'another edge makes the same'
    )
  }
})

t.test('one that is open changes its tag with its files, and what is no group has no archive', async (t) => {
  const world = await startPool(t)
  await world.send(FILES.slice(0, 1))
  const [open] = await world.groups()
  const path = `groups/${String(open?.['group'])}/archive.tar`
  const first = await world.fetch(path, world.owner.token, {}, 'HEAD')
  await world.send(FILES.slice(1, 2))
  const second = await world.fetch(path, world.owner.token, {}, 'HEAD')
  t.not(first.headers.get('etag'), second.headers.get('etag'))
  for (const token of [world.producer, world.listener]) t.equal((await world.fetch(path, token)).status, 403)
  const unknown = await world.ask('GET groups/00000000-0000-4000-8000-000000000001/archive.zip', {
    token: world.owner.token
  })
  t.equal(codeOf(unknown), '404 group-unknown')
})

t.test('single files of a group are had by those who may, and by whoever sent them', async (t) => {
  const world = await startPool(t)
  const group = await world.closedGroup(FILES.slice(0, 2))
  const [line] = (await manifestOf(world, group)) as unknown as Array<{ file: string; sha256: string }>
  const path = `groups/${group}/files/${line?.file}`
  for (const token of [world.owner.token, world.server, world.producer]) {
    const { status, bytes } = await world.fetch(path, token)
    t.equal(status, 200)
    t.equal(createHash('sha256').update(bytes).digest('hex'), line?.sha256)
  }
  t.equal((await world.fetch(path, world.listener)).status, 404)
  const other = await world.join('producer')
  t.equal((await world.fetch(path, other.token)).status, 404, 'another producer')
  const part = await world.fetch(path, world.server, { range: 'bytes=1-2' })
  t.match([part.status, part.bytes.byteLength], [206, 2])
  t.equal((await world.fetch(`groups/${group}/files/x`, world.server)).status, 404)
  // of an entry that is in no group of the pool, a user's file above all
  const foreign = await world.fetch(
    `groups/${group}/files/00000000-0000-4000-8000-000000000001`,
    world.server
  )
  t.equal(foreign.status, 404)
})

t.test('headers of a tar say what ustar cannot in pax records, however long', async (t) => {
  for (let length = 95; length < 110; length++) {
    const file = { path: 'x'.repeat(length), sizeBytes: 1, at: now }
    t.equal(tarHeader(file).byteLength, tarHeaderBytes(file))
  }
  const folder = testFolder(t)
  const large = { path: 'é'.repeat(60), sizeBytes: 9 * 1024 ** 3, at: now }
  const file = join(folder, 'large.tar')
  writeFileSync(file, tarHeader(large))
  truncateSync(file, tarHeaderBytes(large) + large.sizeBytes + 1024)
  const { stdout } = await run('tar', ['-tvf', file], { env: { ...process.env, LC_ALL: 'C.UTF-8' } })
  t.match(stdout, ` ${large.sizeBytes} `)
  t.match(stdout, large.path)
})
