/** Makes files of blocks: an upload whose chunks are there already, so that only its manifest is sent. Everything else is as of any upload. */

import { createHash } from 'node:crypto'
import { PeerbinError, asPeerbinError, hasCode } from '../../errors.ts'
import type { BlockRef } from '../../metadata-store.ts'
import { blockDigestOf } from '../../protocol/block-id.ts'
import { BLOCKS_PER_PAGE_MAX } from '../../protocol/limits.ts'
import { MANIFEST_CHUNKS_MAX } from '../../protocol/manifest.ts'
import { abortScope } from '../../runtime/deadline.ts'
import type { AbortScope } from '../../runtime/deadline.ts'
import { randomUuid, uuidOf } from '../../runtime/random.ts'
import type { ChunkId, EntryId, FileId, UploadId } from '../../types.ts'
import type { ChunkMemory } from '../chunk-memory.ts'
import { commitUpload } from '../commit-upload.ts'
import { leadToEntry, nameOf, storedEntry } from '../entry-upload.ts'
import type { EntryTerms, StoredEntry } from '../entry-upload.ts'
import { ReceiptLog } from '../receipt-log.ts'
import { asChunks } from '../resume/end-upload.ts'
import { writeManifest } from '../write-manifest.ts'
import type { BlockWriterDeps } from './block-writer.ts'

/** Fewest bytes of the blocks of a file but its last: its list of blocks, which stands in the metadata, must not outgrow it. */
export const BLOCK_BYTES_MIN = 16 * 1024
/** Somebody else made a file of the same id at the same moment: then it is there. */
const ATTEMPTS_MAX = 2

export interface BlockFile {
  /** Of the sender, who repeats a commit with it: one file is made, and each answer is the same. */
  readonly commitId: string
  /** `metadata` is the file's. */
  readonly entry: EntryTerms
  readonly mediaType: string
  readonly blocks: readonly BlockRef[]
  /** Of the whole; the sender's word, unless it is of one block, or `verify` says that it is to be looked at. */
  readonly sha256: string
  /** The blocks are read, and their digest is compared. */
  readonly verify?: boolean | undefined
  readonly signal: AbortSignal
}

export type BlockOutcome =
  | { readonly kind: 'stored'; readonly stored: StoredEntry }
  /** These are not the user's; nothing was made. */
  | { readonly kind: 'missing'; readonly missing: readonly ChunkId[] }

export interface CommitBlocksDeps extends Omit<BlockWriterDeps, 'memory'> {
  readonly memory: ChunkMemory
  /** What goes on when the call has settled. */
  readonly background: Set<Promise<void>>
}

/**
 * @throws `empty-file`, `invalid-field` (a size that is not that of its block, blocks that are too small), `checksum-mismatch`, `quota-exceeded`, `path-taken`, `path-conflict`, `version-conflict`,
 * `file-infected`, `upload-conflict` (the id was of another file); what a manifest and a commit fail with. Blocks stay staged then.
 */
export async function commitBlocks(deps: CommitBlocksDeps, file: BlockFile): Promise<BlockOutcome> {
  checkBlocks(deps, file)
  for (let attempt = 1; ; attempt++) {
    using stop = abortScope(file.signal)
    const upload = randomUuid(deps.random) as UploadId
    try {
      return await attemptCommit(deps, file, upload, stop)
    } catch (error) {
      stop.abort(asPeerbinError(error))
      giveUp(deps, upload)
      if (attempt >= ATTEMPTS_MAX || !hasCode(error, 'upload-conflict')) throw error
    }
  }
}

function checkBlocks(
  { blockBytesMin = BLOCK_BYTES_MIN }: CommitBlocksDeps,
  { blocks, sha256 }: BlockFile
): void {
  const [first] = blocks
  if (first === undefined) throw new PeerbinError('empty-file')
  if (blocks.length > MANIFEST_CHUNKS_MAX) throw new PeerbinError('too-large')
  if (blocks.slice(0, -1).some(({ sizeBytes }) => sizeBytes < blockBytesMin))
    throw new PeerbinError('invalid-field', `blocks: all but the last have at least ${blockBytesMin} bytes`, {
      details: { field: 'blocks' }
    })
  if (blocks.length === 1 && blockDigestOf(first.chunk) !== sha256)
    throw new PeerbinError('checksum-mismatch')
}

