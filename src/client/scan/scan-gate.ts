/**
 * Files pass a scanner on their way into the cluster: it is fed chunk by chunk while they are stored, and asked for its verdict before the commit, so that no link ever leads
 * to a file that was not looked at. A slow scanner slows uploads down; a dead one ends them after `scan.timeoutMs`.
 */

import type { Config } from '../../config.ts'
import { PeerbinError, asPeerbinError, hasCode } from '../../errors.ts'
import type { Clock, Logger, Timer } from '../../interfaces.ts'
import { Budget } from '../../runtime/budget.ts'
import type { Lease } from '../../runtime/budget.ts'
import { abortScope, deadline, throwIfAborted, withDeadline } from '../../runtime/deadline.ts'
import type { AbortScope } from '../../runtime/deadline.ts'
import { bytesOf } from '../chunker.ts'
import type { FilledChunk } from '../chunker.ts'
import { ClamdScanner } from './clamd-scanner.ts'
import { CommandScanner } from './command-scanner.ts'
import type { ScanSession, Scanner, Verdict } from './scanner.ts'

/** Uploads that wait for the scanner; more are turned away. */
const WAITERS_MAX = 4096
const RETRY_AFTER_MS = 30_000
const BUSY_RETRY_AFTER_MS = 5000

/** What became of files since the start. */
export interface ScanCounts {
  clean: number
  infected: number
  /** Let pass without a verdict, because `scan.required` is off. */
  skipped: number
  /** Refused without a verdict. */
  refused: number
}

export interface ScanGateDeps {
  readonly clock: Clock
  readonly logger: Logger
  readonly config: Config
}

export class ScanGate {
  readonly counts: ScanCounts = { clean: 0, infected: 0, skipped: 0, refused: 0 }
  readonly #scanner: Scanner
  readonly #places: Budget
  readonly #deps: ScanGateDeps

  constructor(scanner: Scanner, deps: ScanGateDeps) {
    this.#scanner = scanner
    this.#places = new Budget(deps.config.scan.scansMax, WAITERS_MAX)
    this.#deps = deps
  }

  /**
   * Begins with a file; dispose of it when its upload is over, however it ends.
   * @param starts where other files begin in what will come, in order: each is looked at by itself. It may grow meanwhile, ahead of the bytes.
   */
  begin(signal: AbortSignal, starts: readonly number[] = []): FileScan {
    return new FileScan(
      { ...this.#deps, scanner: this.#scanner, places: this.#places, counts: this.counts },
      starts,
      signal
    )
  }
}

/** The gate that the settings ask for; undefined when they ask for none. @throws `config-invalid` */
export function createScanGate(deps: ScanGateDeps): ScanGate | undefined {
  const { command, clamd } = deps.config.scan
  if (clamd !== '' && command.length > 0)
    throw new PeerbinError('config-invalid', 'scan.command and scan.clamd: one of them is possible')
  if (clamd !== '') return new ScanGate(new ClamdScanner(clamd, deps.clock), deps)
  return command.length > 0 ? new ScanGate(new CommandScanner(command), deps) : undefined
}

interface FileScanDeps extends ScanGateDeps {
  readonly scanner: Scanner
  readonly places: Budget
  readonly counts: ScanCounts
}

export class FileScan implements Disposable {
  readonly #deps: FileScanDeps
  readonly #starts: readonly number[]
  readonly #scope: AbortScope
  /** Position of what comes next, and how many of the starts are behind it. */
  #at = 0
  #passedStarts = 0
  #place: Lease | undefined
  #patience: Timer | undefined
  /** Since when the sender is waited for; undefined: he is not. */
  #waitingSince: number | undefined
  /** How long he was waited for over the present chunk. */
  #waitedMs = 0
  #session: ScanSession | undefined
  #verdict: Promise<Verdict> | undefined
  /** Why there will be no verdict. */
  #failure: PeerbinError | undefined

  constructor(deps: FileScanDeps, starts: readonly number[], signal: AbortSignal) {
    this.#deps = deps
    this.#starts = starts
    this.#scope = abortScope(signal)
  }

  /**
   * A pipeline stage ahead of the chunks: when something of the file has come, its place at the scanner is waited for, and only then memory. With a chunk in hand it would hold
   * what those at the scanner need for their next one.
   * @throws `busy`
   */
  async *admit(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    const iterator = source[Symbol.asyncIterator]()
    try {
      for (let isFirst = true; ; isFirst = false) {
        this.#offerPlace()
        const next = await iterator.next().finally(() => this.#keepPlace())
        if (next.done === true) return
        if (isFirst) this.#place = await this.#acquire(false)
        yield next.value
      }
    } finally {
      await iterator.return?.()
    }
  }

  /** A pipeline stage: passes chunks on unchanged, once the scanner has taken them. */
  async *watch(chunks: AsyncIterable<FilledChunk>): AsyncGenerator<FilledChunk> {
    const iterator = chunks[Symbol.asyncIterator]()
    try {
      for (;;) {
        const next = await iterator.next()
        this.#waitedMs = 0
        if (next.done === true) break
        try {
          await this.#feed(next.value)
        } catch (error) {
          next.value.buffer.spoil() // the scanner's socket may still refer to it
          next.value.buffer.release()
          throw error
        }
        yield next.value
      }
      this.#end()
    } finally {
      await iterator.return?.()
    }
  }

  /**
   * While the sender is waited for, others may have the place at the scanner, once he took `edge.slowMs` over a chunk; what the chunk waits for here (memory) is not his fault. Of whose file nothing was looked at yet waits for another one when his first chunk has come; others
   * have to come again.
   */
  #offerPlace(): void {
    const { clock, config } = this.#deps
    if (this.#place === undefined) return
    this.#waitingSince = clock.monotonic()
    this.#patience = clock.setTimer(
      Math.max(0, config.edge.slowMs - this.#waitedMs),
      () => {
        this.#place?.offer(() => {
          if (this.#session === undefined) return this.#leave()
          this.#fail(
            new PeerbinError('busy', 'others waited for the scanner', { retryAfterMs: BUSY_RETRY_AFTER_MS })
          )
        })
      },
      { unref: true }
    )
  }

