/** Puts a file into the cluster: a stream of bytes goes in, a file with a share link comes out, or nothing stays. */

import type { Config } from '../config.ts'
import { PeerbinError, asPeerbinError } from '../errors.ts'
import type { Clock, Logger, Random } from '../interfaces.ts'
import type { CommitUpload, CommittedFile } from '../metadata-store.ts'
import { CHUNK_BYTES_MAX } from '../protocol/limits.ts'
import { MANIFEST_CHUNKS_MAX } from '../protocol/manifest.ts'
import type { Manifest, ManifestChunk } from '../protocol/manifest.ts'
import { hashSecret, newDeleteSecret, newLinkToken } from '../protocol/secrets.ts'
import type { Budget } from '../runtime/budget.ts'
import { abortScope, throwIfAborted } from '../runtime/deadline.ts'
import type { AbortScope } from '../runtime/deadline.ts'
import { randomUuid } from '../runtime/random.ts'
import type {
  Encryption,
  EntryId,
  FileId,
  FileRecord,
  LinkToken,
  PasswordRecord,
  SecretHash,
  UploadId,
  UserId,
  UserRole
} from '../types.ts'
import { Checksums, checkExpected } from './checksums.ts'
import type { Digests } from './checksums.ts'
import { ChunkMemory } from './chunk-memory.ts'
import { pipeChunks } from './chunk-pipeline.ts'
import type { ChunkWriter } from './chunk-writer.ts'
import { commitUpload } from './commit-upload.ts'
import type { ControllerClient } from './controller-client.ts'
import { failureOf, leadToEntry, nameOf, storedEntry } from './entry-upload.ts'
import type { EntryTerms, StoredEntry, UploadFailure } from './entry-upload.ts'
import { ReceiptLog } from './receipt-log.ts'
import type { FileScan, ScanGate } from './scan/scan-gate.ts'
import { writeManifest } from './write-manifest.ts'

/** What is uploaded, wherever it goes. */
export interface UploadSource {
  name: string
  mediaType: string
  metadata?: Record<string, string>
  /** Read only while there is memory for what comes. When the upload fails early its iterator's `return` is called. */
  source: AsyncIterable<Uint8Array>
  /** What has arrived for the source so far, where it yields less than that: what counts against `edge.rateMinBytes`. */
  arrivedBytes?: () => number
  /** Length of the file, where the sender gave one. */
  declaredBytes?: number
  limitBytes: number
  /** Hex digests the file must have; asked when the source has ended, since form fields may come after the file. */
  expect?: () => Partial<Digests>
  /** Where in the source another file begins, for what looks at files: each is looked at by itself. Grows while the source is read, ahead of its bytes. */
  starts?: readonly number[]
  /** What the file turned out to be; asked when the source has ended. */
  content?: () => FileContent
  signal?: AbortSignal
  /** Told after each chunk how many bytes of the file are stored durably. */
  onProgress?: (bytes: number) => void
}

/** A file that becomes a share link. */
export interface UploadRequest extends UploadSource {
  /** Whose limits of space hold; default: `anonymous`. */
  role?: UserRole
  /** Redemptions, life and what the link asks for; asked when the source has ended. */
  link: () => LinkTerms | Promise<LinkTerms>
}

/** A file that becomes a version of a user's. */
export interface EntryUploadRequest extends UploadSource {
  /** Whose it is, and where it most likely goes: a failure is recorded there. `onlyNew`: it is not begun where there is a file already. */
  owner: { user: UserId; path: string; onlyNew?: boolean }
  /** Where it goes in the end; asked when the source has ended. */
  entry: () => EntryTerms | Promise<EntryTerms>
}

export interface LinkTerms {
  downloads: number
  ttlMs: number
  password?: PasswordRecord | undefined
  /** Hash of the proof of an encrypted file's key, which a redemption then wants. */
  proofHash?: SecretHash | undefined
}

/** What a file is beyond its bytes. */
export interface FileContent {
  /** In place of those of the request. */
  name?: string | undefined
  mediaType?: string | undefined
  /** Last bytes of the source that are the index; default: 0. */
  indexBytes?: number | undefined
  encryption?: Encryption | undefined
}

export interface UploadResult {
  file: FileRecord
  token: LinkToken
  deleteSecret: string
  expiresAt: number
  downloads: number
  isProtected: boolean
  needsProof: boolean
  /** How often the worst of its chunks had to be sent, where that is known. */
  attempts?: number
}

export interface FileWriterDeps {
  readonly chunks: ChunkWriter
  readonly controller: ControllerClient
  /** Bytes of chunks in memory, of all transfers of the process together. */
  readonly memory: Budget
  readonly clock: Clock
  readonly random: Random
  readonly config: Config
  /** The cluster secret: manifests are encrypted with a key derived from it. */
  readonly clusterKey: Uint8Array
  readonly logger: Logger
  /** Looks at every file before it is committed; without it nobody does. */
  readonly scans?: ScanGate | undefined
  /** Size of all chunks of a file but its last; default: CHUNK_BYTES_MAX. The simulator's files are small. */
  readonly chunkBytes?: number | undefined
}

