/**
 * What one address may ask of this edge, and one user: whoever is signed in is counted by that, from wherever the requests come. Counted in memory, for this edge alone: with
 * n edges behind a balancer an address may do up to n times as much, and a restart forgets. What has to be exact, the space that files take up, is counted by the controller.
 */

import type { Config } from '../../config.ts'
import { PeerbinError } from '../../errors.ts'
import type { Clock } from '../../interfaces.ts'
import { AddressBook } from './address-book.ts'
import { emptyBucket, pour, shareOf, waitMs } from './leaky-bucket.ts'
import type { Bucket, Rate } from './leaky-bucket.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS
/** When another transfer of the same address or user may have ended. */
const TRANSFER_RETRY_MS = 2000

/** By what somebody is counted: strangers by their address, users by their id. Each has a book of its own, so that neither pushes out the other. */
export type Party = 'anonymous' | 'user'

interface Counters {
  readonly requests: Bucket
  readonly uploads: Bucket
  readonly blocks: Bucket
  readonly bytes: Bucket
  readonly signIns: Bucket
  readonly notes: Bucket
  readonly tests: Bucket
  uploading: number
  /** Oldest first. */
  readonly downloads: Set<Pass>
}

type Limits = Pick<
  Config['anonymous'],
  'uploadsPerHour' | 'dailyBytesMax' | 'uploadsAtOnce' | 'downloadsAtOnce'
>

/** A transfer that was let in; it counts until it is disposed of. */
export interface Pass extends Disposable {}

export interface UploadPass extends Pass {
  /** So many bytes of the file have come. @throws `daily-bytes-used` when more came than were announced, and they do not fit */
  received(bytes: number): void
}

export interface DownloadPass extends Pass {
  /** There is an older one: this one is extra, and what it waits for goes to others first. */
  isFurther(): boolean
}

export class AddressLimits {
  readonly #clock: Clock
  readonly #config: Config
  readonly #requests: Rate
  readonly #signIns: Rate
  readonly #notes: Rate
  readonly #blocks: Rate
  readonly #tests: Rate
  readonly #books: Record<Party, AddressBook<Counters>>

  constructor(clock: Clock, config: Config) {
    this.#clock = clock
    this.#config = config
    this.#requests = { limit: config.edge.ratePerMinute, windowMs: MINUTE_MS }
    this.#signIns = { limit: config.account.signInsPerMinute, windowMs: MINUTE_MS }
    this.#notes = { limit: config.history.recordsPerMinute, windowMs: MINUTE_MS }
    this.#blocks = { limit: config.blocks.sentPerHour, windowMs: HOUR_MS }
    this.#tests = { limit: config.webhooks.testsPerMinute, windowMs: MINUTE_MS }
    this.#books = { anonymous: this.#newBook('anonymous'), user: this.#newBook('user') }
  }

