/** What the page of an encrypted link is about: its key, what is in it, and the download. The view draws it and calls it. */

import { isSingle } from '../../src/bundle/index.ts'
import type { BundleIndex } from '../../src/bundle/index.ts'
import { ZipLayout } from '../../src/bundle/zip-layout.ts'
import { hasCode } from '../../src/errors.ts'
import { deriveLinkKeys, isLinkSecret } from '../../src/encryption/link-keys.ts'
import { Speedometer } from '../common/speedometer.ts'
import { pageCrypto } from '../crypto/page-crypto.ts'
import { openSink } from '../save/open-sink.ts'
import { ReceiverGone } from '../save/sink.ts'
import { entryBytes, zipBytes } from './opened.ts'
import type { Pieces } from './opened.ts'
import { ServerProblem, explain } from './problems.ts'
import { claimLink, claimedPayload, readIndex } from './remote-link.ts'
import type { RemoteLink } from './remote-link.ts'

/** What the server's page says of the link, as attributes. */
export interface LinkFacts {
  readonly token: string
  /** For a claim that is to be made, or was. */
  readonly claim: string
  readonly isClaimed: boolean
  readonly isProtected: boolean
  /** ISO 8601. */
  readonly expiresAt: string
  readonly downloadsLeft: number
}

export interface Problem {
  readonly title: string
  readonly text: string
  /** Trying again is of no use. */
  readonly isFinal: boolean
}

export interface Running {
  readonly name: string
  readonly got: number
  readonly total: number
  readonly perSecond: number | undefined
  readonly left: string | undefined
  readonly waiting: { readonly seconds: number; readonly goOn: () => void } | undefined
}

/** All files, or one of them by its place in the index. */
export type What = 'all' | number

class Cancelled extends Error {}

export class DownloadApp {
  readonly facts: LinkFacts
  phase: 'no-key' | 'wrong-key' | 'password' | 'opening' | 'ready' | 'running' = 'opening'
  index: BundleIndex | undefined
  isClaimed: boolean
  problem: Problem | undefined
  running: Running | undefined
  /** What was downloaded last, verified to its end. */
  saved: string | undefined
  isCancelled = false
  #link: RemoteLink | undefined
  #abort = new AbortController()
  readonly #speed = new Speedometer()
  readonly #onChange: () => void

  constructor(facts: LinkFacts, onChange: () => void) {
    this.facts = facts
    this.isClaimed = facts.isClaimed
    this.#onChange = onChange
  }

  get isOneFile(): boolean {
    return this.index !== undefined && isSingle(this.index)
  }

  /** Reads what is in it, with what stands behind the `#`. Spends nothing. @param password empty: not given yet */
  async open(fragment: string, password: string): Promise<void> {
    const secret = fragment.replace(/^#/, '')
    this.problem = undefined
    if (!isLinkSecret(secret)) return this.#go('no-key')
    if (this.facts.isProtected && password === '' && !this.isClaimed) return this.#go('password')
    this.#go('opening')
    try {
      const { primitives } = await pageCrypto()
      const { token, claim } = this.facts
      this.#link = { token, claim, password, keys: await deriveLinkKeys(secret, primitives) }
      this.index = await readIndex(this.#link)
      this.#go('ready')
    } catch (error) {
      if (hasCode(error, 'encrypted-damaged')) return this.#go('wrong-key')
      this.problem = explain(error)
      const isPassword = error instanceof ServerProblem && error.code?.startsWith('password') === true
      this.#go(isPassword ? 'password' : 'opening')
    }
  }

  cancel(): void {
    this.#abort.abort(new Cancelled())
  }

  /** Redeems the link, unless that was done, and downloads. Called by a press of a button. */
  async download(what: What): Promise<void> {
    const { index } = this
    const link = this.#link
    if (index === undefined || link === undefined || this.phase === 'running') return
    this.#abort = new AbortController()
    this.#speed.reset()
    this.problem = undefined
    this.saved = undefined
    this.isCancelled = false
    this.running = {
      ...target(index, what),
      got: 0,
      perSecond: undefined,
      left: undefined,
      waiting: undefined
    }
    this.#go('running')
    try {
      await this.#claim(link)
      await this.#save(link, index, what, this.running)
      this.saved = this.running.name
    } catch (error) {
      this.isCancelled = error instanceof Cancelled || error instanceof ReceiverGone
      if (!this.isCancelled) this.problem = explain(error)
    }
    this.running = undefined
    this.#go('ready')
  }

  async #claim(link: RemoteLink): Promise<void> {
    if (this.isClaimed) return
    // before it is asked for: when the answer is lost the claim may be made all the same, and whoever then loads the page again has to be the claimant
    history.replaceState(null, '', `/d/${link.token}?claim=${link.claim}${location.hash}`)
    await claimLink(link)
    this.isClaimed = true
  }

  async #save(
    link: RemoteLink,
    index: BundleIndex,
    what: What,
    { name, total }: { name: string; total: number }
  ): Promise<void> {
    const { signal } = this.#abort
    const payload = claimedPayload(link, index, {
      signal,
      onBytes: () => undefined,
      onWaiting: (seconds, goOn) => {
        if (seconds === undefined) this.#speed.reset()
        this.#update({ waiting: seconds === undefined || goOn === undefined ? undefined : { seconds, goOn } })
      }
    })
    const pieces = bytesOf(payload, index, what)
    const sink = await openSink(name, total)
    try {
      let got = 0
      for await (const piece of pieces) {
        signal.throwIfAborted()
        got += piece.byteLength
        await sink.write(piece)
        this.#speed.note(got, performance.now())
        this.#update({ got, perSecond: this.#speed.perSecond, left: this.#speed.left(total) })
      }
    } catch (error) {
      await sink.abort()
      throw error
    }
    await sink.close()
  }

  #update(change: Partial<Running>): void {
    if (this.running === undefined) return
    this.running = { ...this.running, ...change }
    this.#onChange()
  }

  #go(phase: DownloadApp['phase']): void {
    this.phase = phase
    this.#onChange()
  }
}

/** Name and size of what is saved. */
function target(index: BundleIndex, what: What): { name: string; total: number } {
  const entry = what === 'all' ? undefined : index.entries[what]
  if (entry !== undefined) return { name: entry.path.split('/').at(-1) ?? entry.path, total: entry.sizeBytes }
  return { name: `${index.name}.zip`, total: new ZipLayout(index).sizeBytes }
}

const bytesOf = (payload: Parameters<typeof zipBytes>[0], index: BundleIndex, what: What): Pieces =>
  what === 'all' ? zipBytes(payload, index) : entryBytes(payload, index, what)
