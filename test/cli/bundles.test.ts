/** `peerbin push` and `peerbin pull` of several files, folders and encrypted ones, against edges in this process. */

import { execFileSync } from 'node:child_process'
import { mkdir, readFile, readdir, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { acceptAnswer } from '../../src/cli/push/answer.ts'
import { sampleBytes, startEdges } from '../edge/edge-cluster.ts'
import { contextOf, runInProcess } from '../kit/cli-context.ts'
import { testFolder } from '../kit/test-folder.ts'

const edges = await startEdges(t, { edges: 1, config: { edge: { uploadBytesMax: 40_000_000 } } })
const cwd = testFolder(t)
const holiday: Record<string, Buffer> = {
  '.hidden': Buffer.from('not shown'),
  'Großes Bild.bin': sampleBytes(5_000_000, 1),
  'day 1/photo.bin': sampleBytes(200_000, 2),
  'day 1/empty.txt': Buffer.alloc(0),
  'day 2/deep/er/note.txt': Buffer.from('a note that nobody else may read'),
  'zero.txt': Buffer.alloc(0)
}
const MODIFIED = 1_600_000_000
for (const [path, bytes] of Object.entries(holiday)) {
  const whole = join(cwd, 'holiday', path)
  await mkdir(join(whole, '..'), { recursive: true })
  await writeFile(whole, bytes)
  await utimes(whole, MODIFIED, MODIFIED)
}

interface Answer {
  url: string
  name: string
  size: number
  entries: number
  encryption: string | null
  directUrl: string
}

async function push(...args: string[]): Promise<Answer> {
  const { code, stdout, stderr } = await runInProcess(['push', '--json', '--server', edges.url(), ...args], {
    cwd
  })
  if (code !== 0) throw new Error(stderr)
  return JSON.parse(stdout) as Answer
}

let folders = 0
async function newFolder(): Promise<string> {
  const folder = join(cwd, `into-${folders++}`)
  await mkdir(folder)
  return folder
}

async function tree(root: string): Promise<Record<string, Buffer>> {
  const found: Record<string, Buffer> = {}
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    found[path.slice(root.length + 1)] = await readFile(path)
  }
  return found
}

async function isSame(
  t: { same: (a: unknown, b: unknown) => unknown; ok: (a: unknown, what: string) => unknown },
  root: string,
  expected = holiday
): Promise<void> {
  const found = await tree(root)
  t.same(Object.keys(found).toSorted(), Object.keys(expected).toSorted())
  for (const [path, bytes] of Object.entries(expected)) t.ok(found[path]?.equals(bytes), path)
}