  #newBook(party: Party): AddressBook<Counters> {
    return new AddressBook({
      addressesMax: this.#config.edge.addressesMax,
      make: () => ({
        requests: emptyBucket(),
        uploads: emptyBucket(),
        blocks: emptyBucket(),
        bytes: emptyBucket(),
        signIns: emptyBucket(),
        notes: emptyBucket(),
        tests: emptyBucket(),
        uploading: 0,
        downloads: new Set()
      }),
      weigh: (counters) => this.#weigh(counters, party)
    })
  }

  /** Addresses that are remembered. */
  get size(): number {
    return this.#books.anonymous.size
  }

  /** Counts a request. @throws `rate-limited` */
  request(address: string): void {
    const { requests } = this.#books.anonymous.at(address)
    const now = this.#clock.monotonic()
    const wait = waitMs(requests, 1, this.#requests, now)
    if (wait > 0) throw new PeerbinError('rate-limited', '', { retryAfterMs: wait })
    pour(requests, 1, this.#requests, now)
  }

  /** Counts an attempt to sign in, to register or to change a password, each of which costs a hash; right ones count too. @throws `too-many-sign-ins` */
  signIn(address: string): void {
    const { signIns } = this.#books.anonymous.at(address)
    const now = this.#clock.monotonic()
    const wait = waitMs(signIns, 1, this.#signIns, now)
    if (wait > 0) throw new PeerbinError('too-many-sign-ins', '', { retryAfterMs: wait })
    pour(signIns, 1, this.#signIns, now)
  }

  /** Whether one more of an address, or of a user, is noted in the history: nobody is to fill it, and push out what others did. */
  note(key: string, party: Party): boolean {
    const { notes } = this.#books[party].at(key)
    const now = this.#clock.monotonic()
    if (waitMs(notes, 1, this.#notes, now) > 0) return false
    pour(notes, 1, this.#notes, now)
    return true
  }

  /** Counts a test of a webhook: somebody else's machine is asked for it, and how that went is told. @throws `rate-limited` */
  webhookTest(user: string): void {
    const { tests } = this.#books.user.at(user)
    const now = this.#clock.monotonic()
    const wait = waitMs(tests, 1, this.#tests, now)
    if (wait > 0) throw new PeerbinError('rate-limited', '', { retryAfterMs: wait })
    pour(tests, 1, this.#tests, now)
  }

  /**
   * Counts an upload, before its body is read; one that is refused counts for nothing.
   * @param announcedBytes what the request says that it brings; undefined: it does not say
   * @throws `too-many-transfers`, `too-many-uploads`, `daily-bytes-used`
   */
  upload(key: string, party: Party, announcedBytes: number | undefined): UploadPass {
    const counters = this.#books[party].at(key)
    const { uploads } = this.#rates(party)
    const now = this.#clock.monotonic()
    if (counters.uploading >= this.#limits(party).uploadsAtOnce) throw tooManyTransfers()
    const uploadWait = waitMs(counters.uploads, 1, uploads, now)
    if (uploadWait > 0) throw new PeerbinError('too-many-uploads', '', { retryAfterMs: uploadWait })
    const pass = this.#begin(counters, party, announcedBytes)
    pour(counters.uploads, 1, uploads, now)
    return pass
  }

  #begin(counters: Counters, party: Party, announcedBytes: number | undefined): UploadPass {
    const { bytes } = this.#rates(party)
    const now = this.#clock.monotonic()
    if (counters.uploading >= this.#limits(party).uploadsAtOnce) throw tooManyTransfers()
    const bytesWait = waitMs(counters.bytes, announcedBytes ?? 1, bytes, now)
    if (bytesWait > 0) throw new PeerbinError('daily-bytes-used', '', { retryAfterMs: bytesWait })
    pour(counters.bytes, announcedBytes ?? 0, bytes, now)
    counters.uploading++
    return this.#uploadPass(counters, bytes, announcedBytes ?? 0)
  }

  /**
   * Counts a part of an upload that was let in before, as `upload` does but for the number of uploads.
   * @throws `too-many-transfers`, `daily-bytes-used`
   */
  part(key: string, party: Party, announcedBytes: number | undefined): UploadPass {
    return this.#begin(this.#books[party].at(key), party, announcedBytes)
  }

  /** Counts a block of a user, as `upload` does a file. @throws `too-many-transfers`, `too-many-uploads`, `daily-bytes-used` */
  block(user: string, announcedBytes: number | undefined): UploadPass {
    const counters = this.#books.user.at(user)
    const now = this.#clock.monotonic()
    const wait = waitMs(counters.blocks, 1, this.#blocks, now)
    if (wait > 0) throw new PeerbinError('too-many-uploads', '', { retryAfterMs: wait })
    const pass = this.#begin(counters, 'user', announcedBytes)
    pour(counters.blocks, 1, this.#blocks, now)
    return pass
  }

  #uploadPass(counters: Counters, rate: Rate, announcedBytes: number): UploadPass {
    let counted = announcedBytes
    let received = 0
    let ended = false
    return {
      received: (bytes) => {
        received += bytes
        if (received <= counted) return
        const now = this.#clock.monotonic()
        const wait = waitMs(counters.bytes, received - counted, rate, now)
        pour(counters.bytes, received - counted, rate, now) // it has come, whether it is kept or not
        counted = received
        if (wait > 0) throw new PeerbinError('daily-bytes-used', '', { retryAfterMs: wait })
      },
      [Symbol.dispose]: () => {
        if (ended) return
        ended = true
        counters.uploading--
        pour(counters.bytes, received - counted, rate, this.#clock.monotonic())
      }
    }
  }

  /** Counts a download until it ends. @throws `too-many-transfers` */
  download(key: string, party: Party): DownloadPass {
    const { downloads } = this.#books[party].at(key)
    if (downloads.size >= this.#limits(party).downloadsAtOnce) throw tooManyTransfers()
    const pass: DownloadPass = {
      isFurther: () => {
        const [oldest] = downloads
        return oldest !== pass
      },
      [Symbol.dispose]: () => void downloads.delete(pass)
    }
    downloads.add(pass)
    return pass
  }

  #limits(party: Party): Limits {
    return party === 'anonymous' ? this.#config.anonymous : this.#config.account
  }

  #rates(party: Party): { uploads: Rate; bytes: Rate } {
    const { uploadsPerHour, dailyBytesMax } = this.#limits(party)
    return {
      uploads: { limit: uploadsPerHour, windowMs: HOUR_MS },
      bytes: { limit: dailyBytesMax, windowMs: DAY_MS }
    }
  }

  /** How near the address is to any of its limits. */
  #weigh(
    { requests, uploads, blocks, bytes, signIns, notes, tests, uploading, downloads }: Counters,
    party: Party
  ): number {
    if (uploading > 0 || downloads.size > 0) return Infinity
    const now = this.#clock.monotonic()
    const rates = this.#rates(party)
    return Math.max(
      shareOf(requests, this.#requests, now),
      shareOf(uploads, rates.uploads, now),
      shareOf(blocks, this.#blocks, now),
      shareOf(bytes, rates.bytes, now),
      shareOf(signIns, this.#signIns, now),
      shareOf(notes, this.#notes, now),
      shareOf(tests, this.#tests, now)
    )
  }
}

const tooManyTransfers = (): PeerbinError =>
  new PeerbinError('too-many-transfers', '', { retryAfterMs: TRANSFER_RETRY_MS })
