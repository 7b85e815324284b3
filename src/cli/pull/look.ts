/** What is behind a link: asked without spending it. */

import { z } from 'zod'
import { INDEX_BYTES_MAX, checkIndex } from '../../bundle/index.ts'
import type { BundleIndex } from '../../bundle/index.ts'
import type { LinkKeys } from '../../encryption/link-keys.ts'
import { ENCRYPTION, plainSize } from '../../encryption/scheme.ts'
import type { Encryption } from '../../encryption/scheme.ts'
import { openText } from '../../encryption/streams.ts'
import { asPeerbinError, PeerbinError } from '../../errors.ts'
import { count, sha256Hex } from '../../protocol/schema.ts'
import type { CliContext } from '../context.ts'
import { failureOf, readJson, request } from '../http/request.ts'
import type { HttpAnswer } from '../http/request.ts'
import { passwordHeaders } from '../password/sources.ts'
import { keysOf } from './keys.ts'
import type { LinkPassword } from './link-password.ts'
import { pageUrl } from './link.ts'
import type { ShareLink } from './link.ts'
import { retrying } from '../http/retrying.ts'

/** A sealed index is at most so much longer than what it holds. */
const SEALED_INDEX_BYTES_MAX = INDEX_BYTES_MAX + 64 * 1024

export interface LinkInfo {
  /** Not safe to use as a file name. */
  readonly name: string
  /** Of the payload, decrypted. */
  readonly sizeBytes: number
  /** Of a single file that is not encrypted, lower-case hex; null when the server does not say. */
  readonly sha256: string | null
  readonly encryption: Encryption | null
  /** The list of a bundle, and of everything encrypted, as text; null for a plain file. */
  readonly indexText: string | null
}

const told = z.object({
  passwordRequired: z.boolean().optional(),
  encryption: z.string().nullish(),
  name: z.string().optional(),
  size: count.optional(),
  sha256: sha256Hex.optional(),
  payloadBytes: count.optional(),
  entries: count.nullish()
})
type Told = z.output<typeof told>

/**
 * @throws `key-missing` before anything else is asked for; `encrypted-damaged` when the key does not fit; `index-invalid` for a list that lies; `password-wrong`,
 * `password-attempts`, and what else the server says
 */
export async function lookAt(
  link: ShareLink,
  password: LinkPassword,
  context: CliContext
): Promise<LinkInfo> {
  let known = await askPage(link, password.known, context)
  const keys = (known.encryption ?? null) === null ? undefined : await keysOf(link)
  if (keys !== undefined && known.encryption !== ENCRYPTION)
    throw new PeerbinError(
      'encrypted-damaged',
      'the link is encrypted in a way that this version does not know'
    )
  if (known.passwordRequired === true && known.size === undefined)
    known = await askPage(link, await password.get(), context)
  const { name, size, payloadBytes = size, entries, sha256 } = known
  if (name === undefined || payloadBytes === undefined) throw strange(link)
  if (keys === undefined && typeof entries !== 'number')
    return { name, sizeBytes: payloadBytes, sha256: sha256 ?? null, encryption: null, indexText: null }
  const stored = await askIndex(link, password.known, context)
  const { index, text, sizeBytes } = await readIndex(stored, payloadBytes, keys)
  const encryption = keys === undefined ? null : ENCRYPTION
  return { name: index.name, sizeBytes, sha256: null, encryption, indexText: text }
}

async function askPage(link: ShareLink, password: string | undefined, context: CliContext): Promise<Told> {
  return await retrying(context, async () => {
    const answer = await request({
      method: 'GET',
      url: pageUrl(link),
      signal: context.interrupted,
      headers: { accept: 'application/problem+json, application/json', ...passwordHeaders(password) }
    })
    if (answer.status !== 200) throw await failureOf(answer)
    const parsed = told.safeParse(await readJson(answer))
    if (!parsed.success) throw strange(link)
    return parsed.data
  })
}

async function askIndex(
  link: ShareLink,
  password: string | undefined,
  context: CliContext
): Promise<Uint8Array> {
  return await retrying(context, async () => {
    const answer = await request({
      method: 'GET',
      url: pageUrl(link, '/index'),
      signal: context.interrupted,
      headers: {
        accept: 'application/problem+json, application/json, application/octet-stream',
        ...passwordHeaders(password)
      }
    })
    if (answer.status !== 200) throw await failureOf(answer)
    return await readBytes(answer)
  })
}

async function readBytes(answer: HttpAnswer): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  let size = 0
  try {
    for await (const piece of answer.body as AsyncIterable<Uint8Array>) {
      size += piece.byteLength
      if (size > SEALED_INDEX_BYTES_MAX) throw new PeerbinError('index-invalid')
      pieces.push(piece)
    }
  } catch (error) {
    throw asPeerbinError(error, 'server-unreachable')
  }
  return Buffer.concat(pieces)
}

/** @param payloadBytes as the server has it */
async function readIndex(
  stored: Uint8Array,
  payloadBytes: number,
  keys: LinkKeys | undefined
): Promise<{ index: BundleIndex; text: string; sizeBytes: number }> {
  const bytes = keys === undefined ? stored : await openText(keys.index, stored)
  const sizeBytes = keys === undefined ? payloadBytes : plainSize(payloadBytes)
  if (sizeBytes === undefined) throw new PeerbinError('encrypted-damaged')
  return { index: checkIndex(bytes, sizeBytes), text: Buffer.from(bytes).toString('utf8'), sizeBytes }
}

const strange = (link: ShareLink): PeerbinError =>
  new PeerbinError('protocol-violation', `${link.download.origin} does not answer as a peerbin edge does`)
