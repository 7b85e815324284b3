/** What a person has to do with others: links for them, and files of theirs. */

import { hashSecret, newDeleteSecret, newLinkToken } from '../../../src/protocol/secrets.ts'
import { type SimFile, ViolationError } from '../ledger.ts'
import type { Outcome } from './asking.ts'
import type { Hand } from './hand.ts'
import { isSure, label } from './users-ledger.ts'

const LINK_TTL_MS = 3_600_000

export class Others {
  readonly #hand: Hand

  constructor(hand: Hand) {
    this.#hand = hand
  }

  /** A link, and strangers who follow it. */
  async share(): Promise<void> {
    const { ledger, workload } = this.#hand.deps
    const chance = this.#hand.chance
    const entry = this.#hand.anEntry()
    const version = entry && this.#hand.aVersion(entry)
    if (entry === undefined || version === undefined) return
    const token = newLinkToken(chance)
    const deleteSecret = newDeleteSecret(chance)
    const tokenHash = hashSecret(token)
    const downloads = chance.happens(0.6) ? 1 : chance.whole(2, 3)
    const link = {
      tokenHash,
      deleteHash: hashSecret(deleteSecret),
      downloads,
      expiresAt: this.#hand.wallMs + LINK_TTL_MS
    }
    const { id } = entry
    const startedAtMs = this.#hand.nowMs
    const outcome = await this.#hand.of(
      entry,
      `version ${version.number} is shared`,
      'shareEntry',
      { id, version: version.number, link },
      version.number
    )
    if (outcome === 'unknown' || 'error' in outcome) return
    const { content, sha256: hash, chunks } = version.written
    if (outcome.value.file.sha256 !== hash)
      throw new ViolationError(
        'versions',
        `${label(entry)} was shared with other content than that of version ${version.number}`
      )
    const file: SimFile = {
      index: ledger.files.length,
      content,
      sha256: hash,
      chunks,
      downloads,
      ttlMs: LINK_TTL_MS,
      startedAtMs,
      upload: 'acknowledged',
      share: { token, tokenHash, deleteSecret, manifest: outcome.value.file.manifest },
      revoked:
        entry.deleted === 'no' && !entry.expires && isSure(entry)
          ? 'no'
          : entry.deleted === 'yes'
            ? 'yes'
            : 'asked',
      claimants: [],
      mayBeSpent: false,
      suspended: false
    }
    ledger.files.push(file)
    entry.shares.push(file)
    const strangers = chance.whole(0, 3)
    for (let i = 0; i < strangers; i++)
      workload.follow(workload.redeem(file, workload.newClaimant(file, 'client'), chance.whole(2, 8)))
  }

  /** What was deleted stays so. */
  async haunt(): Promise<void> {
    const { users } = this.#hand.deps
    const gone = users.of(this.#hand.user).filter(({ deleted }) => deleted === 'yes')
    if (gone.length === 0) return
    const entry = this.#hand.chance.pick(gone)
    const outcome = await this.#hand.ask('getEntry', { actor: this.#hand.actor, id: entry.id })
    if (outcome !== 'unknown' && 'value' in outcome)
      throw new ViolationError('versions', `${label(entry)} was deleted and is known`)
  }

  /** Somebody else's files are nobody's business. */
  async intrude(): Promise<void> {
    const { users } = this.#hand.deps
    const others = [...users.entries.values()].filter(({ user }) => user !== this.#hand.user)
    if (others.length === 0) return
    const { actor } = this.#hand
    const entry = this.#hand.chance.pick(others)
    const { id } = entry
    const path = this.#hand.newPath()
    const tries = {
      get: () => this.#hand.ask('getEntry', { actor, id }),
      open: () => this.#hand.ask('openContent', { actor, id }),
      move: () => this.#hand.ask('moveEntry', { actor, id, path }),
      remove: () => this.#hand.ask('deleteEntry', { actor, id }),
      list: () =>
        this.#hand.ask('listEntries', {
          actor,
          owner: entry.user.id,
          recursive: true,
          sort: 'name',
          order: 'ascending',
          limit: 10
        })
    } satisfies Record<string, () => Promise<Outcome<unknown>>>
    const outcome = await tries[this.#hand.chance.pick(Object.keys(tries) as Array<keyof typeof tries>)]()
    if (outcome !== 'unknown' && 'value' in outcome)
      throw new ViolationError('rights', `${this.#hand.user.name} reached ${label(entry)}`)
  }
}
