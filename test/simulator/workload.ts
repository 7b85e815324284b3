/** What the clients of a schedule do: upload, redeem (several at once, resuming, again after an unknown outcome), revoke, leave in the middle. */

import { asPeerbinError, ERRORS, hasCode } from '../../src/errors.ts'
import { sha256 } from '../../src/protocol/ids.ts'
import { hashSecret, newClaimSecret } from '../../src/protocol/secrets.ts'
import type { SecretHash } from '../../src/types.ts'
import type { Chance } from './chance.ts'
import type { SimEdge } from './edge.ts'
import { type Claimant, type SimFile, chunksOf, hasExpired, type Ledger, ViolationError } from './ledger.ts'
import { CHUNK_BYTES, LEASE_MS } from './settings.ts'
import type { World } from './world.ts'

/** A client waits so long for an edge before it calls the outcome unknown. */
const PATIENCE_MS = 60_000
const CONTENT_BYTES_MIN = 40
/** Once everything has healed, an acknowledged file is there after so many. */
const LAST_ATTEMPTS = 8
/** Share of a lease within which a claim must be answered yes again; the store's time may run a twentieth faster. */
const LEASE_SURE = 0.9

export interface WorkloadOptions {
  readonly world: World
  readonly ledger: Ledger
  /** Share of files that have bytes of an earlier one. */
  readonly equalShare: number
  readonly onViolation: (error: unknown) => void
}

export class Workload {
  readonly #world: World
  readonly #ledger: Ledger
  readonly #chance: Chance
  readonly #equalShare: number
  readonly #onViolation: (error: unknown) => void
  #running = 0
  #claimants = 0
  #closed = false

  constructor(options: WorkloadOptions) {
    this.#world = options.world
    this.#ledger = options.ledger
    this.#chance = options.world.chance.fork('workload')
    this.#equalShare = options.equalShare
    this.#onViolation = options.onViolation
  }

  /** Clients under way. */
  get running(): number {
    return this.#running
  }

  /** Whether those that come are to go home. */
  get isClosed(): boolean {
    return this.#closed
  }

  /** Takes no new clients; those under way go on until they end or give up. */
  close(): void {
    this.#closed = true
  }

