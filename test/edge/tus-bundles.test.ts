/** What comes by tus with an index: a bundle is looked at file by file, and an encrypted link asks for its proof. */

import { createHash } from 'node:crypto'
import t from 'tap'
import { encodeIndex } from '../../src/bundle/index.ts'
import { crc32 } from '../../src/bundle/crc32.ts'
import { EICAR, startClamd } from '../kit/clamd.ts'
import { testFolder } from '../kit/test-folder.ts'
import { digestsOf, unzip } from './bundle-kit.ts'
import type { Files } from './bundle-kit.ts'
import { newSecret } from './claims.ts'
import { startEdges } from './edge-cluster.ts'

const base64 = (text: string): string => Buffer.from(text).toString('base64')

/** All of it in one request. */
async function send(url: string, bytes: Uint8Array, fields: Record<string, string>): Promise<Response> {
  const metadata = Object.entries(fields).map(([key, value]) => `${key} ${base64(value)}`)
  return await fetch(`${url}/files/`, {
    method: 'POST',
    body: new Uint8Array(bytes),
    headers: {
      'tus-resumable': '1.0.0',
      'upload-length': `${bytes.byteLength}`,
      'upload-metadata': metadata.join(),
      'content-type': 'application/offset+octet-stream',
      accept: 'application/json'
    }
  })
}

function bundleOf(files: Files): { bytes: Uint8Array; fields: Record<string, string> } {
  const entries = Object.entries(files).map(([path, bytes]) => ({
    path,
    sizeBytes: bytes.byteLength,
    crc32: crc32(bytes)
  }))
  const index = encodeIndex({ name: 'holiday', entries })
  const fields = { filename: 'holiday', filetype: 'application/zip', indexbytes: `${index.byteLength}` }
  return { bytes: Buffer.concat([...Object.values(files), index]), fields }
}

const directOf = (answer: Response): string =>
  (answer.headers.get('x-link') ?? '').replace('/d/', '/download/')

t.test('what comes by tus with an index', async (t) => {
  const clamd = await startClamd({ port: 0 })
  t.teardown(() => clamd.close())
  const { url } = await startEdges(t, {
    config: { scan: { clamd: clamd.address }, edge: { port: 0, forbiddenTypes: ['.exe'] } }
  })
  const clean = Buffer.from('nothing to see')
  const empty = new Uint8Array(0)
  const bad = Buffer.from(EICAR)
  const good: Files = { 'a.txt': clean, empty, 'b.txt': Buffer.from('more') }

  const { bytes, fields } = bundleOf(good)
  const made = await send(url(), bytes, fields)
  t.equal(made.status, 201)
  const archive = Buffer.from(await (await fetch(directOf(made))).arrayBuffer())
  t.same(unzip(testFolder(t), archive), digestsOf(good))

  const halves = bundleOf({ a: bad.subarray(0, 30), b: bad.subarray(30) })
  t.equal((await send(url(), halves.bytes, halves.fields)).status, 201, 'two files are not one')
  for (const [files, status] of [
    [{ a: clean, b: bad, c: clean }, 422],
    [{ a: empty, b: bad }, 422],
    [{ a: clean, 'b.EXE': clean }, 415]
  ] as const) {
    const refused = bundleOf(files)
    t.equal((await send(url(), refused.bytes, refused.fields)).status, status)
  }

  const proof = newSecret()
  const sealed = await send(url(), Buffer.concat([Buffer.alloc(100), Buffer.alloc(50)]), {
    indexbytes: '50',
    encryption: 'aes256gcm-1',
    proofhash: createHash('sha256').update(proof).digest('hex')
  })
  t.equal(sealed.status, 201)
  t.equal((await fetch(directOf(sealed))).status, 401)
  const got = await fetch(directOf(sealed), { headers: { 'x-proof': proof } })
  t.equal((await got.arrayBuffer()).byteLength, 100, 'the payload, and not the index')
})
