/** Puts a file into the cluster part by part: each part may come through another edge, and what is durable stays. */

import { PeerbinError, hasCode } from '../../errors.ts'
import { CHUNK_BYTES_MAX } from '../../protocol/limits.ts'
import { MANIFEST_CHUNKS_MAX } from '../../protocol/manifest.ts'
import type { ResponseOf, ControlMessages } from '../../protocol/messages.ts'
import { hashSecret } from '../../protocol/secrets.ts'
import type { UploadKeys } from '../../protocol/upload-secret.ts'
import { Budget } from '../../runtime/budget.ts'
import { abortScope, sleep, throwIfAborted } from '../../runtime/deadline.ts'
import type { AbortScope } from '../../runtime/deadline.ts'
import { randomUuid } from '../../runtime/random.ts'
import type { Encryption, PasswordRecord, SecretHash, UploadWriter, UserRole } from '../../types.ts'
import { ChunkMemory } from '../chunk-memory.ts'
import { pipeChunks } from '../chunk-pipeline.ts'
import type { FileReader } from '../file-reader.ts'
import type { FileWriterDeps, UploadResult } from '../file-writer.ts'
import { ReceiptLog } from '../receipt-log.ts'
import type { EntryTerms, StoredEntry } from '../entry-upload.ts'
import { endUpload } from './end-upload.ts'
import { PartProgress } from './part-progress.ts'
import { RunningDigests } from './running-digests.ts'
import { SoftSource } from './soft-source.ts'

/** Indexes of plain files, up to 4 MiB each, that are read back and checked at once: beside the budget, since what reads them needs that. */
const INDEXES_AT_ONCE = 2

/** Whoever ends an upload checks in so often, and is taken for lost after so long. */
const CHECK_IN_MS = 1000
const SILENT_MS = 3000
/** Others wait so long for him, looking so often; clients come again then. */
const END_WAIT_MS = 10_000
const END_LOOK_MS = 250

/** What is needed to end an upload; the edge that opens it writes it down, and any edge reads it. */
export interface ResumePlan {
  lengthBytes: number
  downloads: number
  ttlMs: number
  password?: PasswordRecord | undefined
  /** Hex digests the file must have. */
  md5?: string | undefined
  sha256?: string | undefined
  /** Length of the index at the end of the file; 0: it has none. */
  indexBytes: number
  encryption: Encryption | null
  /** Hash of the proof that whoever redeems the link has to give. */
  proofHash?: SecretHash | undefined
  /** Of a user's file, which gets no link: `downloads`, `ttlMs` and what a link asks for mean nothing then. */
  entry?: EntryTerms | undefined
}

/** An upload as whoever goes on with it knows it. */
export interface ResumableFile {
  keys: UploadKeys
  name: string
  mediaType: string
  plan: ResumePlan
}

/** Whom openUpload is told that it is for. */
const ownerOf = ({ user, path, onlyNew = false }: EntryTerms) => ({
  user,
  path,
  ...(onlyNew && { onlyNew })
})

export interface FilePart {
  /** Where it begins, as the sender believes. */
  offset: number
  source: AsyncIterable<Uint8Array>
  /** Length of the part, where the sender gave one. */
  declaredBytes?: number | undefined
  /** Asked when all of it has come: a part that does not pass is not kept. Nor is one that breaks off. */
  verify?: (() => void) | undefined
  /** With the last byte the file is ended, unless this is false: its sender says when. */
  ends?: boolean | undefined
  /**
   * Told how many bytes of the file are kept, whenever that has grown: whatever becomes of this process, they stay. Without it there is a check-in every few chunks, with it one for
   * each.
   */
  onKept?: ((sizeBytes: number) => void) | undefined
  /** Ends the part at once. That its sender left is no reason: what has come is stored. */
  signal: AbortSignal
}

type FoundUpload = NonNullable<ResponseOf<ControlMessages, 'findUpload'>['found']>
export type CommittedUpload = Extract<FoundUpload, { state: 'committed' | 'abandoned' }>

/** What an upload has become: a file with a link, or the version of a user's. */
export type Ended =
  | { readonly result: UploadResult; readonly stored?: undefined }
  | { readonly stored: StoredEntry; readonly result?: undefined }

