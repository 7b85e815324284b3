/** Bundles of the tests: forms with several files, links that ask for a proof, and what opens an archive. */

import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { decodeIndex } from '../../src/bundle/index.ts'
import type { BundleIndex } from '../../src/bundle/index.ts'
import type { UploadRequest } from '../../src/client/file-writer.ts'
import type { UploadAnswer } from '../../src/edge/upload-answer.ts'
import { hashSecret } from '../../src/protocol/secrets.ts'
import type { EdgeCluster } from './edge-cluster.ts'

export type Files = Readonly<Record<string, Uint8Array>>

const BOUNDARY = 'a-boundary-of-the-tests'

/** The body of a form, made at once: 10,000 parts are too many for FormData. */
export function formOf(
  files: ReadonlyArray<readonly [string, Uint8Array]>,
  fields: Readonly<Record<string, string>> = {}
): { body: Uint8Array<ArrayBuffer>; headers: Record<string, string> } {
  const parts: Uint8Array[] = []
  const text = (...lines: string[]): unknown => parts.push(Buffer.from(lines.join('\r\n')))
  for (const [name, value] of Object.entries(fields))
    text(`--${BOUNDARY}`, `Content-Disposition: form-data; name="${name}"`, '', `${value}\r\n`)
  for (const [name, bytes] of files) {
    const disposition = `Content-Disposition: form-data; name="file"; filename="${name}"`
    text(`--${BOUNDARY}`, disposition, 'Content-Type: text/plain', '', '')
    parts.push(bytes, Buffer.from('\r\n'))
  }
  text(`--${BOUNDARY}--`, '')
  return {
    body: new Uint8Array(Buffer.concat(parts)),
    headers: { 'content-type': `multipart/form-data; boundary=${BOUNDARY}`, accept: 'application/json' }
  }
}

/** Uploads them as one form. */
export async function uploadFiles(
  url: string,
  files: Files,
  fields: Record<string, string> = {}
): Promise<UploadAnswer> {
  const { body, headers } = formOf(Object.entries(files), fields)
  const answer = await fetch(`${url}/upload`, { method: 'POST', body, headers })
  const text = await answer.text()
  if (answer.status !== 201) throw new Error(`upload answered ${answer.status}: ${text}`)
  return JSON.parse(text) as UploadAnswer
}

/** Uploads what a form cannot: with an index of one's own, or encrypted. */
export async function uploadContent(
  { edges, url }: EdgeCluster,
  bytes: Uint8Array,
  options: Pick<UploadRequest, 'content'> & { proof?: string; password?: string; downloads?: number }
): Promise<{ url: string; directUrl: string; token: string; senderUrl: string }> {
  const running = edges[0]
  if (running === undefined) throw new Error('there is no edge')
  const { proof, password, downloads = 1, content } = options
  const link = {
    downloads,
    ttlMs: 3_600_000,
    proofHash: proof === undefined ? undefined : hashSecret(proof),
    password: password === undefined ? undefined : await running.passwords.record(password)
  }
  const { token, deleteSecret } = await running.writer.upload({
    name: 'encrypted',
    mediaType: 'application/octet-stream',
    source: (async function* once() {
      yield bytes
    })(),
    declaredBytes: bytes.byteLength,
    limitBytes: bytes.byteLength,
    link: () => link,
    ...(content !== undefined && { content })
  })
  return {
    token,
    url: `${url()}/d/${token}`,
    directUrl: `${url()}/download/${token}`,
    senderUrl: `${url()}/s/${deleteSecret}`
  }
}

export async function indexOf(url: string): Promise<BundleIndex> {
  return decodeIndex(new Uint8Array(await (await fetch(`${url}/index`)).arrayBuffer()))
}

/** Names, and what stands for the bytes: arrays are slow to compare. */
export const digestsOf = (files: Files): Record<string, string> =>
  Object.fromEntries(
    Object.entries(files).map(([path, bytes]) => [path, createHash('sha256').update(bytes).digest('hex')])
  )

/** digestsOf what an archive has in it, as another program than ours sees it; checksums are compared by that. */
export function unzip(folder: string, archive: Uint8Array): Record<string, string> {
  const file = join(folder, 'archive.zip')
  const out = join(folder, 'out')
  writeFileSync(file, archive)
  execFileSync('unzip', ['-q', file, '-d', out])
  const found: Record<string, Uint8Array> = {}
  for (const name of readdirSync(out, { recursive: true, encoding: 'utf8' }))
    if (statSync(join(out, name)).isFile()) found[name] = new Uint8Array(readFileSync(join(out, name)))
  return digestsOf(found)
}

/** Names and sizes that Python's zipfile finds, after it has tested every checksum. */
export function listZip(folder: string, archive: Uint8Array): Array<[string, number]> {
  const file = join(folder, 'listed.zip')
  writeFileSync(file, archive)
  const program =
    'import json,sys,zipfile; z=zipfile.ZipFile(sys.argv[1]); assert z.testzip() is None; print(json.dumps([[i.filename,i.file_size] for i in z.infolist()]))'
  const said = execFileSync('python3', ['-c', program, file], { maxBuffer: 1 << 26 })
  return JSON.parse(said.toString()) as Array<[string, number]>
}
