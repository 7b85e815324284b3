/** Seals and opens single records of one stream: a record's place is part of its nonce, and its delimiter says whether it is the last. */

import { PeerbinError } from '../errors.ts'
import type { Gcm } from './primitives.ts'
import { DATA_BYTES, DELIMITER_BYTES, NONCE_BYTES, RECORD_BYTES, TAG_BYTES } from './scheme.ts'

const MORE = 0x01
const LAST = 0x02

export interface OpenedRecord {
  readonly data: Uint8Array<ArrayBuffer>
  readonly isLast: boolean
}

const damaged = (cause?: unknown): PeerbinError => new PeerbinError('encrypted-damaged', '', { cause })

export class RecordCipher {
  readonly #gcm: Gcm
  readonly #baseNonce: Uint8Array<ArrayBuffer>

  /** @param baseNonce 12 bytes */
  constructor(gcm: Gcm, baseNonce: Uint8Array<ArrayBuffer>) {
    this.#gcm = gcm
    this.#baseNonce = baseNonce
  }

  /**
   * One sealed record. The same record of the same bytes gives the same result, so that an upload can go on after its sender was closed; other
   * bytes must never be sealed at the same place with the same secret.
   *
   * @param data at most DATA_BYTES; all of them unless it is the last
   * @param paddingBytes zeros behind the data, which the reader drops
   */
  async seal(
    index: number,
    data: Uint8Array,
    isLast: boolean,
    paddingBytes = 0
  ): Promise<Uint8Array<ArrayBuffer>> {
    const plain = new Uint8Array(data.byteLength + DELIMITER_BYTES + paddingBytes)
    if (plain.byteLength > DATA_BYTES + DELIMITER_BYTES)
      throw new PeerbinError('internal', 'too much for a record')
    plain.set(data)
    plain[data.byteLength] = isLast ? LAST : MORE
    return await this.#gcm.seal(this.#nonce(index), plain)
  }

  /** @throws `encrypted-damaged`: another key, another place, another byte, or nothing this scheme makes */
  async open(index: number, sealed: Uint8Array<ArrayBuffer>): Promise<OpenedRecord> {
    if (sealed.byteLength < TAG_BYTES + DELIMITER_BYTES || sealed.byteLength > RECORD_BYTES) throw damaged()
    let plain: Uint8Array<ArrayBuffer>
    try {
      plain = await this.#gcm.open(this.#nonce(index), sealed)
    } catch (error) {
      throw damaged(error)
    }
    let end = plain.byteLength - 1
    while (end > 0 && plain[end] === 0) end--
    const delimiter = plain[end]
    if (delimiter !== MORE && delimiter !== LAST) throw damaged()
    const isLast = delimiter === LAST
    if (!isLast && sealed.byteLength !== RECORD_BYTES) throw damaged()
    return { data: plain.subarray(0, end), isLast }
  }

  /** XOR of the record's number, big-endian, into the last eight bytes. */
  #nonce(index: number): Uint8Array<ArrayBuffer> {
    const nonce = this.#baseNonce.slice()
    const view = new DataView(nonce.buffer)
    const at = NONCE_BYTES - 8
    view.setBigUint64(at, view.getBigUint64(at) ^ BigInt(index))
    return nonce
  }
}
