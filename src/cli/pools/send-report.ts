/** Tells what becomes of files that are sent: results on standard output, everything else for people. */

import type { PeerbinError } from '../../errors.ts'
import type { SendEvent } from '../../pool-client/queue/send-queue.ts'
import type { QueueSummary } from '../../pool-client/queue/store.ts'
import { asSentence } from '../account/api.ts'
import { shown, writeLines } from '../account/tables.ts'
import { say } from '../context.ts'
import type { CliContext } from '../context.ts'
import { formatBytes, Progress } from '../progress.ts'

/** Whoever waits for longer wants to know why. */
const TOLD_WAIT_MS = 1000

export class SendReport {
  readonly #context: CliContext
  readonly #isJson: boolean
  #progress: Progress | undefined
  #doneBytes = 0
  #sent = { files: 0, bytes: 0, duplicates: 0 }

  constructor(context: CliContext, isJson: boolean) {
    this.#context = context
    this.#isJson = isJson
  }

  added(name: string, state: 'queued' | 'known'): void {
    if (this.#isJson) writeLines(this.#context, [{ name, state }])
    else if (state === 'known') say(this.#context, `${shown(name)}: was taken in before`)
  }

  failed(name: string, error: PeerbinError): void {
    if (this.#isJson)
      writeLines(this.#context, [{ name, state: 'failed', code: error.code, error: error.message }])
    say(this.#context, `${shown(name)}: ${shown(error.message)} (${error.code})`)
  }

  event(event: SendEvent): void {
    switch (event.type) {
      case 'begun':
        this.end()
        this.#doneBytes = 0
        this.#progress = new Progress(
          this.#context.stderr,
          this.#context.clock,
          `batch of ${event.files}`,
          event.bytes
        )
        return
      case 'file':
        this.#doneBytes += event.bytes
        return this.#progress?.update(this.#doneBytes)
      case 'sent':
        return this.#batchSent(event)
      case 'refused':
        return this.#refused(event)
      case 'held':
        return say(
          this.#context,
          `${shown(event.name)}: has a time that lies ahead; it is sent after ${new Date(event.until).toISOString()}`
        )
      case 'waiting':
        if (event.waitMs >= TOLD_WAIT_MS)
          say(
            this.#context,
            `${asSentence(shown(event.why.message))} Trying again in ${Math.ceil(event.waitMs / 1000)} s.`
          )
    }
  }

  #batchSent({ batch, files, bytes, duplicates }: Extract<SendEvent, { type: 'sent' }>): void {
    this.end()
    this.#sent.files += files
    this.#sent.bytes += bytes
    this.#sent.duplicates += duplicates
    if (this.#isJson) writeLines(this.#context, [{ batch, state: 'sent', files, bytes, duplicates }])
  }

  #refused({ name, at, error }: Extract<SendEvent, { type: 'refused' }>): void {
    this.end()
    const timestamp = new Date(at).toISOString()
    if (this.#isJson)
      writeLines(this.#context, [
        { name, timestamp, state: 'refused', code: error.code, error: error.message }
      ])
    say(
      this.#context,
      `${shown(name)} (${timestamp}): ${shown(error.message)} (${error.code}). It is set aside.`
    )
  }

  queued({ files, bytes }: QueueSummary): void {
    if (!this.#isJson) this.#context.stdout.write(`${files} waiting (${formatBytes(bytes)})\n`)
  }

  summary({ files, refused }: QueueSummary): void {
    const { files: sent, bytes, duplicates } = this.#sent
    if (this.#isJson) return writeLines(this.#context, [{ sent, bytes, duplicates, waiting: files, refused }])
    const parts = [
      `${sent} sent (${formatBytes(bytes)})`,
      duplicates > 0 && `${duplicates} of them were there already`,
      files > 0 && `${files} waiting`,
      refused > 0 && `${refused} set aside: peerbin pool queue`
    ]
    this.#context.stdout.write(`${parts.filter((part) => part !== false).join('; ')}\n`)
  }

  /** Takes the line of progress away. */
  end(): void {
    this.#progress?.end()
    this.#progress = undefined
  }
}
