/** The end of an upload that came in parts: what the whole file has to pass, its manifest, the commit. */

import { checkIndex, entryRanges } from '../../bundle/index.ts'
import type { BundleIndex } from '../../bundle/index.ts'
import { PeerbinError, hasCode } from '../../errors.ts'
import type { ErrorCode } from '../../errors.ts'
import type { CommitUpload, CommittedFile } from '../../metadata-store.ts'
import { CHUNKS_PER_PAGE_MAX } from '../../protocol/limits.ts'
import type { Manifest, ManifestChunk } from '../../protocol/manifest.ts'
import { hashSecret } from '../../protocol/secrets.ts'
import type { ByteRange } from '../../types.ts'
import { checkExpected } from '../checksums.ts'
import type { FilledChunk } from '../chunker.ts'
import { commitUpload } from '../commit-upload.ts'
import { leadToEntry, nameOf, storedEntry } from '../entry-upload.ts'
import { isForbidden } from '../forbidden-types.ts'
import type { UploadResult } from '../file-writer.ts'
import { listChunks } from '../list-chunks.ts'
import { writeManifest } from '../write-manifest.ts'
import type { Ended, ResumableWriterDeps, ResumePlan, Resumption } from './resumable-writer.ts'

/** The file itself is wrong, or has no place: sending the end again would not help. */
const FINAL_CODES: readonly ErrorCode[] = [
  'path-conflict',
  'path-taken',
  'version-conflict',
  'checksum-mismatch',
  'index-invalid',
  'empty-file',
  'type-forbidden',
  'file-infected'
]

/** @throws `checksum-mismatch`, `index-invalid`, `type-forbidden` (of a file of a bundle), `file-infected`, `path-conflict`, `path-taken`, `version-conflict`: the upload is given up then; and what a manifest or a commit fails with: it can be ended again */
export async function endUpload(deps: ResumableWriterDeps, run: Resumption): Promise<Ended> {
  const { sha256, ...digests } = run.digests.digests()
  const { upload } = run.file.keys
  try {
    const { plan } = run.file
    checkExpected(
      { sha256, ...digests },
      {
        ...(plan.sha256 !== undefined && { sha256: plan.sha256 }),
        ...(plan.md5 !== undefined && { md5: plan.md5 })
      }
    )
    const index = await passIndex(deps, run)
    await scan(deps, run, index)
    return await commit(deps, run, sha256)
  } catch (error) {
    // one that nobody gives up ends by itself after its time
    if (hasCode(error, ...FINAL_CODES))
      await deps.controller.call('abandonUpload', { upload }).catch(() => undefined)
    throw error
  }
}

/** Bytes of the file as the nodes have it. */
const readBack = (deps: ResumableWriterDeps, { file, stop, chunkCount }: Resumption, range: ByteRange) =>
  deps.reader.read({
    file: { upload: file.keys.upload },
    sizeBytes: file.plan.lengthBytes,
    chunkCount,
    firstPage: [],
    range,
    signal: stop.signal
  })

/** Of a plain file the index says what is in it; of an encrypted one nobody here can read it. */
async function passIndex(deps: ResumableWriterDeps, run: Resumption): Promise<BundleIndex | undefined> {
  const { indexBytes, encryption, lengthBytes } = run.file.plan
  if (indexBytes === 0 || encryption !== null) return undefined
  const place = await run.indexPlaces.acquire(1, run.stop.signal)
  try {
    const index = Buffer.allocUnsafeSlow(indexBytes)
    let filled = 0
    const range = { start: lengthBytes - indexBytes, end: lengthBytes }
    for await (const piece of readBack(deps, run, range)) {
      index.set(piece, filled)
      filled += piece.byteLength
    }
    const checked = checkIndex(index, lengthBytes - indexBytes)
    for (const { path: name, mediaType = '' } of checked.entries)
      if (isForbidden(deps.config.edge.forbiddenTypes, { name, mediaType }))
        throw new PeerbinError('type-forbidden')
    return checked
  } finally {
    place.release()
  }
}

/** No link leads to a file that was not looked at: all of it is read back, since its parts came through several processes. */
async function scan(
  deps: ResumableWriterDeps,
  run: Resumption,
  index: BundleIndex | undefined
): Promise<void> {
  using fileScan = deps.scans?.begin(run.stop.signal, index === undefined ? [] : startsOf(index))
  if (fileScan === undefined) return
  const bytes = readBack(deps, run, { start: 0, end: run.file.plan.lengthBytes })
  for await (const _chunk of fileScan.watch(asChunks(fileScan.admit(bytes)))) continue
  await fileScan.passed()
}

/** Where files begin behind the first one, and the index behind the last: the scanner sees each by itself. */
const startsOf = (index: BundleIndex): number[] => {
  const ends = entryRanges(index).map(({ end }) => end)
  return [...new Set(ends)].filter((end) => end > 0)
}