export interface AppendedPart {
  /** Bytes of the file that are kept now. */
  sizeBytes: number
  expiresAt: number
  /** When that was all of it. */
  ended?: Ended
}

export interface ResumableWriterDeps extends FileWriterDeps {
  readonly reader: FileReader
}

/** One request that goes on with an upload, from taking it over to its end. */
export interface Resumption {
  readonly file: ResumableFile
  readonly writer: UploadWriter
  readonly stop: AbortScope
  readonly receipts: ReceiptLog
  readonly memory: ChunkMemory
  /** Indexes in memory at once. */
  readonly indexPlaces: Budget
  readonly digests: RunningDigests
  chunkCount: number
  /** The controller's time as it was at `takenAt` of the monotonic clock. */
  readonly now: number
  readonly takenAt: number
}

export class ResumableWriter {
  readonly #deps: ResumableWriterDeps
  readonly #memory: ChunkMemory
  readonly #indexPlaces: Budget

  constructor(deps: ResumableWriterDeps) {
    this.#deps = deps
    const { memory: budget, clock, config } = deps
    this.#memory = new ChunkMemory({ budget, clock, waitMs: config.edge.memoryWaitMs })
    this.#indexPlaces = new Budget(INDEXES_AT_ONCE, config.edge.memoryWaitersMax)
  }

  /**
   * Opens an upload, and takes its space. Idempotent by its keys. @param plan what is kept of ResumePlan
   * @throws `not-enough-nodes`, `cluster-full`, `space-full`, `no-controller` (also when it is of a version that cannot resume), the signal's reason
   */
  async open(
    { keys, name, mediaType, plan }: ResumableFile,
    options: { plan: string; role: UserRole; signal: AbortSignal }
  ): Promise<void> {
    const { controller, chunks } = this.#deps
    const { signal, role, plan: text } = options
    chunks.checkNodes()
    const { entry } = plan
    const { resumable } = await controller.call(
      'openUpload',
      {
        id: keys.upload,
        name,
        mediaType,
        metadata: entry?.metadata ?? {},
        bytesMax: plan.lengthBytes,
        plan: text,
        ...(entry === undefined ? { role } : { owner: ownerOf(entry) })
      },
      { signal }
    )
    if (resumable) return
    await this.abandon(keys)
    throw new PeerbinError('no-controller', 'the controller is of a version that cannot resume uploads')
  }

  /** The upload as it stands; null for one that is not known. @throws `copies-missing`, `not-enough-nodes`, `no-controller`, … */
  async find(keys: UploadKeys, signal: AbortSignal): Promise<ResponseOf<ControlMessages, 'findUpload'>> {
    return await this.#deps.controller.call('findUpload', { upload: keys.upload }, { signal })
  }

