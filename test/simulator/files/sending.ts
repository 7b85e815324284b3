/** Uploads of a person: in one piece, or by parts through whatever edge is there. */

import { asPeerbinError, hasCode } from '../../../src/errors.ts'
import { sha256 } from '../../../src/protocol/ids.ts'
import { newUploadSecret, uploadKeys } from '../../../src/protocol/upload-secret.ts'
import type { EntryId } from '../../../src/types.ts'
import type { SimEdge } from '../edge.ts'
import { chunksOf, ViolationError } from '../ledger.ts'
import { CHUNK_BYTES } from '../settings.ts'
import { REFUSED, type Hand } from './hand.ts'
import { label, type SimEntry, type Written } from './users-ledger.ts'

export class Sending {
  readonly #hand: Hand

  constructor(hand: Hand) {
    this.#hand = hand
  }

  #write(): Written {
    const { users } = this.#hand.deps
    const chance = this.#hand.chance
    const size = chance.whole(40, chance.pick([300, CHUNK_BYTES, CHUNK_BYTES, 3 * CHUNK_BYTES]))
    const earlier = users.writings.filter(({ user }) => user === this.#hand.user || chance.happens(0.5))
    // the first chunk may be that of another file, anybody's; all of it never is, so that it is known by its hash
    const begins =
      earlier.length > 0 && chance.happens(0.3) ? chance.pick(earlier).content : new Uint8Array(0)
    const content = Buffer.concat([begins.subarray(0, CHUNK_BYTES), chance.bytes(size)])
    const written: Written = {
      index: users.writings.length,
      user: this.#hand.user,
      content,
      sha256: Buffer.from(sha256(content)).toString('hex'),
      chunks: chunksOf(content),
      startedAtMs: this.#hand.nowMs,
      state: 'open',
      manifest: undefined
    }
    users.add(written)
    return written
  }