/** What is known of a file before it is committed. */
type Facts = Pick<Manifest, 'id' | 'sizeBytes' | 'sha256' | 'uploadedAt'>

/** An upload under way. */
interface Upload {
  readonly id: UploadId
  readonly request: UploadSource
  /** Ends everything of this upload: the sender left, or a part of it failed. */
  readonly stop: AbortScope
  readonly receipts: ReceiptLog
  readonly checksums: Checksums
  /** By index; complete when every chunk was written. */
  readonly chunks: ManifestChunk[]
  storedBytes: number
  /** How often the worst chunk had to be sent. */
  attempts: number
  /** Secrets of the link, once a commit was tried with them: from then on the outcome may be unknown. */
  committed?: { tokenHash: SecretHash; deleteHash: SecretHash }
}

export class FileWriter {
  readonly #deps: FileWriterDeps
  readonly #memory: ChunkMemory
  readonly #background = new Set<Promise<void>>()

  constructor(deps: FileWriterDeps) {
    this.#deps = deps
    const { memory: budget, clock, config } = deps
    this.#memory = new ChunkMemory({ budget, clock, waitMs: config.edge.memoryWaitMs })
  }

  /**
   * Resolves when file and link are committed, and every chunk and the manifest are durable on enough nodes.
   *
   * @throws `empty-file`, `too-large`, `upload-incomplete`, `upload-stalled`, `checksum-mismatch`, `busy` (no memory in time), `not-enough-nodes`,
   * `cluster-full`, `space-full`, `file-infected`, `scanner-unavailable`, `no-controller`, the signal's reason, and what a chunk or the commit failed with. Nothing is visible then; what was
   * stored is given up in the background and collected later.
   */
  async upload(request: UploadRequest): Promise<UploadResult> {
    const { random } = this.#deps
    const token = newLinkToken(random)
    const deleteSecret = newDeleteSecret(random)
    return await this.#upload(request, { role: request.role ?? 'anonymous' }, async (upload, facts) => {
      const { downloads, ttlMs, password, proofHash } = await request.link()
      const link = {
        tokenHash: hashSecret(token),
        deleteHash: hashSecret(deleteSecret),
        downloads,
        expiresAt: facts.uploadedAt + ttlMs,
        ...(password !== undefined && { password }),
        ...(proofHash !== undefined && { proofHash })
      }
      const what = saidOf(request.content?.() ?? {})
      await this.#writeManifest(upload, { ...facts, link, ...what })
      upload.committed = link
      return {
        file: await this.#commit(upload, { ...facts, link, ...what }),
        token,
        deleteSecret,
        expiresAt: link.expiresAt,
        downloads,
        isProtected: password !== undefined,
        needsProof: proofHash !== undefined,
        attempts: upload.attempts
      }
    })
  }

  /**
   * Resolves as `upload` does, when the file is a version of a user's. That the cluster failed to take it in is recorded with the user's file.
   *
   * @throws what `upload` does, `quota-exceeded` in place of `space-full`; `path-conflict`, `path-taken`
   */
  async uploadEntry(request: EntryUploadRequest): Promise<StoredEntry> {
    const { controller, random } = this.#deps
    return await this.#upload(request, { owner: request.owner }, async (upload, facts) => {
      const terms = await request.entry()
      const what = { ...saidOf(request.content?.() ?? {}), name: nameOf(terms.path) }
      const { uploadedAt } = facts
      const lead = await leadToEntry(controller, randomUuid(random) as EntryId, terms, {
        uploadedAt,
        attempts: upload.attempts,
        signal: upload.stop.signal
      })
      const metadata = terms.metadata ?? request.metadata ?? {}
      await this.#writeManifest(upload, { ...facts, entry: lead.manifest, ...what }, metadata)
      const committed = await this.#commit(upload, { ...facts, entry: lead.entry, ...what })
      return { ...storedEntry(committed), attempts: upload.attempts }
    })
  }

  async #upload<T>(
    request: UploadSource,
    opened: { role: UserRole } | { owner: EntryUploadRequest['owner'] },
    finish: (upload: Upload, facts: Facts) => Promise<T>
  ): Promise<T> {
    checkDeclared(request)
    this.#deps.chunks.checkNodes()
    const { controller, random } = this.#deps
    throwIfAborted(request.signal)
    using stop = abortScope(request.signal)
    const upload: Upload = {
      id: randomUuid(random) as UploadId,
      request,
      stop,
      receipts: new ReceiptLog(controller, stop.signal),
      checksums: new Checksums(),
      chunks: [],
      storedBytes: 0,
      attempts: 1
    }
    try {
      return await finish(upload, await this.#run(upload, opened))
    } catch (error) {
      stop.abort(asPeerbinError(error))
      this.#abandon(upload, 'owner' in opened ? failureOf(error) : undefined)
      throw error
    }
  }

  /** Resolves when nothing of failed uploads is being given up any more; each of them takes at most `controller.callTimeoutMs`. */
  async settled(): Promise<void> {
    await Promise.all(this.#background)
  }

  /** Everything but the end: all chunks are stored, and have passed. */
  async #run(
    upload: Upload,
    opened: { role: UserRole } | { owner: EntryUploadRequest['owner'] }
  ): Promise<Facts> {
    const { controller, clock } = this.#deps
    const { request, stop } = upload
    const { now } = await controller.call(
      'openUpload',
      {
        id: upload.id,
        name: request.name,
        mediaType: request.mediaType,
        metadata: request.metadata ?? {},
        ...opened,
        bytesMax: request.declaredBytes ?? request.limitBytes
      },
      { signal: stop.signal }
    )
    const openedAt = clock.monotonic()
    using scan = this.#deps.scans?.begin(stop.signal, request.starts)
    await this.#writeChunks(upload, scan)
    const digests = upload.checksums.digests()
    checkExpected(digests, request.expect?.() ?? {})
    await scan?.passed()
    // the controller's time, so that edges with a wrong clock give no wrong expiry
    const uploadedAt = now + Math.floor(clock.monotonic() - openedAt)
    const { sizeBytes } = upload.checksums
    const file = randomUuid(this.#deps.random) as FileId
    return { id: file, sizeBytes, sha256: digests.sha256, uploadedAt }
  }

  async #writeChunks(upload: Upload, scan: FileScan | undefined): Promise<void> {
    const { request, stop, checksums, receipts, chunks } = upload
    const { source, arrivedBytes, declaredBytes, limitBytes } = request
    await pipeChunks(this.#deps, {
      upload: upload.id,
      memory: this.#memory,
      source,
      arrivedBytes,
      declaredBytes,
      limitBytes,
      stop,
      admit: scan && ((pieces) => scan.admit(pieces)),
      watch: (all) => {
        const summed = checksums.watch(all)
        return scan?.watch(summed) ?? summed
      },
      onWritten: async (index, written) => {
        chunks[index] = { id: written.id, sizeBytes: written.sizeBytes }
        upload.storedBytes += written.sizeBytes
        upload.attempts = Math.max(upload.attempts, written.attempts)
        await receipts.add(written.receipts)
        request.onProgress?.(upload.storedBytes)
      }
    })
  }

  async #commit(
    { id: upload, chunks, receipts, stop }: Upload,
    { id: file, ...facts }: Facts & FileContent & Pick<CommitUpload, 'link' | 'entry'>
  ): Promise<CommittedFile> {
    await receipts.flush()
    const request = { upload, file, chunkCount: chunks.length, ...facts }
    return await commitUpload(this.#deps, request, stop.signal)
  }

  async #writeManifest(
    upload: Upload,
    facts: Facts & FileContent & Pick<Manifest, 'link' | 'entry'>,
    metadata = upload.request.metadata ?? {}
  ): Promise<void> {
    const { name, mediaType } = upload.request
    await writeManifest(this.#deps, {
      upload: upload.id,
      manifest: {
        ...facts,
        name: facts.name ?? name,
        mediaType: facts.mediaType ?? mediaType,
        metadata,
        chunks: upload.chunks
      },
      memory: this.#memory,
      receipts: upload.receipts,
      signal: upload.stop.signal
    })
  }

  /** In the background and best effort: uploads that nobody gives up end by themselves after their time. */
  #abandon(upload: Upload, failure: UploadFailure | undefined): void {
    const work = this.#giveUp(upload, failure)
      .catch((error: unknown) => {
        const { code } = asPeerbinError(error)
        this.#deps.logger.info('an upload was left to end by itself', { upload: upload.id, code })
      })
      .finally(() => this.#background.delete(work))
    this.#background.add(work)
  }

  async #giveUp(upload: Upload, failure: UploadFailure | undefined): Promise<void> {
    const { controller } = this.#deps
    const request = { upload: upload.id, ...(failure !== undefined && { failure }) }
    const { abandoned } = await controller.call('abandonUpload', request)
    if (abandoned || upload.committed === undefined) return
    // the commit took effect and its answer was lost: nobody knows the token, so the link is of no use to anyone
    const { tokenHash, deleteHash } = upload.committed
    await controller.call('revokeLink', { tokenHash, deleteHash })
  }
}

/** Only what says something: a field that is there and says nothing would still keep earlier programs from reading the manifest. */
const saidOf = ({ name, mediaType, indexBytes = 0, encryption }: FileContent): FileContent => ({
  ...(name !== undefined && { name }),
  ...(mediaType !== undefined && { mediaType }),
  ...(indexBytes > 0 && { indexBytes }),
  ...(encryption !== undefined && { encryption })
})

/** What can be refused before a byte is read. */
function checkDeclared({ declaredBytes, limitBytes }: UploadSource): void {
  if (declaredBytes === undefined) return
  if (declaredBytes === 0) throw new PeerbinError('empty-file')
  if (declaredBytes > limitBytes || declaredBytes > MANIFEST_CHUNKS_MAX * CHUNK_BYTES_MAX) {
    throw new PeerbinError('too-large', '', { details: { limitBytes } })
  }
}