/** One for a user and an id, so that nobody meets the commits of others. */
const fileIdOf = ({ commitId, entry }: BlockFile): FileId =>
  uuidOf(
    createHash('sha256')
      .update(JSON.stringify(['block commit', entry.user, commitId]))
      .digest()
      .subarray(0, 16)
  ) as FileId

async function attemptCommit(
  deps: CommitBlocksDeps,
  file: BlockFile,
  upload: UploadId,
  stop: AbortScope
): Promise<BlockOutcome> {
  const { controller, clock } = deps
  const { entry: terms, blocks, mediaType, sha256 } = file
  const { signal } = stop
  const id = fileIdOf(file)
  const sizeBytes = blocks.reduce((sum, block) => sum + block.sizeBytes, 0)
  const name = nameOf(terms.path)
  const metadata = terms.metadata ?? {}
  const named = { name, mediaType, metadata }
  const { user, path } = terms
  const first = blocks.slice(0, BLOCKS_PER_PAGE_MAX)
  const begun = await controller.call(
    'beginBlockUpload',
    { upload, file: id, user, path, ...named, sizeBytes, blocks: first },
    { signal }
  )
  const begunAt = clock.monotonic()
  if (begun.committed !== undefined) {
    const { entry, version, sha256: known } = begun.committed
    if (known !== null && known !== sha256)
      throw new PeerbinError('upload-conflict', 'the id of this commit was of another file')
    return { kind: 'stored', stored: { entry, version, file: id, sizeBytes } }
  }
  if (begun.missing.length > 0) return { kind: 'missing', missing: begun.missing }
  for (let from = first.length; from < blocks.length; from += BLOCKS_PER_PAGE_MAX) {
    const page = blocks.slice(from, from + BLOCKS_PER_PAGE_MAX)
    const { missing } = await controller.call('takeBlocks', { upload, from, blocks: page }, { signal })
    if (missing.length === 0) continue
    giveUp(deps, upload)
    return { kind: 'missing', missing }
  }
  await look(deps, file, { upload, sizeBytes, signal })
  // the controller's time, so that edges with a wrong clock give no wrong expiry
  const uploadedAt = begun.now + Math.floor(clock.monotonic() - begunAt)
  const lead = await leadToEntry(controller, randomUuid(deps.random) as EntryId, terms, {
    uploadedAt,
    attempts: 1,
    signal
  })
  const facts = { sizeBytes, sha256, uploadedAt }
  const chunks = blocks.map(({ chunk, sizeBytes: size }) => ({ id: chunk, sizeBytes: size }))
  const receipts = new ReceiptLog(controller, signal)
  const manifest = { id, ...facts, ...named, chunks, entry: lead.manifest }
  await writeManifest(deps, { upload, manifest, memory: deps.memory, receipts, signal })
  await receipts.flush()
  const commit = {
    upload,
    file: id,
    ...facts,
    chunkCount: blocks.length,
    entry: lead.entry,
    fromBlocks: true
  }
  return { kind: 'stored', stored: storedEntry(await commitUpload(deps, commit, signal)) }
}

/** No file that was not looked at becomes visible where a scanner is: its blocks came one by one, so that all of it is read back. */
async function look(
  { reader, scans }: CommitBlocksDeps,
  { blocks, sha256, verify = false }: BlockFile,
  { upload, sizeBytes, signal }: { upload: UploadId; sizeBytes: number; signal: AbortSignal }
): Promise<void> {
  using scan = scans?.begin(signal, [])
  if (scan === undefined && !verify) return
  const bytes = reader.read({
    file: { upload },
    sizeBytes,
    chunkCount: blocks.length,
    firstPage: [],
    range: { start: 0, end: sizeBytes },
    signal
  })
  const hash = createHash('sha256')
  const hashed = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const piece of bytes) {
      hash.update(piece)
      yield piece
    }
  }
  if (scan === undefined) for await (const _piece of hashed()) continue
  else for await (const _chunk of scan.watch(asChunks(scan.admit(hashed())))) continue
  if (hash.digest('hex') !== sha256) throw new PeerbinError('checksum-mismatch')
  await scan?.passed()
}

/** In the background and best effort: uploads that nobody gives up end by themselves after their time. */
function giveUp({ controller, logger, background }: CommitBlocksDeps, upload: UploadId): void {
  const work = controller
    .call('abandonUpload', { upload })
    .then(() => undefined)
    .catch((error: unknown) => {
      logger.info('an upload was left to end by itself', { upload, code: asPeerbinError(error).code })
    })
    .finally(() => background.delete(work))
  background.add(work)
}
