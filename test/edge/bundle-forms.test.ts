/** Forms with odd, many and no files, and indexes that lie. */

import t from 'tap'
import { encodeIndex } from '../../src/bundle/index.ts'
import { crc32 } from '../../src/bundle/crc32.ts'
import { ZipLayout } from '../../src/bundle/zip-layout.ts'
import { testFolder } from '../kit/test-folder.ts'
import { formOf, indexOf, listZip, uploadContent } from './bundle-kit.ts'
import { claimsMade, newSecret } from './claims.ts'
import { startEdges } from './edge-cluster.ts'

const bytesOf = async (answer: Response): Promise<Buffer> => Buffer.from(await answer.arrayBuffer())
const codeOf = async (answer: Response): Promise<unknown> => ((await answer.json()) as { code: unknown }).code
const JSON_WANTED = { headers: { accept: 'application/json' } }
const PERSON = { headers: { accept: 'text/html' } }

t.test('forms with several files', async (t) => {
  // ten thousand parts take seconds of a machine that runs other tests, and the client is in the same process
  const cluster = await startEdges(t, { config: { edge: { uploadBytesMax: 1_000_000, stallMs: 60_000 } } })
  const { url } = cluster

  t.test('names are cleaned and told apart, and what cannot be is refused', async (t) => {
    const odd: Array<readonly [string, Uint8Array]> = [
      ['../../etc/passwd', Buffer.from('1')],
      ['A.txt', Buffer.from('2')],
      ['a.txt', Buffer.from('3')],
      ['C:\\x\\y.txt', Buffer.from('4')],
      ['a.txt/b', Buffer.from('5')],
      ['', Buffer.from('')]
    ]
    const send = async (files: typeof odd, fields: Record<string, string> = {}) => {
      const { body, headers } = formOf(files, fields)
      return await fetch(`${url()}/upload`, { method: 'POST', body, headers })
    }
    const answer = (await (await send(odd)).json()) as { url: string; name: string }
    t.equal(answer.name, '5 files', 'a field without a file is none')
    const { entries } = await indexOf(answer.url)
    t.same(
      entries.map(({ path }) => path),
      ['etc/passwd', 'A.txt', 'a (2).txt', 'x/y.txt', 'b']
    )
    t.equal(await codeOf(await send(odd, { md5: '0'.repeat(32) })), 'invalid-field')
    t.equal(await codeOf(await send(odd, { sha256: '0'.repeat(64) })), 'invalid-field')
    t.equal(
      await codeOf(
        await send([
          ['a', Buffer.from('')],
          ['b', Buffer.from('')]
        ])
      ),
      'empty-file'
    )
    const one = (await (
      await send([
        ['', Buffer.from('')],
        ['dir/real.txt', Buffer.from('x')]
      ])
    ).json()) as object
    t.match(one, { name: 'real.txt', size: 1 }, 'a single file is itself')
  })

  t.test('10,000 files make an archive that opens, and one more is too many', async (t) => {
    const files = Array.from({ length: 10_000 }, (_, i) => [`f/${i}.txt`, Buffer.from(`${i}`)] as const)
    const { body, headers } = formOf(files)
    const uploaded = await fetch(`${url()}/upload`, { method: 'POST', body, headers })
    const answer = (await uploaded.json()) as { directUrl: string; url: string }
    t.match({ status: uploaded.status, ...answer }, { status: 201 })
    const page = await (await fetch(answer.url, PERSON)).text()
    t.match(page, /And 9800 more files/)
    t.ok(page.length < 100_000)
    const secret = newSecret()
    const archive = await bytesOf(await fetch(`${answer.directUrl}?claim=${secret}`))
    const listed = listZip(testFolder(t), archive)
    t.same(
      listed,
      files.map(([path, bytes]) => [path.slice(2), bytes.byteLength])
    )
    // far more headers than payload: they count against a budget that they fit in
    for (let i = 0; i < 2; i++)
      t.equal(
        (await bytesOf(await fetch(`${answer.directUrl}?claim=${secret}`))).byteLength,
        archive.byteLength
      )
    const last = await fetch(`${answer.directUrl}/9999?claim=${secret}`)
    t.equal(await last.text(), '9999')
    const more = formOf([...files, ['f/more', Buffer.from('x')]])
    const refused = await fetch(`${url()}/upload`, { method: 'POST', body: more.body, headers: more.headers })
    t.match({ status: refused.status, code: await codeOf(refused) }, { status: 422, code: 'invalid-field' })
  })

  t.test('a list that does not fit its payload is refused, and the link is not used up', async (t) => {
    const payload = Buffer.from('payload')
    const entries = [
      { path: 'a', sizeBytes: 3, crc32: 0 },
      { path: 'b', sizeBytes: 5, crc32: 0 }
    ]
    for (const index of [encodeIndex({ name: 'x', entries }), Buffer.from('{"v":1}'), Buffer.alloc(10)]) {
      const content = () => ({ indexBytes: index.byteLength })
      const { directUrl, url: page } = await uploadContent(cluster, Buffer.concat([payload, index]), {
        content
      })
      t.equal(await codeOf(await fetch(directUrl, JSON_WANTED)), 'index-invalid')
      t.equal(await codeOf(await fetch(page, JSON_WANTED)), 'index-invalid')
      t.equal(await claimsMade(cluster, directUrl), 0)
    }
  })

  t.test('one file with an index is a file', async (t) => {
    const payload = Buffer.from('payload')
    const index = encodeIndex({
      name: 'a.txt',
      entries: [{ path: 'a.txt', sizeBytes: 7, crc32: crc32(payload) }]
    })
    const content = () => ({ name: 'a.txt', indexBytes: index.byteLength })
    const { directUrl } = await uploadContent(cluster, Buffer.concat([payload, index]), { content })
    const got = await fetch(directUrl)
    t.match(got.headers.get('content-disposition'), 'a.txt')
    t.equal(got.headers.get('repr-digest'), null)
    t.equal(await got.text(), 'payload')
  })

  t.test('a browser without scripts may choose several', async (t) => {
    t.match(await (await fetch(`${url()}/`)).text(), /<input[^>]*name="file"[^>]*multiple/)
  })
})

t.test('what an archive adds to its payload is within what its index allows', async (t) => {
  // the smallest entries, the longest headers
  for (const modifiedAt of [undefined, 1_700_000_000_000]) {
    const entries = Array.from({ length: 10_000 }, (_, i) => ({
      path: `${i}`,
      sizeBytes: i === 0 ? 1 : 0,
      crc32: 0,
      ...(modifiedAt !== undefined && { modifiedAt })
    }))
    const index = { name: 'x', entries }
    t.ok(new ZipLayout(index).sizeBytes - 1 <= 4 * encodeIndex(index).byteLength)
  }
  const wide = Array.from({ length: 1000 }, (_, i) => ({ path: `${i}`, sizeBytes: 2 ** 33, crc32: 0 }))
  const index = { name: 'x', entries: wide }
  const payload = 1000 * 2 ** 33
  t.ok(new ZipLayout(index).sizeBytes - payload <= 4 * encodeIndex(index).byteLength)
})