for (const options of [[], ['--encrypt']]) {
  const kind = options.length === 0 ? 'plain' : 'encrypted'

  t.test(`${kind}: a folder goes under one link, and comes back as it was`, async (t) => {
    const answer = await push(...options, 'holiday')
    t.match(answer, { name: 'holiday', entries: 6, encryption: kind === 'plain' ? null : 'aes256gcm-1' })
    t.equal(/#[\w-]{43}$/.test(answer.url), kind === 'encrypted')
    const into = await newFolder()
    const { code, stdout, stderr } = await runInProcess(['pull', answer.url], { cwd: into })
    t.same([code, stdout, stderr], [0, `${join(into, 'holiday')}\n`, ''])
    t.same(await readdir(into), ['holiday'], 'and nothing beside it')
    await isSame(t, join(into, 'holiday'))
    for (const path of ['.hidden', 'day 1/empty.txt'])
      t.equal((await stat(join(into, 'holiday', path))).mtimeMs, MODIFIED * 1000, path)
    const again = await runInProcess(['pull', answer.url], { cwd: await newFolder() })
    t.equal(again.code, 4)
    t.match(again.stderr, /\(link-used\)/)
  })
}

t.test('several files are one bundle, too, and come as a zip where that is wanted', async (t) => {
  await writeFile(join(cwd, 'one.txt'), 'one')
  for (const options of [[], ['--encrypt']]) {
    const { url } = await push(
      ...options,
      '--downloads',
      '2',
      '--name',
      'for: Ada',
      'one.txt',
      'holiday/day 1'
    )
    const into = await newFolder()
    const zipped = await runInProcess(['pull', '--zip', url], { cwd: into })
    t.equal(zipped.code, 0, zipped.stderr)
    t.same(await readdir(into), ['for_ Ada.zip'])
    const zip = join(into, 'for_ Ada.zip')
    execFileSync('unzip', ['-q', zip], { cwd: into })
    const expected = { 'one.txt': Buffer.from('one'), ...pick('day 1/photo.bin', 'day 1/empty.txt') }
    await isSame(t, into, { ...expected, 'for_ Ada.zip': await readFile(zip) })
    const pieces: Uint8Array[] = []
    const out = await runInProcess(['pull', '-o', '-', url], { onBytes: (bytes) => pieces.push(bytes) })
    t.same([out.code, out.stdout, out.stderr], [0, '', ''])
    t.ok(Buffer.concat(pieces).equals(await readFile(zip)), 'standard output gets the same')
  }
})

const pick = (...paths: string[]): Record<string, Buffer> =>
  Object.fromEntries(paths.map((path) => [path, holiday[path] ?? Buffer.alloc(0)]))

t.test('a folder is saved under the name that is asked for, and never into one that is there', async (t) => {
  const { url } = await push('--encrypt', 'holiday')
  const into = await newFolder()
  await mkdir(join(into, 'holiday'))
  await writeFile(join(into, 'file'), 'precious')
  for (const options of [[], ['--force'], ['-o', 'file']]) {
    const { code, stderr } = await runInProcess(['pull', url, ...options], { cwd: into })
    t.equal(code, 7, options.join())
    t.match(stderr, /exists already.* \(local-file\)/)
  }
  t.equal(await readFile(join(into, 'file'), 'utf8'), 'precious')
  const { code, stdout } = await runInProcess(['pull', url, '-o', 'other'], { cwd: into })
  t.same([code, stdout], [0, `${join(into, 'other')}\n`], 'the link was not spent by that')
  await isSame(t, join(into, 'other'))
})

t.test('one encrypted file comes back as a file; with a password, too', async (t) => {
  await writeFile(join(cwd, 'password.txt'), 'open sesame')
  const bytes = sampleBytes(300_000, 5)
  await writeFile(join(cwd, 'secret plan.pdf'), bytes)
  const answer = await push('-E', '--password-file', 'password.txt', 'secret plan.pdf')
  t.match(answer, { name: 'secret plan.pdf', size: 300_000, entries: 1, passwordRequired: true })
  const into = await newFolder()
  const without = await runInProcess(['pull', answer.url], { cwd: into })
  t.match(without, { code: 2, stderr: /give --password-file/ })
  const { code, stdout, stderr } = await runInProcess(
    ['pull', answer.url, '--password-file', join(cwd, 'password.txt')],
    { cwd: into }
  )
  t.same([code, stdout, stderr], [0, `${join(into, 'secret plan.pdf')}\n`, ''])
  t.ok(bytes.equals(await readFile(join(into, 'secret plan.pdf'))))
})

t.test('a key that is missing, cut or wrong spends nothing, and is never repeated', async (t) => {
  const { url } = await push('--encrypt', 'one.txt')
  const [link = '', key = ''] = url.split('#')
  const into = await newFolder()
  const other = `${key.startsWith('A') ? 'B' : 'A'}${key.slice(1)}`
  for (const [given, code, error] of [
    [link, 2, 'key-missing'],
    [`${link}#`, 2, 'key-missing'],
    [url.slice(0, -1), 2, 'key-missing'],
    [`${link}#${key.slice(0, 10)}`, 2, 'key-missing'],
    [`${url}x`, 2, 'key-missing'],
    [`${link}#${other}`, 5, 'encrypted-damaged']
  ] as const)
    for (const output of ['.', '-']) {
      const result = await runInProcess(['pull', given, '-o', output], { cwd: into })
      t.equal(result.code, code, given.slice(link.length))
      t.match(result.stderr, new RegExp(`\\(${error}\\)\\n$`))
      t.equal(result.stdout, '')
      const shown = given.split('#')[1] ?? ''
      t.notOk(shown.length > 5 && result.stderr.includes(shown.slice(0, 6)), 'not even a part of it')
      if (error === 'key-missing') t.match(result.stderr, /in quotes/)
    }
  t.same(await readdir(into), [])
  t.equal((await runInProcess(['pull', url], { cwd: into })).code, 0, 'the link still works')
})

t.test('a link that asks for no key where one was wanted is withdrawn at once', async (t) => {
  const record = await push('one.txt', 'holiday/zero.txt')
  const wanted = { hasPassword: false, isEncrypted: true, sha256: undefined }
  const context = contextOf({ code: 0, stdout: '', stderr: '' })
  await t.rejects(acceptAnswer(record, wanted, new URL(edges.url()), context), {
    code: 'protocol-violation',
    message: /made a link that asks for no key; it was withdrawn/
  })
  const { code, stderr } = await runInProcess(['pull', record.url], { cwd: await newFolder() })
  t.equal(code, 4)
  t.match(stderr, /\(link-revoked\)/)
})

t.test('nodes hold nothing that was in an encrypted folder, nor its names', async (t) => {
  const bytes = sampleBytes(5_000_000, 77)
  await mkdir(join(cwd, 'letters', 'to Ada'), { recursive: true })
  await writeFile(join(cwd, 'letters', 'to Ada', 'unsent.txt'), 'a letter that nobody else may read')
  await writeFile(join(cwd, 'letters', 'unsent.bin'), bytes)
  const words = ['a letter that nobody else', 'unsent.txt', 'letters', 'to Ada', '"entries"']
  const samples = [...words.map((word) => Buffer.from(word)), bytes.subarray(4_500_000, 4_500_032)]
  const already = new Set((await storedChunks()).map(({ id }) => id))
  const added = async () => (await storedChunks()).filter(({ id }) => !already.has(id))
  await push('--encrypt', 'letters')
  const sealed = await added()
  t.ok(sealed.reduce((sum, { bytes: chunk }) => sum + chunk.byteLength, 0) > 10_000_000, 'two copies')
  for (const sample of samples)
    t.notOk(
      sealed.some((chunk) => chunk.bytes.includes(sample)),
      shown(sample)
    )
  await push('letters')
  const plain = await added()
  for (const sample of samples)
    t.ok(
      plain.some((chunk) => chunk.bytes.includes(sample)),
      `${shown(sample)}, found when plain`
    )
})

const shown = (bytes: Buffer): string => bytes.toString('latin1').replace(/[^ -~]/g, '.')

async function storedChunks(): Promise<Array<{ id: string; bytes: Buffer }>> {
  const chunks: Array<{ id: string; bytes: Buffer }> = []
  for (const { store } of edges.cluster.nodes)
    for (const { id } of await store.list({ limit: 1000 }))
      chunks.push({ id, bytes: Buffer.from(await store.get(id)) })
  return chunks
}
