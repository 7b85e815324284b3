/** What the upload page is about: files, options, the upload that runs, its link. The views draw it and call it. */

import { ENTRIES_MAX, payloadSize } from '../../src/bundle/index.ts'
import { hasCode } from '../../src/errors.ts'
import { pageTexts } from '../../src/edge/page-texts.ts'
import { Speedometer } from '../common/speedometer.ts'
import { Refused } from './answer.ts'
import { findUpload } from './find-upload.ts'
import { FilesChanged } from './content.ts'
import type { Picked } from './picked.ts'
import { planIndex, planUpload } from './plan.ts'
import type { Plan } from './plan.ts'
import { matchFiles } from './same-files.ts'
import { resumeUpload, startUpload } from './session.ts'
import type { Report, Sent } from './session.ts'
import type { Settings } from './settings.ts'
import { forgetUpload, storedUpload } from './stored-upload.ts'
import type { Waiting } from './tus-send.ts'

const words = pageTexts.upload

export interface Progress {
  readonly stage: 'preparing' | 'checking' | 'sending' | 'finishing'
  readonly sent: number
  readonly total: number
  readonly perSecond: number | undefined
  readonly left: string | undefined
  readonly waiting: (Waiting & { retryNow: () => void }) | undefined
}

export interface Done extends Sent {
  readonly name: string
  readonly bytes: number
  readonly downloads: number
  readonly hasPassword: boolean
}

interface Options {
  downloads: number
  seconds: number
  isEncrypted: boolean
  password: string
}

const IDLE: Progress = {
  stage: 'preparing',
  sent: 0,
  total: 0,
  perSecond: undefined,
  left: undefined,
  waiting: undefined
}

/** An upload that somebody ended. */
class Cancelled extends Error {}

export class UploadApp {
  readonly settings: Settings
  readonly options: Options
  files: readonly Picked[] = []
  phase: 'choosing' | 'sending' | 'done' = 'choosing'
  problem = ''
  /** What an earlier page left. */
  stored = storedUpload()
  /** How much of it the server has, 0 to 1. */
  storedShare = 0
  progress: Progress = IDLE
  done: Done | undefined
  /** What was done with the link just now. */
  note = ''
  withdrawn = false
  readonly #onChange: () => void
  readonly #speed = new Speedometer()
  #abort = new AbortController()
  /** Of the upload that runs. */
  #url: string | undefined

  constructor(settings: Settings, onChange: () => void) {
    this.settings = settings
    this.#onChange = onChange
    const start = (choices: Settings['downloads']): number =>
      (choices.find(({ isDefault }) => isDefault) ?? choices[0])?.value ?? 1
    this.options = {
      downloads: start(settings.downloads),
      seconds: start(settings.lifetimes),
      isEncrypted: true,
      password: ''
    }
  }

  /** Asks the server about what an earlier page left: it may be gone, or whole, when only the answer was lost. */
  async askStored(): Promise<void> {
    const { stored } = this
    if (stored === undefined) return
    const found = await findUpload(stored.url)
    if (this.stored !== stored || this.phase !== 'choosing' || found === undefined) return
    if (found === 'gone') {
      this.stored = undefined
      forgetUpload()
    } else if ('link' in found) {
      const { index, secret, downloads, hasPassword } = stored
      this.stored = undefined
      forgetUpload()
      this.done = { ...found, secret, name: index.name, bytes: payloadSize(index), downloads, hasPassword }
      this.phase = 'done'
    } else this.storedShare = found.share
    this.#onChange()
  }

  get totalBytes(): number {
    return this.files.reduce((sum, { file }) => sum + file.size, 0)
  }

  set<K extends keyof Options>(name: K, value: Options[K]): void {
    this.options[name] = value
    this.#judge()
  }

  /** More files; of an upload that can go on: those that it was of. */
  add(picked: readonly Picked[]): void {
    if (this.phase !== 'choosing' || picked.length === 0) return
    const stored = this.#storedNow()
    const files = stored === undefined ? undefined : matchFiles(picked, stored.index)
    if (stored !== undefined && files !== undefined) {
      void this.#resume(stored, files, picked)
      return
    }
    this.files = [...this.files, ...picked]
    this.#judge()
    if (stored !== undefined && this.problem === '') this.#say(words.resumeOther)
  }

  remove(index: number): void {
    this.files = this.files.filter((_, i) => i !== index)
    this.#judge()
  }

  clear(): void {
    this.files = []
    this.#judge()
  }

  /** Gives the interrupted upload up. */
  discard(): void {
    const url = this.stored?.url
    this.stored = undefined
    forgetUpload()
    this.#say('')
    if (url !== undefined) giveUp(url)
  }

  start(): void {
    if (this.phase !== 'choosing') return
    const plan = this.files.length === 0 ? undefined : this.#judge()
    if (this.files.length === 0) this.#say(words.nothing)
    if (plan === undefined) return
    if (this.#storedNow() !== undefined) this.discard()
    void this.#send(plan)
  }

  cancel(): void {
    this.#abort.abort(new Cancelled())
  }

  /** Another upload. */
  again(): void {
    this.files = []
    this.done = undefined
    this.note = ''
    this.withdrawn = false
    this.options.password = ''
    this.phase = 'choosing'
    this.#say('')
  }

  /** A word about the link, for a while. */
  say(note: string, forMs?: number): void {
    this.note = note
    this.#onChange()
    if (forMs !== undefined)
      setTimeout(() => {
        if (this.note === note) this.say('')
      }, forMs)
  }

  /** Nobody can use the link any more. */
  async withdraw(): Promise<void> {
    const { deleteUrl } = this.done ?? {}
    if (deleteUrl === undefined) return
    // the page may be open under another name of the same server
    const url = new URL(deleteUrl)
    const response = await fetch(url.pathname + url.search, { method: 'DELETE' }).catch(() => undefined)
    this.withdrawn = response?.ok === true
    this.say(this.withdrawn ? '' : pageTexts.done.withdrawFailed)
  }

  /** What can go on, as it is now: another window may have gone further with it, and up to there its key has sealed bytes. */
  #storedNow(): UploadApp['stored'] {
    const now = this.stored === undefined ? undefined : storedUpload()
    this.stored = now?.url === this.stored?.url ? now : undefined
    return this.stored
  }