  #keepPlace(): void {
    const now = this.#deps.clock.monotonic()
    this.#waitedMs += now - (this.#waitingSince ?? now)
    this.#waitingSince = undefined
    this.#patience?.cancel()
    this.#patience = undefined
    this.#place?.keep()
  }

  async #feed(chunk: FilledChunk): Promise<void> {
    if (this.#failure === undefined) {
      try {
        await this.#write(bytesOf(chunk))
      } catch (error) {
        throwIfAborted(this.#scope.signal)
        if (hasCode(error, 'file-infected')) throw error
        this.#fail(asPeerbinError(error))
      }
    }
    // with nothing to gain from the rest of the file it is not read
    if (this.#failure !== undefined) this.#refuse(this.#failure)
  }

  /** Bytes of one file or of several: a scanner is to see each as it will be seen by its recipient. */
  async #write(bytes: Uint8Array): Promise<void> {
    for (let rest = bytes; rest.byteLength > 0;) {
      const start = this.#starts[this.#passedStarts]
      if (start !== undefined && start <= this.#at) {
        this.#passedStarts++
        await this.#endOne()
        continue
      }
      const part = rest.subarray(0, start === undefined ? rest.byteLength : start - this.#at)
      const session = (this.#session ??= await this.#open())
      await this.#limited(() => session.write(part))
      this.#at += part.byteLength
      rest = rest.subarray(part.byteLength)
    }
  }

  /** A file has ended and others follow: its verdict, and a clean sheet for the next one. @throws `file-infected` */
  async #endOne(): Promise<void> {
    const session = this.#session
    if (session === undefined) return
    const verdict = await this.#limited(() => session.end())
    if (!verdict.clean) throw this.#infected(verdict.signature)
    this.#session = undefined
    session.abort()
  }

  #infected(signature: string): PeerbinError {
    const { counts, logger } = this.#deps
    counts.infected++
    logger.warn('an infected file was refused', { signature })
    return new PeerbinError('file-infected', '', { details: { signature } })
  }

  /** @param late its sender has held up others before */
  async #acquire(late: boolean): Promise<Lease> {
    const { places, clock, config } = this.#deps
    const { signal } = this.#scope
    try {
      using limit = deadline(clock, config.scan.waitMs, signal)
      return await places.acquire(1, limit.signal, late)
    } catch (error) {
      throwIfAborted(signal)
      throw new PeerbinError('busy', 'the scanner is busy', {
        cause: error,
        retryAfterMs: BUSY_RETRY_AFTER_MS
      })
    }
  }

  async #open(): Promise<ScanSession> {
    const { scanner, clock, config } = this.#deps
    this.#place ??= await this.#acquire(true)
    using limit = deadline(clock, config.scan.timeoutMs, this.#scope.signal)
    return await scanner.open(limit.signal)
  }

  async #limited<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { clock, config } = this.#deps
    return await withDeadline(clock, config.scan.timeoutMs, this.#scope.signal, work)
  }

  /** The source has ended: the scanner may make up its mind while the last chunks are stored. */
  #end(): void {
    const session = this.#session
    if (session === undefined || this.#failure !== undefined) return
    const verdict = this.#limited(() => session.end())
    verdict.catch(() => undefined) // whoever asks for it is told
    this.#verdict = verdict.finally(() => this.#leave())
    this.#verdict.catch(() => undefined)
  }

  /** Gives the scanner to others, with everything of this file forgotten there. */
  #leave(): void {
    this.#session?.abort()
    this.#session = undefined
    this.#place?.release()
    this.#place = undefined
  }

  #fail(error: PeerbinError): void {
    this.#failure ??= error
    this.#leave()
  }

  /**
   * Resolves when the file may have a link.
   * @throws `file-infected`; `scanner-unavailable` when there is no verdict and one is required; `busy`
   */
  async passed(): Promise<void> {
    const { counts, logger } = this.#deps
    let verdict: Verdict | undefined
    try {
      verdict = await this.#verdict
    } catch (error) {
      throwIfAborted(this.#scope.signal)
      this.#fail(asPeerbinError(error))
    }
    if (verdict?.clean === true) counts.clean++
    else if (verdict !== undefined) throw this.#infected(verdict.signature)
    else {
      this.#refuse(this.#failure ?? new PeerbinError('scanner-unavailable'))
      counts.skipped++
      logger.warn('a file was stored without a verdict of the scanner', { reason: this.#failure?.message })
    }
  }

  /** @throws unless files may pass without a verdict. That others were waiting is no reason to let one pass: whoever wants that need only come in numbers. */
  #refuse(failure: PeerbinError): void {
    const { counts, config, logger } = this.#deps
    if (failure.code === 'busy') throw failure
    if (!config.scan.required) return
    counts.refused++
    logger.warn('an upload was refused: the scanner gave no verdict', { reason: failure.message })
    throw new PeerbinError('scanner-unavailable', '', { cause: failure, retryAfterMs: RETRY_AFTER_MS })
  }

  [Symbol.dispose](): void {
    this.#scope.abort(new PeerbinError('aborted', 'the upload is over'))
    this.#leave()
    this.#scope[Symbol.dispose]()
  }
}
