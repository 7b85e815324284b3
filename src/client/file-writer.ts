/** Puts a file into the cluster: a stream of bytes goes in, a file with a share link comes out, or nothing stays. */

import type { Config } from '../config.ts'
import { PeerbinError, asPeerbinError } from '../errors.ts'
import type { Clock, Logger, Random } from '../interfaces.ts'
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
  FileId,
  FileRecord,
  LinkToken,
  PasswordRecord,
  SecretHash,
  UploadId,
  UserRole
} from '../types.ts'
import { Checksums, checkExpected } from './checksums.ts'
import type { Digests } from './checksums.ts'
import { ChunkMemory } from './chunk-memory.ts'
import { pipeChunks } from './chunk-pipeline.ts'
import type { ChunkWriter } from './chunk-writer.ts'
import { commitUpload } from './commit-upload.ts'
import type { ControllerClient } from './controller-client.ts'
import { ReceiptLog } from './receipt-log.ts'
import type { FileScan, ScanGate } from './scan/scan-gate.ts'
import { writeManifest } from './write-manifest.ts'

export interface UploadRequest {
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
  /** Whose limits of space hold; default: `anonymous`. */
  role?: UserRole
  /** Hex digests the file must have; asked when the source has ended, since form fields may come after the file. */
  expect?: () => Partial<Digests>
  /** Redemptions, life and what the link asks for; asked when the source has ended. */
  link: () => LinkTerms | Promise<LinkTerms>
  /** Where in the source another file begins, for what looks at files: each is looked at by itself. Grows while the source is read, ahead of its bytes. */
  starts?: readonly number[]
  /** What the file turned out to be; asked when the source has ended. */
  content?: () => FileContent
  signal?: AbortSignal
  /** Told after each chunk how many bytes of the file are stored durably. */
  onProgress?: (bytes: number) => void
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

/** An upload under way. */
interface Upload {
  readonly id: UploadId
  readonly request: UploadRequest
  /** Ends everything of this upload: the sender left, or a part of it failed. */
  readonly stop: AbortScope
  readonly receipts: ReceiptLog
  readonly checksums: Checksums
  /** By index; complete when every chunk was written. */
  readonly chunks: ManifestChunk[]
  storedBytes: number
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
      storedBytes: 0
    }
    try {
      return await this.#run(upload)
    } catch (error) {
      stop.abort(asPeerbinError(error))
      this.#abandon(upload)
      throw error
    }
  }

  /** Resolves when nothing of failed uploads is being given up any more; each of them takes at most `controller.callTimeoutMs`. */
  async settled(): Promise<void> {
    await Promise.all(this.#background)
  }

  async #run(upload: Upload): Promise<UploadResult> {
    const { controller, clock } = this.#deps
    const { request, stop } = upload
    const { now } = await controller.call(
      'openUpload',
      {
        id: upload.id,
        name: request.name,
        mediaType: request.mediaType,
        metadata: request.metadata ?? {},
        role: request.role ?? 'anonymous',
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
    return await this.#commit(upload, digests.sha256, uploadedAt)
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
        await receipts.add(written.receipts)
        request.onProgress?.(upload.storedBytes)
      }
    })
  }

  async #commit(upload: Upload, sha256: string, uploadedAt: number): Promise<UploadResult> {
    const { random } = this.#deps
    const { id, request, checksums, chunks, stop } = upload
    const { downloads, ttlMs, password, proofHash } = await request.link()
    const what = saidOf(request.content?.() ?? {})
    const file = randomUuid(random) as FileId
    const token = newLinkToken(random)
    const deleteSecret = newDeleteSecret(random)
    const link = {
      tokenHash: hashSecret(token),
      deleteHash: hashSecret(deleteSecret),
      downloads,
      expiresAt: uploadedAt + ttlMs,
      ...(password !== undefined && { password }),
      ...(proofHash !== undefined && { proofHash })
    }
    const { sizeBytes } = checksums
    await this.#writeManifest(upload, { id: file, sizeBytes, sha256, uploadedAt, link, ...what })
    await upload.receipts.flush()
    upload.committed = link
    const committed = await commitUpload(
      this.#deps,
      { upload: id, file, sizeBytes, sha256, chunkCount: chunks.length, uploadedAt, link, ...what },
      stop.signal
    )
    return {
      file: committed,
      token,
      deleteSecret,
      expiresAt: link.expiresAt,
      downloads,
      isProtected: password !== undefined,
      needsProof: proofHash !== undefined
    }
  }

  async #writeManifest(
    upload: Upload,
    facts: Pick<Manifest, 'id' | 'sizeBytes' | 'sha256' | 'uploadedAt' | 'link'> & FileContent
  ): Promise<void> {
    const { name, mediaType, metadata = {} } = upload.request
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
  #abandon(upload: Upload): void {
    const work = this.#giveUp(upload)
      .catch((error: unknown) => {
        const { code } = asPeerbinError(error)
        this.#deps.logger.info('an upload was left to end by itself', { upload: upload.id, code })
      })
      .finally(() => this.#background.delete(work))
    this.#background.add(work)
  }

  async #giveUp(upload: Upload): Promise<void> {
    const { controller } = this.#deps
    const { abandoned } = await controller.call('abandonUpload', { upload: upload.id })
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
function checkDeclared({ declaredBytes, limitBytes }: UploadRequest): void {
  if (declaredBytes === undefined) return
  if (declaredBytes === 0) throw new PeerbinError('empty-file')
  if (declaredBytes > limitBytes || declaredBytes > MANIFEST_CHUNKS_MAX * CHUNK_BYTES_MAX) {
    throw new PeerbinError('too-large', '', { details: { limitBytes } })
  }
}
