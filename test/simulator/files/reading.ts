/** Downloads and lists, and what a person must find in them. */

import { asPeerbinError, ERRORS } from '../../../src/errors.ts'
import type { ControlMessages, RequestOf } from '../../../src/protocol/messages.ts'
import type { EntryId } from '../../../src/types.ts'
import { ViolationError } from '../ledger.ts'
import type { Hand } from './hand.ts'
import { isSure, label, type SimEntry, type Written } from './users-ledger.ts'

export class Reading {
  readonly #hand: Hand

  constructor(hand: Hand) {
    this.#hand = hand
  }

  async some(): Promise<void> {
    const entry = this.#hand.anEntry()
    if (entry === undefined) return
    const version = this.#hand.chance.happens(0.5) ? undefined : this.#hand.aVersion(entry)
    await this.read(entry, version?.number)
  }

  /** @returns false: nobody could answer */
  async read(entry: SimEntry, number: number | undefined): Promise<boolean> {
    const { users, workload } = this.#hand.deps
    const { actor } = this.#hand
    const newest = users.newest(entry)
    const wasGone = entry.deleted === 'yes'
    const edge = await workload.anEdge()
    const outcome = await workload.ask(edge, async () => {
      const message = { actor, id: entry.id, ...(number !== undefined && { version: number }) }
      const opened = await edge.peer.controller.call('openContent', message)
      const { file, chunks } = opened
      const range = { start: 0, end: file.sizeBytes }
      const pieces: Uint8Array[] = []
      const { sizeBytes, chunkCount } = file
      const body = edge.parts.reader.read({ file: file.id, sizeBytes, chunkCount, firstPage: chunks, range })
      for await (const piece of edge.spoil(body)) pieces.push(piece.slice())
      return { opened, bytes: Buffer.concat(pieces) }
    })
    if (outcome === 'unknown') return false
    if ('error' in outcome) {
      this.#hand.judge(entry, number, outcome.error)
      return !ERRORS[asPeerbinError(outcome.error).code].retryable
    }
    const { opened, bytes } = outcome.value
    if (wasGone) throw new ViolationError('versions', `${label(entry)} was deleted and is served`)
    const written = users.writtenOf(opened.version.sha256, this.#hand.user)
    if (Buffer.compare(written.content, bytes) !== 0)
      throw new ViolationError('B', `${this.#hand.user.name} got wrong bytes of content ${written.index}`)
    users.told(entry, opened.version.number, written)
    if (number === undefined && opened.version.number < newest)
      throw new ViolationError(
        'versions',
        `version ${newest} of ${label(entry)} is there, and ${opened.version.number} counts`
      )
    return true
  }

  /** All that must be there is listed, and nothing that must not. */
  async list(): Promise<void> {
    const { users } = this.#hand.deps
    const beganAtMs = this.#hand.nowMs
    const steady = users
      .of(this.#hand.user)
      .filter((entry) => isSure(entry) && entry.open === 0 && entry.touchedAtMs < beganAtMs)
    const deleted = users.of(this.#hand.user).filter((entry) => entry.deleted === 'yes')
    const listed = new Set<EntryId>()
    for (let after: RequestOf<ControlMessages, 'listEntries'>['after']; ;) {
      const page = await this.#hand.ask('listEntries', {
        actor: this.#hand.actor,
        owner: this.#hand.user.id,
        recursive: true,
        sort: this.#hand.chance.pick(['name', 'date', 'size']),
        order: 'ascending',
        limit: 100,
        ...(after !== undefined && { after })
      })
      if (page === 'unknown' || 'error' in page) return
      for (const { id, current } of page.value.entries) {
        listed.add(id)
        if (current.file !== null) users.writtenOf(current.sha256, this.#hand.user)
      }
      if (page.value.next === null) break
      after = page.value.next
    }
    const isSteady = (entry: SimEntry): boolean =>
      isSure(entry) && entry.open === 0 && entry.touchedAtMs < beganAtMs
    const lacking = steady.find((entry) => isSteady(entry) && !listed.has(entry.id))
    if (lacking !== undefined) throw new ViolationError('versions', `${label(lacking)} is not listed`)
    const ghost = deleted.find((entry) => listed.has(entry.id))
    if (ghost !== undefined) throw new ViolationError('versions', `${label(ghost)} was deleted and is listed`)
  }

  async space(): Promise<void> {
    const { users } = this.#hand.deps
    const sure = new Set(
      users
        .of(this.#hand.user)
        .flatMap((entry) =>
          isSure(entry) ? [...entry.versions.values()].filter((v) => !v.mayBeGone).map((v) => v.written) : []
        )
    )
    const told = await this.#hand.ask('spaceOf', { actor: this.#hand.actor, user: this.#hand.user.id })
    if (told === 'unknown' || 'error' in told) return
    const { usedBytes, quotaBytes } = told.value
    if (quotaBytes !== null && usedBytes > quotaBytes)
      throw new ViolationError(
        'quota',
        `${this.#hand.user.name} may have ${quotaBytes} bytes and has ${usedBytes}`
      )
    const stillSure = users.kept().length > 0 ? [...sure].filter((written) => this.#isSure(written)) : []
    const least = stillSure.reduce((sum, { content }) => sum + content.byteLength, 0)
    if (usedBytes < least)
      throw new ViolationError(
        'quota',
        `${this.#hand.user.name} has ${least} bytes at least, and ${usedBytes} are counted`
      )
  }

  #isSure(written: Written): boolean {
    return this.#hand.deps.users
      .of(this.#hand.user)
      .some(
        (entry) =>
          isSure(entry) && [...entry.versions.values()].some((v) => v.written === written && !v.mayBeGone)
      )
  }
}