  #say(problem: string): void {
    this.problem = problem
    this.#onChange()
  }

  /** Says what is wrong with the files before anything is sent; gives the plan when nothing is. */
  #judge(): Plan | undefined {
    let plan: Plan | undefined
    this.problem = ''
    if (this.files.length > ENTRIES_MAX) this.problem = words.tooMany(ENTRIES_MAX)
    else if (this.files.length > 0) {
      try {
        plan = this.#plan()
      } catch (error) {
        this.problem = hasCode(error, 'empty-file') ? words.empty : words.unreadable
      }
    }
    if (plan !== undefined && plan.sentPayloadBytes + plan.indexBytes > this.settings.maxBytes) {
      const { maxBytes } = this.settings
      this.problem =
        plan.payloadBytes > maxBytes
          ? words.tooLarge(plan.payloadBytes, maxBytes)
          : words.tooLargeSealed(maxBytes)
      plan = undefined
    }
    this.#onChange()
    return plan
  }

  #plan(): Plan {
    return planUpload(
      this.files.map(({ file, path }) => ({
        path,
        sizeBytes: file.size,
        mediaType: file.type,
        modifiedAt: file.lastModified
      })),
      { isEncrypted: this.options.isEncrypted, bundleName: words.bundleName(this.files.length) }
    )
  }

  #report(total: number): Report {
    const update = (change: Partial<Progress>): void => {
      this.progress = { ...this.progress, ...change }
      this.#onChange()
    }
    return {
      onUrl: (url) => (this.#url = url),
      onProgress: (sent) => {
        this.#speed.note(sent, performance.now())
        const stage = sent >= total ? 'finishing' : 'sending'
        const { perSecond } = this.#speed
        update({ stage, sent, total, perSecond, left: this.#speed.left(total) })
      },
      onChecking: (share) => update({ stage: 'checking', sent: share * total, total, waiting: undefined }),
      onWaiting: (waiting, retryNow) => update({ waiting: { ...waiting, retryNow } }),
      onGoing: () => {
        this.#speed.reset()
        update({ waiting: undefined, perSecond: undefined, left: undefined })
      }
    }
  }

  async #send(plan: Plan): Promise<void> {
    const { options } = this
    const isFolder = this.files.some(({ file }) => file.webkitRelativePath !== '')
    await this.#run(
      plan,
      (report, signal) =>
        startUpload({
          files: this.files.map(({ file }) => file),
          plan,
          options,
          isFolder,
          signal,
          report
        }),
      { downloads: options.downloads, hasPassword: options.password !== '' }
    )
  }

  async #resume(
    stored: NonNullable<UploadApp['stored']>,
    files: readonly File[],
    picked: readonly Picked[]
  ): Promise<void> {
    const plan = planIndex(stored.index, stored.secret !== undefined)
    this.files = picked
    this.stored = undefined
    this.options.isEncrypted = plan.isEncrypted
    this.options.downloads = stored.downloads
    this.options.seconds = stored.seconds
    const failure = await this.#run(
      plan,
      (report, signal) => resumeUpload({ files, plan, signal, report }, stored),
      stored
    )
    if (failure === undefined || failure instanceof Cancelled || failure instanceof Refused) return
    forgetUpload()
    const why = failure instanceof FilesChanged ? words.restarted : words.resumeGone
    // with a new key; only a password has to be given again
    if (stored.hasPassword) this.#say(`${why} ${words.passwordAgain}`)
    else {
      this.start()
      this.#say(why)
    }
  }

  /** Answers with why it ended before its end. */
  async #run(
    plan: Plan,
    work: (report: Report, signal: AbortSignal) => Promise<Sent>,
    terms: { downloads: number; hasPassword: boolean }
  ): Promise<unknown> {
    this.#abort = new AbortController()
    this.#speed.reset()
    this.#url = undefined
    this.phase = 'sending'
    this.progress = { ...IDLE, total: plan.sentPayloadBytes + plan.indexBytes }
    this.#say('')
    try {
      const sent = await work(this.#report(this.progress.total), this.#abort.signal)
      const { downloads, hasPassword } = terms
      this.done = { ...sent, name: plan.index.name, bytes: plan.payloadBytes, downloads, hasPassword }
      this.phase = 'done'
      this.#onChange()
      return undefined
    } catch (error) {
      this.phase = 'choosing'
      if (error instanceof Cancelled) this.discardRunning()
      this.#say(problemOf(error))
      return error
    }
  }

  /** Nothing of a cancelled upload is kept; what the browser keeps may be of another window. */
  discardRunning(): void {
    if (this.#url === undefined) return
    if (storedUpload()?.url === this.#url) forgetUpload()
    giveUp(this.#url)
  }
}

/** So that the server does not keep it until it expires; it does not matter if that fails. */
function giveUp(url: string): void {
  void fetch(url, { method: 'DELETE', headers: { 'Tus-Resumable': '1.0.0' } }).catch(() => undefined)
}

function problemOf(error: unknown): string {
  if (error instanceof Cancelled) return words.cancelled
  if (error instanceof Refused) return error.message
  return error instanceof FilesChanged ? words.changed : words.failed
}
