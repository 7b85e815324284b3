import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { gzipSync } from 'node:zlib'
import t from 'tap'
import { loadAssets } from '../../src/edge/assets.ts'
import { testFolder } from '../kit/test-folder.ts'

const dist = join(import.meta.dirname, '../../web/dist')
const BYTES_MAX = 100_000

interface Chunk {
  readonly file: string
  readonly imports?: string[]
  readonly dynamicImports?: string[]
}
const manifest = JSON.parse(readFileSync(join(dist, 'manifest.json'), 'utf8')) as Record<string, Chunk>

/** Files that an entry may ever load, with workers, which are named in what they are started by. */
function filesOf(key: string, found = new Set<string>()): Set<string> {
  const chunk = manifest[key]
  if (chunk === undefined || found.has(chunk.file)) return found
  found.add(chunk.file)
  const text = readFileSync(join(dist, chunk.file), 'utf8')
  for (const [name] of text.matchAll(/(?:save-)?worker-[\w-]+\.js/g)) found.add(name)
  for (const next of [...(chunk.imports ?? []), ...(chunk.dynamicImports ?? [])]) filesOf(next, found)
  return found
}

const sizeOf = (files: Iterable<string>): number =>
  [...files].reduce((sum, file) => sum + gzipSync(readFileSync(join(dist, file))).byteLength, 0)

for (const page of ['upload', 'link'])
  t.test(`the ${page} page is small, with everything that it may ever load`, async (t) => {
    const files = filesOf(`${page}/main.tsx`).add(manifest['style.css']?.file ?? '')
    const size = sizeOf(files)
    t.comment(`${size} bytes in ${files.size} files, gzipped`)
    t.ok(size < BYTES_MAX, `${size} of ${BYTES_MAX} bytes`)
    t.ok(
      [...files].some((file) => file.startsWith('worker-')),
      'cryptography for plain HTTP is among them'
    )
    const first = [`${page}/main.tsx`].flatMap((key) => [
      manifest[key]?.file ?? '',
      ...(manifest[key]?.imports ?? [])
    ])
    for (const file of first)
      t.notMatch(file, /worker|tus/, 'and what is rarely needed is not loaded at once')
  })

const POOLS = ['pools/main', 'pools/pool', 'pools/join']
for (const page of ['sign-in/main', 'my/main', 'history/main', 'settings/main', 'admin/main', ...POOLS])
  t.test(`the page of web/${page} is small, with everything that it may ever load`, async (t) => {
    const files = filesOf(`${page}.tsx`)
    for (const sheet of ['style.css', 'account.css', ...(POOLS.includes(page) ? ['pools.css'] : [])])
      files.add(manifest[sheet]?.file ?? '')
    const size = sizeOf(files)
    t.comment(`${size} bytes in ${files.size} files, gzipped`)
    t.ok(size < BYTES_MAX, `${size} of ${BYTES_MAX} bytes`)
    t.ok(files.size > 3, 'and all of it was counted')
  })

t.test('pages of links load nothing of accounts', async (t) => {
  for (const page of ['upload/main.tsx', 'link/main.tsx', 'sender/main.ts'])
    for (const file of filesOf(page))
      t.notMatch(readFileSync(join(dist, file), 'utf8'), /\/api\/(?:me|files|login)/, file)
})

t.test('nothing that is built names another host, or runs text as code', async (t) => {
  for (const { file } of Object.values(manifest)) {
    const text = readFileSync(join(dist, file), 'utf8')
    const hosts = [...text.matchAll(/https?:\/\/([\w.-]+)/g)].map(([, host]) => host)
    t.same(
      hosts.filter((host) => !['www.w3.org', 'github.com'].includes(host ?? '')),
      [],
      file
    )
    t.notMatch(text, /\beval\(|new Function\(/, file)
  }
})

t.test('an edge without the built page says at its start how to build it', async (t) => {
  const folder = pathToFileURL(`${testFolder(t, { 'icon.svg': '<svg/>' })}/`)
  await t.rejects(loadAssets(folder), { code: 'local-file', message: /npm run build:web/ })
  await t.rejects(loadAssets(new URL('nothing/', folder)), { code: 'local-file' })
})