  /** What its sender was told, or should have been, when it was committed; undefined once that is forgotten. The link may be at its end. */
  async committed(keys: UploadKeys, signal: AbortSignal): Promise<UploadResult | undefined> {
    const { found } = await this.#deps.controller.call(
      'findLink',
      { tokenHash: hashSecret(keys.token) },
      { signal }
    )
    if (found === null) return undefined
    const { link, file } = found
    if (link.state === 'revoked') throw new PeerbinError('upload-gone')
    const { token, deleteSecret } = keys
    const { expiresAt, downloads, isProtected, needsProof } = link
    return { file, token, deleteSecret, expiresAt, downloads, isProtected, needsProof }
  }

  /** What an upload became that is committed, as `find` says; undefined once that is forgotten. A user's file may have been moved or deleted since. */
  async ended(keys: UploadKeys, found: CommittedUpload, signal: AbortSignal): Promise<Ended | undefined> {
    const { file, entry, version, sizeBytes } = found
    if (file !== undefined && entry !== undefined && version !== undefined)
      return { stored: { entry, version, file, sizeBytes: sizeBytes ?? 0 } }
    const result = await this.committed(keys, signal)
    return result && { result }
  }

  /** Gives the upload up, or withdraws the link that it has become. A user's file stays. Idempotent. */
  async abandon(keys: UploadKeys, signal?: AbortSignal): Promise<void> {
    const { controller } = this.#deps
    const options = signal && { signal }
    const { abandoned } = await controller.call('abandonUpload', { upload: keys.upload }, options)
    if (abandoned) return
    const { found } = await controller.call('findUpload', { upload: keys.upload }, options)
    if (found?.state === 'committed' && found.entry !== undefined) return
    const link = { tokenHash: hashSecret(keys.token), deleteHash: hashSecret(keys.deleteSecret) }
    await controller.call('revokeLink', link, options)
  }

  /**
   * Takes the upload over and adds a part; with the last one it is ended. What came of a part that breaks off is kept, and then its error thrown.
   *
   * @throws `offset-mismatch`; `upload-conflict` when somebody else took over; `upload-incomplete`, `upload-stalled` and what else the source throws; what
   * `verify` throws; what ends a file (`checksum-mismatch`, `index-invalid`, `file-infected`: nothing is kept then); and what FileWriter.upload does.
   */
  async append(file: ResumableFile, part: FilePart): Promise<AppendedPart> {
    this.#deps.chunks.checkNodes()
    using stop = abortScope(part.signal)
    const { run, sizeBytes } = await this.#takeOver(file, stop, part.verify !== undefined)
    if (sizeBytes !== part.offset) throw new PeerbinError('offset-mismatch')
    const source = new SoftSource()
    const leftBytes = file.plan.lengthBytes - sizeBytes
    if (leftBytes > 0) await this.#write(run, source, leftBytes, part)
    await run.receipts.flush()
    if (source.failure !== undefined && part.verify !== undefined) throw source.failure
    part.verify?.() // what does not pass is never checked in, and so never counts
    const kept = await this.#checkIn(run, run.chunkCount, run.digests.save())
    part.onKept?.(kept.sizeBytes)
    if (kept.sizeBytes === file.plan.lengthBytes && part.ends !== false)
      return { ...kept, ended: await this.#end(run) }
    if (source.failure !== undefined) throw source.failure
    return kept
  }

  /** Makes this process the one that goes on: whoever wrote the upload before is refused from now on. Answers how many bytes are kept. @throws as append */
  async takeOver(file: ResumableFile, signal: AbortSignal): Promise<number> {
    using stop = abortScope(signal)
    const { run } = await this.#takeOver(file, stop, false)
    // with the digests up to there, so that the next part does not have to read anything again
    return (await this.#checkIn(run, run.chunkCount, run.digests.save())).sizeBytes
  }

  /**
   * Ends an upload of which everything is there: whoever sent the last part did not come to that. While another process is at it that is waited for: a scan that each
   * request began anew would never come to its end.
   * @param isOwn it was this process that stored the last part, and nobody else is at it: there is nothing to wait for
   * @throws `upload-busy`; as append
   */
  async end(file: ResumableFile, signal: AbortSignal, isOwn = false): Promise<Ended> {
    const { clock } = this.#deps
    const until = clock.monotonic() + END_WAIT_MS
    for (;;) {
      const { found } = await this.find(file.keys, signal)
      if (found?.state !== 'open') {
        const ended = found?.state === 'committed' ? await this.ended(file.keys, found, signal) : undefined
        if (ended === undefined) throw new PeerbinError('upload-gone')
        return ended
      }
      if (isOwn || found.idleMs > SILENT_MS) break
      if (clock.monotonic() > until) throw new PeerbinError('upload-busy', '', { retryAfterMs: SILENT_MS })
      await sleep(clock, END_LOOK_MS, signal)
    }
    using stop = abortScope(signal)
    const { run, sizeBytes } = await this.#takeOver(file, stop, false)
    if (sizeBytes !== file.plan.lengthBytes) throw new PeerbinError('offset-mismatch')
    return await this.#end(run)
  }

  /** Checks in all the time, so that others see that somebody is at it, and ends when somebody else took over. */
  async #end(run: Resumption): Promise<Ended> {
    const { clock } = this.#deps
    const checkpoint = run.digests.save()
    await this.#checkIn(run, run.chunkCount, checkpoint)
    using over = abortScope(run.stop.signal)
    const checkingIn = (async () => {
      for (;;) {
        await sleep(clock, CHECK_IN_MS, over.signal)
        await this.#checkIn(run, run.chunkCount, checkpoint)
      }
    })().catch((error: unknown) => {
      // anything else is for the commit to find out, which may have taken effect already
      if (hasCode(error, 'upload-conflict')) run.stop.abort(error)
    })
    try {
      return await endUpload(this.#deps, run)
    } catch (error) {
      // a controller that was recovered may have the file, by its manifest, and not know that the upload has ended
      const { keys, plan } = run.file
      const known = hasCode(error, 'upload-conflict')
        ? await this.#known(keys, plan, run.stop.signal)
        : undefined
      if (known === undefined) throw error
      await this.#deps.controller.call('abandonUpload', { upload: keys.upload })
      return known
    } finally {
      over.abort(new PeerbinError('aborted', 'the upload has ended'))
      await checkingIn
    }
  }

  async #known(
    keys: UploadKeys,
    { entry: terms }: ResumePlan,
    signal: AbortSignal
  ): Promise<Ended | undefined> {
    if (terms === undefined) {
      const result = await this.committed(keys, signal)
      return result && { result }
    }
    const { user, path } = terms
    const asked = { actor: { user, role: 'user' as const }, owner: user, path }
    const { entry } = await this.#deps.controller.call('findEntry', asked, { signal })
    if (entry?.current.file !== keys.file) return undefined
    const { number: version, sizeBytes } = entry.current
    return { stored: { entry: entry.id, version, file: keys.file, sizeBytes } }
  }

  async #takeOver(
    file: ResumableFile,
    stop: AbortScope,
    held: boolean
  ): Promise<{ run: Resumption; sizeBytes: number }> {
    const { controller, clock, random } = this.#deps
    const { signal } = stop
    const writer = randomUuid(random) as UploadWriter
    const { upload } = file.keys
    const taken = await controller.call('resumeUpload', { upload, writer, held }, { signal })
    const takenAt = clock.monotonic()
    const { chunkCount, sizeBytes, checkpoint, now } = taken
    const digests = await RunningDigests.restore(checkpoint, sizeBytes, file.plan.md5 !== undefined)
    const range = { start: digests.at, end: sizeBytes }
    const read = { file: { upload }, sizeBytes, chunkCount, firstPage: [], range, signal }
    // what came since the last check-in, through another process: it is read back
    if (range.start < range.end) for await (const piece of this.#deps.reader.read(read)) digests.update(piece)
    const receipts = new ReceiptLog(controller, signal)
    const shared = { memory: this.#memory, indexPlaces: this.#indexPlaces }
    const run = { file, writer, stop, receipts, digests, chunkCount, now, takenAt, ...shared }
    return { run, sizeBytes }
  }

  async #write(run: Resumption, source: SoftSource, leftBytes: number, part: FilePart): Promise<void> {
    const { digests, receipts, stop, chunkCount } = run
    const chunksMin = Math.ceil(leftBytes / CHUNK_BYTES_MAX)
    if (chunkCount + chunksMin >= MANIFEST_CHUNKS_MAX)
      throw new PeerbinError('too-large', 'The file came in too many small parts.')
    const { onKept } = part
    const progress = new PartProgress(digests, chunkCount, onKept === undefined ? undefined : 1)
    await pipeChunks(this.#deps, {
      upload: run.file.keys.upload,
      writer: run.writer,
      memory: this.#memory,
      source: part.source,
      admit: (pieces) => source.soften(pieces),
      declaredBytes: Math.min(part.declaredBytes ?? leftBytes, leftBytes),
      limitBytes: leftBytes,
      firstIndex: chunkCount,
      isPart: true,
      stop,
      watch: (chunks) => progress.watch(chunks),
      onWritten: async (index, written) => {
        await receipts.add(written.receipts)
        const mark = progress.written(index)
        if (mark === undefined || part.verify !== undefined) return
        await receipts.flush()
        const kept = await this.#checkIn(run, mark.chunkCount, mark.checkpoint)
        onKept?.(kept.sizeBytes)
      }
    })
    throwIfAborted(stop.signal)
    run.chunkCount = progress.chunkCount
  }

  async #checkIn(run: Resumption, chunkCount: number, checkpoint: string): Promise<AppendedPart> {
    const { file, writer, stop } = run
    const request = { upload: file.keys.upload, writer, chunkCount, checkpoint }
    const kept = await this.#deps.controller.call('checkpointUpload', request, { signal: stop.signal })
    return { sizeBytes: kept.sizeBytes, expiresAt: kept.expiresAt }
  }
}