/** Pieces as the scanner takes them: copies, since it may refer to them for longer than they are valid. */
export async function* asChunks(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<FilledChunk> {
  let index = 0
  for await (const piece of pieces) {
    const bytes = Uint8Array.from(piece)
    const nothing = (): void => {}
    const sizeBytes = bytes.byteLength
    const own = { adopt: nothing, detach: () => bytes, spoil: nothing, release: nothing }
    const buffer = { sizeBytes, bytes, offer: nothing, keep: nothing, ...own }
    yield { index: index++, sizeBytes, buffer, isShort: false }
  }
}

async function commit(deps: ResumableWriterDeps, run: Resumption, sha256: string): Promise<Ended> {
  const { file, stop } = run
  const { keys, plan } = file
  // the controller's time, so that edges with a wrong clock give no wrong expiry
  const uploadedAt = run.now + Math.floor(deps.clock.monotonic() - run.takenAt)
  const facts = { id: keys.file, sizeBytes: plan.lengthBytes, sha256, uploadedAt }
  if (plan.entry === undefined) return { result: await commitLink(deps, run, facts) }
  const lead = await leadToEntry(deps.controller, keys.entry, plan.entry, {
    uploadedAt,
    attempts: 1, // of how often was tried in earlier parts, by other processes, nothing is known
    signal: stop.signal
  })
  const led = { ...facts, name: nameOf(plan.entry.path) }
  const chunks = await putManifest(deps, run, { ...led, entry: lead.manifest })
  const committed = await commitFile(deps, run, { ...led, entry: lead.entry, chunks })
  return { stored: { ...storedEntry(committed), sha256 } }
}

async function commitLink(deps: ResumableWriterDeps, run: Resumption, facts: Facts): Promise<UploadResult> {
  const { keys, plan } = run.file
  const { downloads, ttlMs, password, proofHash } = plan
  const link = {
    tokenHash: hashSecret(keys.token),
    deleteHash: hashSecret(keys.deleteSecret),
    downloads,
    expiresAt: facts.uploadedAt + ttlMs,
    ...(password !== undefined && { password }),
    ...(proofHash !== undefined && { proofHash })
  }
  const chunks = await putManifest(deps, run, { ...facts, link })
  const committed = await commitFile(deps, run, { ...facts, link, chunks })
  const { token, deleteSecret } = keys
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

type Facts = Pick<Manifest, 'id' | 'sizeBytes' | 'sha256' | 'uploadedAt'> & { name?: string }

/** A field that is there and says nothing would keep earlier programs from reading the manifest. */
const contentOf = ({ indexBytes, encryption }: ResumePlan) => ({
  ...(indexBytes > 0 && { indexBytes }),
  ...(encryption !== null && { encryption })
})

/** Answers the chunks that it names. */
async function putManifest(
  deps: ResumableWriterDeps,
  { file, writer, receipts, memory, chunkCount, stop }: Resumption,
  facts: Facts & Pick<Manifest, 'link' | 'entry'>
): Promise<ManifestChunk[]> {
  const { keys, name, mediaType, plan } = file
  const chunks = await chunksOf(deps, { file, chunkCount, stop })
  const metadata = plan.entry?.metadata ?? {}
  const manifest = { name, mediaType, metadata, chunks, ...facts, ...contentOf(plan) }
  const { signal } = stop
  await writeManifest(deps, { upload: keys.upload, writer, manifest, memory, receipts, signal })
  await receipts.flush()
  return chunks
}

async function commitFile(
  deps: ResumableWriterDeps,
  { file, writer, stop }: Resumption,
  { id, chunks, ...facts }: Facts & Pick<CommitUpload, 'link' | 'entry'> & { chunks: ManifestChunk[] }
): Promise<CommittedFile> {
  const { keys, plan } = file
  const content = contentOf(plan)
  const request = { upload: keys.upload, file: id, chunkCount: chunks.length, writer, ...facts, ...content }
  return await commitUpload(deps, request, stop.signal)
}

async function chunksOf(
  { controller }: ResumableWriterDeps,
  { file, chunkCount, stop }: Pick<Resumption, 'file' | 'chunkCount' | 'stop'>
): Promise<ManifestChunk[]> {
  const chunks: ManifestChunk[] = []
  while (chunks.length < chunkCount) {
    const owner = { upload: file.keys.upload }
    const page = await listChunks(controller, owner, chunks.length, CHUNKS_PER_PAGE_MAX, {
      signal: stop.signal
    })
    for (const { id, sizeBytes } of page) chunks.push({ id, sizeBytes })
    // whoever took it over has ended it, or given it up
    if (page.length === 0) throw new PeerbinError('upload-conflict')
  }
  return chunks
}