  /** Runs a client by itself; what it throws ends the schedule. */
  follow(client: Promise<void>): void {
    this.#running++
    client.catch((error: unknown) => this.#onViolation(error)).finally(() => this.#running--)
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#world.time.schedule(ms, resolve)
    })
  }

  /** A client that uploads one file after another. */
  async uploader(files: number, pauseMs: number): Promise<void> {
    for (let i = 0; i < files && !this.#closed; i++) {
      await this.sleep(this.#chance.between(0, 2 * pauseMs))
      await this.#lifeOfFile()
    }
  }

  /** Asks again for a file that must be there, until it is. */
  async fetchInTheEnd(file: SimFile): Promise<void> {
    const waiting = file.claimants.filter(
      (claimant) => claimant.state === 'open' && claimant.secret !== undefined
    )
    for (const claimant of waiting) await this.redeem(file, claimant, LAST_ATTEMPTS)
    if (file.claimants.some((claimant) => claimant.state === 'done')) return
    await this.redeem(file, this.newClaimant(file, 'client'), LAST_ATTEMPTS)
  }

  /** Somebody tries a link that must not serve anybody any more. */
  async tryUsed(file: SimFile): Promise<void> {
    await this.redeem(file, this.newClaimant(file, 'client'), 2)
  }

  /** Withdraws a file's link, asking until somebody answers. */
  async revoke(file: SimFile, attempts: number): Promise<void> {
    if (file.share === undefined) return
    const { tokenHash, deleteSecret } = file.share
    if (file.revoked === 'no') file.revoked = 'asked'
    if (!(await this.withdraw(tokenHash, hashSecret(deleteSecret), attempts))) return
    file.revoked = 'yes'
    this.#world.trace.note(`file ${file.index} is revoked`)
  }

  /** Withdraws a link; says whether somebody answered. */
  async withdraw(tokenHash: SecretHash, deleteHash: SecretHash, attempts: number): Promise<boolean> {
    for (let attempt = 0; attempt < attempts; attempt++) {
      const edge = await this.anEdge()
      const outcome = await this.ask(
        edge,
        async () => await edge.peer.controller.call('revokeLink', { tokenHash, deleteHash })
      )
      if (outcome !== 'unknown' && !('error' in outcome)) return true
      await this.sleep(2000)
    }
    return false
  }

  async #lifeOfFile(): Promise<void> {
    const file = await this.#upload()
    if (file.upload !== 'acknowledged') return
    const chance = this.#chance
    const plan = chance.weighted({ keep: 4, redeem: 4, revoke: 1.5 })
    if (plan === 'keep') return
    await this.sleep(chance.between(0, 15_000))
    if (plan === 'revoke') return this.follow(this.revoke(file, 5))
    const origin = chance.happens(0.25) ? 'edge' : 'client'
    const clients = chance.whole(1, chance.happens(0.5) ? 5 : 2)
    for (let i = 0; i < clients; i++)
      this.follow(this.redeem(file, this.newClaimant(file, origin), chance.whole(2, 12)))
  }

  // ---------------------------------------------------------------- uploads

  async #upload(): Promise<SimFile> {
    const file = this.#newFile()
    const world = this.#world
    const edge = await this.anEdge()
    file.startedAtMs = world.time.nowMs
    world.trace.note(
      `file ${file.index}: ${file.content.byteLength} bytes begin to go to ${edge.name} (${file.downloads} downloads)`
    )
    const leaves = this.#chance.happens(0.06)
    const outcome = await this.ask(edge, async () =>
      edge.parts.writer.upload({
        name: `file-${file.index}`,
        mediaType: 'application/octet-stream',
        source: this.#source(file.content, leaves),
        limitBytes: 1024 * 1024,
        ...(this.#chance.happens(0.5) && { declaredBytes: file.content.byteLength }),
        link: () => ({ downloads: file.downloads, ttlMs: file.ttlMs })
      })
    )
    if (outcome === 'unknown') {
      file.upload = 'unknown'
      world.trace.note(`file ${file.index}: nobody answered`)
    } else if ('error' in outcome) {
      file.upload = 'failed'
      world.trace.note(`file ${file.index}: not stored, ${asPeerbinError(outcome.error).code}`)
    } else {
      const { token, deleteSecret, file: record } = outcome.value
      file.share = { token, tokenHash: hashSecret(token), deleteSecret, manifest: record.manifest }
      file.upload = 'acknowledged'
      world.trace.note(`file ${file.index}: acknowledged`)
    }
    return file
  }

  #newFile(): SimFile {
    const chance = this.#chance
    const content = this.#content()
    const file: SimFile = {
      index: this.#ledger.files.length,
      content,
      sha256: Buffer.from(sha256(content)).toString('hex'),
      chunks: chunksOf(content),
      downloads: chance.happens(0.8) ? 1 : chance.whole(2, 4),
      ttlMs: chance.happens(0.12) ? chance.whole(10_000, 60_000) : 3_600_000,
      startedAtMs: this.#world.time.nowMs,
      upload: 'open',
      share: undefined,
      revoked: 'no',
      claimants: [],
      mayBeSpent: false,
      suspended: false
    }
    this.#ledger.files.push(file)
    return file
  }

  /** Often the same bytes as another file's, or the same first chunk. */
  #content(): Uint8Array {
    const chance = this.#chance
    const size = chance.whole(
      CONTENT_BYTES_MIN,
      chance.pick([300, CHUNK_BYTES, CHUNK_BYTES, 3 * CHUNK_BYTES])
    )
    const earlier = this.#ledger.files
    if (earlier.length === 0 || !chance.happens(this.#equalShare)) return chance.bytes(size)
    const { content } = chance.pick(earlier)
    if (chance.happens(0.6)) return content
    return Buffer.concat([content.subarray(0, CHUNK_BYTES), chance.bytes(size)])
  }

  async *#source(content: Uint8Array, leaves: boolean): AsyncGenerator<Uint8Array> {
    const chance = this.#chance
    const pieces = chance.whole(1, 3)
    for (let piece = 0; piece < pieces; piece++) {
      if (chance.happens(0.3)) await this.sleep(chance.between(0, 4000))
      if (leaves && piece === pieces - 1) throw new Error('the uploader has gone away')
      const end = (at: number): number => Math.floor((content.byteLength * at) / pieces)
      yield content.subarray(end(piece), end(piece + 1))
    }
  }

  // ---------------------------------------------------------------- redemptions

  newClaimant(file: SimFile, origin: Claimant['origin']): Claimant {
    const claimant: Claimant = {
      name: `client ${++this.#claimants}`,
      secret: origin === 'client' ? newClaimSecret(this.#chance) : undefined,
      origin,
      askedAtMs: this.#world.time.nowMs,
      granted: false,
      gotBytes: 0,
      state: 'open'
    }
    file.claimants.push(claimant)
    return claimant
  }

  /** A claimant asks, and asks again, until it has all of the file, is refused, or has no patience left. */
  async redeem(file: SimFile, claimant: Claimant, attempts: number): Promise<void> {
    for (let attempt = 0; attempt < attempts && claimant.state === 'open'; attempt++) {
      if (attempt > 0) await this.sleep(this.#chance.between(200, 4000))
      const edge = await this.anEdge()
      await this.#attempt(file, claimant, edge)
    }
  }

  async #attempt(file: SimFile, claimant: Claimant, edge: SimEdge): Promise<void> {
    const { trace } = this.#world
    if (file.share === undefined) return
    const resumes = claimant.origin === 'edge' && claimant.secret !== undefined
    const secret = claimant.secret ?? newClaimSecret(edge.process.chance)
    const leavesAt = this.#chance.happens(0.15) ? this.#chance.whole(0, file.content.byteLength) : Infinity
    const wasRevoked = file.revoked === 'yes'
    let withdrawn = false
    const outcome = await this.ask(edge, async () =>
      edge.download({
        token: file.share?.token ?? '',
        secret,
        origin: resumes ? 'resume' : claimant.origin,
        from: claimant.gotBytes,
        onGranted: () => {
          if (withdrawn || !edge.process.alive) return
          if (wasRevoked)
            throw new ViolationError(
              'C',
              `file ${file.index} was withdrawn and is granted to ${claimant.name}`
            )
          claimant.secret = secret
          claimant.granted = true
          trace.note(`${claimant.name} is granted file ${file.index}`)
          const { length } = file.claimants.filter(({ granted }) => granted)
          if (length > file.downloads)
            throw new ViolationError('C', `file ${file.index} was granted to ${length} clients`)
        },
        onBytes: (bytes) => {
          if (withdrawn || !edge.process.alive || claimant.gotBytes >= leavesAt) return false
          this.#take(file, claimant, bytes)
          return true
        }
      })
    )
    withdrawn = true // what an edge still does for a client that gave up reaches nobody
    if (claimant.gotBytes === file.content.byteLength) {
      claimant.state = 'done'
      trace.note(`${claimant.name} has all of file ${file.index}`)
    } else if (outcome === 'unknown') {
      if (claimant.secret === undefined) file.mayBeSpent = true
    } else if ('error' in outcome) this.#refused(file, claimant, outcome.error)
  }

  #take(file: SimFile, claimant: Claimant, bytes: Uint8Array): void {
    const expected = file.content.subarray(claimant.gotBytes, claimant.gotBytes + bytes.byteLength)
    if (Buffer.compare(expected, bytes) !== 0)
      throw new ViolationError('B', `${claimant.name} got wrong bytes of file ${file.index}`)
    claimant.gotBytes += bytes.byteLength
  }

  #refused(file: SimFile, claimant: Claimant, error: unknown): void {
    const { time, trace } = this.#world
    if (error instanceof ViolationError) throw error
    const { code } = asPeerbinError(error)
    trace.note(`${claimant.name} is told ${code} about file ${file.index}`)
    if (claimant.origin === 'edge' && claimant.secret === undefined && ERRORS[code].retryable)
      file.mayBeSpent = true // until the edge has given back what it may have claimed
    if (ERRORS[code].retryable || hasCode(error, 'claim-over-budget')) return
    const stillHolds = time.nowMs < claimant.askedAtMs + LEASE_MS * LEASE_SURE
    const ended = file.revoked !== 'no' || hasExpired(file, time.nowMs)
    if (claimant.granted && stillHolds && !ended)
      throw new ViolationError(
        'H',
        `${claimant.name} held a claim of file ${file.index} and was told ${code}`
      )
    claimant.state = 'refused'
  }

  // ---------------------------------------------------------------- edges

  get edges(): SimEdge[] {
    return this.#world.openEdges
  }

  /** One that runs, or seems to; waits for one. */
  async anEdge(): Promise<SimEdge> {
    for (;;) {
      const edges = this.#world.openEdges
      if (edges.length > 0) return this.#chance.pick(edges)
      await this.sleep(500)
    }
  }

  /** What an edge answers; unknown when it dies or takes too long. */
  async ask<T>(
    edge: SimEdge,
    work: () => Promise<T>
  ): Promise<{ value: T } | { error: unknown } | 'unknown'> {
    return await this.within(edge, PATIENCE_MS, work)
  }

  /** The same with patience of one's own. */
  async within<T>(
    edge: SimEdge,
    patienceMs: number,
    work: () => Promise<T>
  ): Promise<{ value: T } | { error: unknown } | 'unknown'> {
    const asked = work().then(
      (value) => ({ value }),
      (error: unknown) => ({ error })
    )
    let timer: { cancel(): void } | undefined
    const late = new Promise<'unknown'>((resolve) => {
      timer = this.#world.time.schedule(patienceMs, () => resolve('unknown'))
    })
    const died = edge.process.gone.then(() => 'unknown' as const)
    const outcome = await Promise.race([asked, late, died])
    timer?.cancel()
    if (outcome !== 'unknown' && 'error' in outcome && outcome.error instanceof ViolationError)
      throw outcome.error
    return edge.process.alive ? outcome : 'unknown'
  }
}
