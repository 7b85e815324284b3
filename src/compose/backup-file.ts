/**
 * A backup: one file that only its cluster can read.
 *
 *     `PBBF`, version (1 byte), fingerprint of the cluster (16 bytes)
 *     length (u32, big-endian) and header, sealed: number, cluster, when, by which version
 *     length and piece, sealed with its place; again and again, until the one that is sealed as the last
 */

import { hkdfSync, randomUUID } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import * as cbor from '@ipld/dag-cbor'
import { z } from 'zod'
import { PeerbinError } from '../errors.ts'
import type { Random } from '../interfaces.ts'
import { CHUNK_BYTES_MAX } from '../protocol/limits.ts'
import { open, seal } from '../protocol/sealed.ts'
import type { SealFormat } from '../protocol/sealed.ts'

const MAGIC = Buffer.from('PBBF', 'latin1')
const FILE_VERSION = 1
const FINGERPRINT_BYTES = 16
const LENGTH_BYTES = 4
const PROLOGUE_BYTES = MAGIC.byteLength + 1 + FINGERPRINT_BYTES
/** Far above what a piece has; a length beyond it is damage. */
const RECORD_BYTES_MAX = CHUNK_BYTES_MAX

const FORMAT: SealFormat = {
  magic: 'PBBK',
  version: 1,
  info: 'peerbin/backup/1',
  what: 'a part of the backup'
}

const headerSchema = z.object({
  id: z.string().max(64),
  clusterName: z.string().max(255),
  madeAt: z.int().min(0),
  term: z.int().min(0),
  program: z.string().max(64)
})
/** What a backup says of itself. */
export type BackupHeader = z.output<typeof headerSchema>

/** Tells clusters apart without their secret. */
const fingerprintOf = (secret: Uint8Array): Uint8Array =>
  new Uint8Array(hkdfSync('sha256', secret, '', 'peerbin/backup/fingerprint/1', FINGERPRINT_BYTES))

const contextOf = (id: string, index: number, last: boolean): Uint8Array =>
  Buffer.from(`${id} ${index} ${last ? 'last' : 'more'}`, 'latin1')
const HEADER_CONTEXT = Buffer.from('header', 'latin1')

const refused = (message: string, cause?: unknown): PeerbinError =>
  new PeerbinError('restore-refused', message, cause === undefined ? {} : { cause })

export interface BackupKey {
  /** The cluster secret. */
  readonly secret: Uint8Array
  readonly random: Random
}

/** Writes a file from its beginning. */
export class BackupWriter {
  readonly #file: FileHandle
  readonly #key: BackupKey
  readonly #id = randomUUID()
  #pieces = 0
  #bytes = 0

  constructor(file: FileHandle, key: BackupKey) {
    this.#file = file
    this.#key = key
  }

  /** Written so far. */
  get bytes(): number {
    return this.#bytes
  }

  async begin(header: Omit<BackupHeader, 'id'>): Promise<void> {
    await this.#write(Buffer.concat([MAGIC, Uint8Array.of(FILE_VERSION), fingerprintOf(this.#key.secret)]))
    await this.#record(cbor.encode({ ...header, id: this.#id }), HEADER_CONTEXT)
  }

  async piece(plain: Uint8Array, last: boolean): Promise<void> {
    await this.#record(plain, contextOf(this.#id, this.#pieces++, last))
  }

  async #record(plain: Uint8Array, context: Uint8Array): Promise<void> {
    const { secret, random } = this.#key
    const sealed = seal(plain, secret, FORMAT, random, context)
    const length = Buffer.alloc(LENGTH_BYTES)
    length.writeUInt32BE(sealed.byteLength)
    await this.#write(Buffer.concat([length, sealed]))
  }

  async #write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.byteLength;) {
      const { bytesWritten } = await this.#file.write(bytes, at)
      at += bytesWritten
    }
    this.#bytes += bytes.byteLength
  }
}

/** Reads a file from its beginning, as often as asked. Everything throws `restore-refused` with the reason. */
export class BackupReader {
  readonly #file: FileHandle
  readonly #secret: Uint8Array
  #at = 0

  constructor(file: FileHandle, secret: Uint8Array) {
    this.#file = file
    this.#secret = secret
  }

  async header(): Promise<BackupHeader> {
    this.#at = 0
    const prologue = await this.#take(PROLOGUE_BYTES)
    if (!MAGIC.equals(prologue.subarray(0, MAGIC.byteLength))) throw refused('This is no backup of peerbin.')
    const version = prologue[MAGIC.byteLength] ?? 0
    if (version > FILE_VERSION)
      throw refused(
        `The backup was made by a newer version of peerbin (format ${version}, this one reads up to ${FILE_VERSION}).`
      )
    if (version !== FILE_VERSION) throw refused('The backup is damaged.')
    const fingerprint = Buffer.from(prologue.subarray(MAGIC.byteLength + 1))
    if (!fingerprint.equals(fingerprintOf(this.#secret)))
      throw refused('The backup is of another cluster than the join string, or damaged.')
    const header = headerSchema.safeParse(decoded(this.#open(await this.#record(), HEADER_CONTEXT)))
    if (!header.success) throw refused('The backup is damaged: its header cannot be read.', header.error)
    return header.data
  }

  /** The pieces as they were given to the writer. */
  async *pieces(): AsyncGenerator<Uint8Array, void, undefined> {
    const { id } = await this.header()
    for (let index = 0; ; index++) {
      const sealed = await this.#record()
      const isLast = await this.#isEnd()
      yield this.#open(sealed, contextOf(id, index, isLast))
      if (isLast) return
    }
  }

  #open(sealed: Uint8Array, context: Uint8Array): Uint8Array {
    try {
      return open(sealed, this.#secret, FORMAT, context)
    } catch (error) {
      throw refused('The backup is damaged, or its end is missing.', error)
    }
  }

  async #record(): Promise<Uint8Array> {
    const length = Buffer.from(await this.#take(LENGTH_BYTES)).readUInt32BE()
    if (length > RECORD_BYTES_MAX) throw refused('The backup is damaged.')
    return await this.#take(length)
  }

  async #isEnd(): Promise<boolean> {
    const { bytesRead } = await this.#file.read(Buffer.alloc(1), 0, 1, this.#at)
    return bytesRead === 0
  }

  async #take(length: number): Promise<Uint8Array> {
    const bytes = Buffer.alloc(length)
    for (let filled = 0; filled < length;) {
      const { bytesRead } = await this.#file.read(bytes, filled, length - filled, this.#at + filled)
      if (bytesRead === 0) throw refused('The backup is damaged: its end is missing.')
      filled += bytesRead
    }
    this.#at += length
    return bytes
  }
}

function decoded(bytes: Uint8Array): unknown {
  try {
    return cbor.decode(bytes)
  } catch (error) {
    throw refused('The backup is damaged: its header cannot be read.', error)
  }
}