  async put(path: string, onlyNew: boolean): Promise<void> {
    const written = this.#write()
    const ttlMs = this.#ttlMs()
    const leaves = this.#hand.chance.happens(0.05)
    this.#hand.note(`content ${written.index} (${written.content.byteLength} bytes) begins to go to ${path}`)
    await this.#follow(written, path, ttlMs, onlyNew, async (edge) => {
      const stored = await edge.parts.writer.uploadEntry({
        name: path.slice(path.lastIndexOf('/') + 1),
        mediaType: 'application/octet-stream',
        source: this.#source(written.content, leaves),
        limitBytes: 1024 * 1024,
        declaredBytes: written.content.byteLength,
        owner: { user: this.#hand.user.id, path },
        entry: () => ({ user: this.#hand.user.id, path, onlyNew, ...(ttlMs !== undefined && { ttlMs }) })
      })
      return stored
    })
  }

  /** By parts, each through some edge; what nobody answered is asked for, and sent again. */
  async putInParts(path: string): Promise<void> {
    const { workload } = this.#hand.deps
    const written = this.#write()
    const { content } = written
    const keys = uploadKeys(newUploadSecret(this.#hand.chance))
    const entry = { user: this.#hand.user.id, path }
    const file = {
      keys,
      name: path.slice(path.lastIndexOf('/') + 1),
      mediaType: 'application/octet-stream',
      plan: {
        lengthBytes: content.byteLength,
        downloads: 1,
        ttlMs: 1,
        indexBytes: 0,
        encryption: null,
        entry
      }
    }
    this.#hand.note(`content ${written.index} (${content.byteLength} bytes) begins to go to ${path} by parts`)
    await this.#follow(written, path, undefined, false, async (first) => {
      const { signal } = new AbortController()
      const options = { plan: JSON.stringify(entry), role: 'anonymous' as const, signal }
      await first.parts.resumable.open(file, options)
      for (let attempt = 0; ; attempt++) {
        const edge = attempt === 0 ? first : await workload.anEdge()
        const sent = await workload.ask(edge, async () => {
          const { found } = await edge.parts.resumable.find(keys, signal)
          if (found?.state === 'committed') return await edge.parts.resumable.ended(keys, found, signal)
          const at = found?.state === 'open' ? found.sizeBytes : 0
          if (at === content.byteLength) return await edge.parts.resumable.end(file, signal)
          const end = Math.min(content.byteLength, at + this.#hand.chance.whole(1, content.byteLength))
          const source = this.#source(content.subarray(at, end), false)
          const { ended } = await edge.parts.resumable.append(file, { offset: at, source, signal })
          return ended
        })
        if (sent !== 'unknown' && 'value' in sent && sent.value?.stored !== undefined)
          return sent.value.stored
        if (attempt > 8)
          throw sent !== 'unknown' && 'error' in sent ? sent.error : new Error('no patience is left')
        if (sent !== 'unknown' && 'error' in sent && hasCode(sent.error, ...REFUSED, 'upload-gone'))
          throw sent.error
        await workload.sleep(this.#hand.chance.between(100, 2000))
      }
    })
  }

  /** Sends something, and takes note of what became of it. */
  async #follow(
    written: Written,
    path: string,
    ttlMs: number | undefined,
    onlyNew: boolean,
    send: (edge: SimEdge) => Promise<{ entry: EntryId; version: number; sizeBytes: number }>
  ): Promise<void> {
    const { workload, users } = this.#hand.deps
    const before = new Map(users.of(this.#hand.user).map((entry) => [entry, users.newest(entry)]))
    const gone = new Set(users.of(this.#hand.user).filter(({ deleted }) => deleted === 'yes'))
    const edge = await workload.anEdge()
    const outcome = await workload.ask(edge, () => send(edge))
    if (outcome === 'unknown') {
      written.state = 'unknown'
      if (ttlMs !== undefined)
        for (const entry of users.of(this.#hand.user)) entry.expires ||= this.#mayBeAt(entry, path)
      this.#hand.note(`content ${written.index}: nobody answered`)
      return
    }
    if ('error' in outcome) {
      const { code } = asPeerbinError(outcome.error)
      written.state = REFUSED.includes(code) ? 'refused' : 'unknown'
      if (ttlMs !== undefined && written.state === 'unknown')
        for (const entry of users.of(this.#hand.user)) entry.expires ||= this.#mayBeAt(entry, path)
      this.#hand.note(`content ${written.index}: not stored, ${code}`)
      return
    }
    const { entry: id, version: number, sizeBytes } = outcome.value
    written.state = 'acknowledged'
    const entry = users.entryOf(id, this.#hand.user)
    if (ttlMs !== undefined) entry.expires = true
    this.#hand.note(`content ${written.index} is version ${number} of file ${id.slice(0, 8)}`)
    if (sizeBytes !== written.content.byteLength)
      throw new ViolationError('versions', `content ${written.index} was stored with ${sizeBytes} bytes`)
    if (gone.has(entry)) throw new ViolationError('versions', `${label(entry)} was deleted and got a version`)
    if (number <= (before.get(entry) ?? 0))
      throw new ViolationError(
        'versions',
        `${label(entry)} had a version ${before.get(entry)}, and then got ${number}`
      )
    if (onlyNew && number > 1 && (before.get(entry) ?? 0) > 0)
      throw new ViolationError(
        'versions',
        `${label(entry)} was there, and got a version that was to be its first`
      )
    if (number === 1)
      entry.placings.push({
        path,
        beganAtMs: written.startedAtMs,
        endedAtMs: this.#hand.nowMs,
        isAcknowledged: true
      })
    users.told(entry, number, written)
    const types = ['file.added', 'file.edited'] as const
    const { startedAtMs: beganAtMs } = written
    this.#hand.done({
      types,
      subject: id,
      data: { version: number, sha256: written.sha256 },
      beganAtMs,
      isOnce: true
    })
  }

  #mayBeAt(entry: SimEntry, path: string): boolean {
    return entry.placings.length === 0 || entry.placings.some((placing) => placing.path === path)
  }

  #ttlMs(): number | undefined {
    return this.#hand.chance.happens(0.06) ? this.#hand.chance.whole(10_000, 60_000) : undefined
  }

  async *#source(content: Uint8Array, leaves: boolean): AsyncGenerator<Uint8Array> {
    const { workload } = this.#hand.deps
    const pieces = this.#hand.chance.whole(1, 3)
    for (let piece = 0; piece < pieces; piece++) {
      if (this.#hand.chance.happens(0.2)) await workload.sleep(this.#hand.chance.between(0, 3000))
      if (leaves && piece === pieces - 1) throw new Error('the sender has gone away')
      const end = (at: number): number => Math.floor((content.byteLength * at) / pieces)
      yield content.subarray(end(piece), end(piece + 1))
    }
  }
}
