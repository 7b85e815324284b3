/** How `peerbin sync` says what it does. */

import { PeerbinError, isErrorCode } from '../../errors.ts'
import type { SyncProgress, SyncSkip, SyncStep, SyncSummary } from '../../sync/engine-types.ts'
import { shown } from '../account/tables.ts'
import type { CliContext } from '../context.ts'
import { formatBytes } from '../progress.ts'

const WORDS: Readonly<Record<SyncStep['kind'], string>> = {
  upload: 'sent',
  download: 'fetched',
  'move-local': 'moved here',
  'move-remote': 'moved there',
  'remove-local': 'deleted here',
  'remove-remote': 'deleted there',
  conflict: 'kept both'
}

/** A person reads no faster. */
const REDRAW_MS = 100
/** Lines about files that were left out; the rest by number. */
const SKIPS_SHOWN = 20

/** Left out by nature: nobody is surprised, and nothing is wrong. */
const HARMLESS = new Set<string>(['symlink', 'special-file', 'empty-file'])

export class SyncReport {
  readonly #context: CliContext
  readonly #isJson: boolean
  readonly #isDry: boolean
  #drawnAt = -Infinity
  #isDrawn = false
  /** What was said of skipped files last: it is not said again every minute. */
  #skipsSaid = ''

  constructor(context: CliContext, { isJson, isDry }: { isJson: boolean; isDry: boolean }) {
    this.#context = context
    this.#isJson = isJson
    this.#isDry = isDry
  }

  step(step: SyncStep): void {
    if (this.#isJson) {
      const { kind, path, to, sizeBytes, sentBytes } = step
      this.#line({
        step: kind,
        path,
        to,
        size: sizeBytes,
        bytes: sentBytes,
        dry_run: this.#isDry || undefined
      })
      return
    }
    this.#erase()
    const to = step.to === undefined ? '' : ` -> ${shown(step.to)}`
    this.#context.stdout.write(
      `${this.#isDry ? 'would be ' : ''}${WORDS[step.kind]}: ${shown(step.path)}${to}\n`
    )
  }

  progress({ phase, files, filesTotal, bytes }: SyncProgress): void {
    const { stderr, clock } = this.#context
    if (stderr.isTTY !== true || clock.monotonic() - this.#drawnAt < REDRAW_MS) return
    this.#drawnAt = clock.monotonic()
    this.#isDrawn = true
    const words = { look: 'looking', read: 'reading', work: 'bringing in step' }
    const text = `${words[phase]}: ${files}${files === filesTotal ? '' : ` of ${filesTotal}`} files, ${formatBytes(bytes)}`
    stderr.write(`\r${text.slice(0, Math.max(20, (stderr.columns ?? 80) - 1))}\u001B[K`)
  }

  #erase(): void {
    if (this.#isDrawn) this.#context.stderr.write('\r\u001B[K')
    this.#isDrawn = false
  }

  #line(record: Readonly<Record<string, unknown>>): void {
    this.#context.stdout.write(`${JSON.stringify(record)}\n`)
  }

  say(text: string): void {
    this.#erase()
    this.#context.stderr.write(`peerbin: ${text}\n`)
  }

  /** @param isLast whether nothing follows: then the summary is given in any case */
  round(summary: SyncSummary, isLast: boolean): void {
    this.#erase()
    const { uploaded, downloaded, movedLocal, movedRemote, removedLocal, removedRemote, conflicts } = summary
    const isQuiet =
      uploaded + downloaded + movedLocal + movedRemote + removedLocal + removedRemote + conflicts === 0
    if (isLast || !isQuiet) {
      if (this.#isJson) this.#line({ summary: summaryRecord(summary) })
      else this.#context.stdout.write(`${summaryText(summary)}\n`)
    }
    this.#skips(summary)
    const { local, remote } = summary.refusedDeletes
    if (local + remote > 0)
      this.say(
        `${local + remote} files are gone ${remote > 0 ? 'here' : 'at the server'}, more than half of all: nothing was deleted. If that is right, say --confirm-deletes`
      )
  }

  #skips({ skipped }: SyncSummary): void {
    const said = JSON.stringify(skipped)
    if (said === this.#skipsSaid) return
    this.#skipsSaid = said
    for (const { path, code } of skipped.slice(0, SKIPS_SHOWN)) this.say(`left out: ${shown(path)} (${code})`)
    if (skipped.length > SKIPS_SHOWN) this.say(`left out: ${skipped.length - SKIPS_SHOWN} more`)
  }
}

export const summaryRecord = (summary: SyncSummary): Record<string, unknown> => ({
  up: summary.uploaded,
  down: summary.downloaded,
  moved_here: summary.movedLocal,
  moved_there: summary.movedRemote,
  deleted_here: summary.removedLocal,
  deleted_there: summary.removedRemote,
  conflicts: summary.conflicts,
  sent_bytes: summary.sentBytes,
  fetched_bytes: summary.fetchedBytes,
  files: summary.files,
  skipped: summary.skipped,
  deletes_refused: summary.refusedDeletes.local + summary.refusedDeletes.remote
})

/** `12 up (1.2 MB), 3 down (400 kB), 1 moved, 2 deleted, 1 conflict, 4 left out; 120 files in step` */
export function summaryText(summary: SyncSummary): string {
  const parts = [
    `${summary.uploaded} up (${formatBytes(summary.sentBytes)})`,
    `${summary.downloaded} down (${formatBytes(summary.fetchedBytes)})`,
    `${summary.movedLocal + summary.movedRemote} moved`,
    `${summary.removedLocal + summary.removedRemote} deleted`,
    `${summary.conflicts} ${summary.conflicts === 1 ? 'conflict' : 'conflicts'}`,
    `${summary.skipped.length} left out`
  ]
  return `${parts.join(', ')}; ${summary.files} files in step`
}

/** What is left to be done by somebody, as the exit code has it; undefined: both sides are in step. */
export function failureOf(summary: SyncSummary): PeerbinError | undefined {
  const { local, remote } = summary.refusedDeletes
  if (local + remote > 0) return new PeerbinError('deletes-refused')
  const skip = summary.skipped.find(({ code }) => !HARMLESS.has(code))
  return skip === undefined ? undefined : errorOf(skip)
}

const errorOf = ({ path, code }: SyncSkip): PeerbinError =>
  new PeerbinError(isErrorCode(code) ? code : 'local-file', `${path}: ${code}`)
