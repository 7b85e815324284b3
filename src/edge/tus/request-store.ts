/** The tus library's store, over the cluster. One for each request: it knows who asks, and what the answer is to say. */

import { DataStore, Upload } from '@tus/server'
import type { StoredEntry } from '../../client/entry-upload.ts'
import type { UploadResult } from '../../client/file-writer.ts'
import type { Ended, ResumableFile } from '../../client/resume/resumable-writer.ts'
import { PeerbinError, asPeerbinError } from '../../errors.ts'
import { uploadKeys } from '../../protocol/upload-secret.ts'
import type { UploadKeys } from '../../protocol/upload-secret.ts'
import type { EdgeContext } from '../context.ts'
import { ROLE } from '../routes/receive.ts'
import type { PartChecksum } from './part-checksum.ts'
import type { TusCaller } from './caller.ts'
import { decodePlan, encodePlan } from './upload-plan.ts'
import type { UploadPlan } from './upload-plan.ts'

export interface RequestStoreDeps {
  readonly context: EdgeContext
  readonly caller: Pick<TusCaller, 'signal' | 'admit' | 'admitToEntry' | 'noteEnd' | 'noteFailure'>
  /** Of the body, where the client gave it. */
  readonly declaredBytes: number | undefined
  readonly checksum: PartChecksum | undefined
  /** An upload of which everything is there is not ended by asking. */
  readonly looksOnly?: boolean
  /** What is to be opened, for a creation. */
  readonly creation?: { name: string; mediaType: string; plan: UploadPlan }
}

type FoundUpload = NonNullable<Awaited<ReturnType<EdgeContext['resumable']['find']>>['found']>
type PlannedFile = ResumableFile & { plan: UploadPlan }

export class RequestStore extends DataStore {
  override extensions = ['creation', 'creation-with-upload', 'termination', 'expiration', 'checksum']
  /** Set once the file has its link, or is a version of a user's. */
  result: UploadResult | undefined
  stored: StoredEntry | undefined
  /** Where that version's file is now, if it was there before this request. */
  path: string | undefined
  readonly #deps: RequestStoreDeps
  #file: PlannedFile | undefined
  /** Known from what this request did itself. */
  #upload: Upload | undefined
  /** By this edge's wall clock, as the library and clients count; the controller's may be another one. */
  #expiresAt: number | undefined
  #skewMs = 0

  constructor(deps: RequestStoreDeps) {
    super()
    this.#deps = deps
  }

  /** When the upload is given up unless it goes on, ms since the epoch; undefined for one that has ended. */
  get expiresAt(): number | undefined {
    return this.#hasEnded ? undefined : this.#expiresAt
  }

  get #hasEnded(): boolean {
    return this.result !== undefined || this.stored !== undefined
  }

  override getExpiration(): number {
    return this.#deps.context.config.controller.resumableTtlMs
  }

  override async create(upload: Upload): Promise<Upload> {
    const { context, creation, caller } = this.#deps
    const { signal } = caller
    if (creation === undefined) throw new PeerbinError('internal', 'nothing to create')
    const file = { keys: uploadKeys(upload.id), ...creation }
    await context.resumable.open(file, { plan: encodePlan(creation.plan), role: ROLE, signal })
    context.history.began(file.keys.upload)
    this.#file = file
    this.#expiresAt = context.clock.now() + this.getExpiration()
    this.#upload = this.#standing(upload.id, 0)
    return upload
  }

  /** @throws `upload-unknown`, `upload-gone`; why the caller may not reach it; and what ends an upload of which everything is there */
  override async getUpload(id: string): Promise<Upload> {
    if (this.#upload !== undefined) return this.#upload
    const { context, caller } = this.#deps
    const { resumable, clock } = context
    const keys = uploadKeys(id)
    const { found, now } = await this.#find(keys)
    if (found.state !== 'open') {
      const ended = await resumable.ended(keys, found, caller.signal)
      if (ended === undefined) throw new PeerbinError('upload-gone')
      return this.#finished(id, ended)
    }
    const { name, mediaType, sizeBytes } = found
    const plan = decodePlan(found.plan)
    this.#file = { keys, name, mediaType, plan }
    this.#skewMs = clock.now() - now
    this.#expiresAt = found.expiresAt + this.#skewMs
    // an offset at the end would be taken for a file that has its link
    if (sizeBytes === plan.lengthBytes && !this.#deps.looksOnly) {
      const file = this.#file
      return this.#finished(
        id,
        await this.#noted(
          file,
          () => resumable.end(file, caller.signal),
          (ended) => ended
        )
      )
    }
    return this.#standing(id, sizeBytes)
  }

  /** Answers the offset that the upload has then. */
  override async write(stream: AsyncIterable<Uint8Array>, id: string, offset: number): Promise<number> {
    const { context, checksum, declaredBytes, caller } = this.#deps
    const { signal } = caller
    if (this.#hasEnded) return offset // it was complete before
    if (this.#file === undefined) throw new PeerbinError('internal', 'nobody asked where the upload stands')
    const source = checksum?.watch(stream) ?? stream
    const verify = checksum && (() => checksum.verify())
    const part = { offset, source, declaredBytes, verify, signal }
    const file = this.#file
    const appended = await this.#noted(
      file,
      () => context.resumable.append(file, part),
      ({ ended }) => ended
    )
    this.#end(appended.ended)
    this.#expiresAt = appended.expiresAt + this.#skewMs
    this.#upload = this.#standing(id, appended.sizeBytes)
    return appended.sizeBytes
  }

  /** Notes the upload in the history if this brings it to its end, good or bad. */
  async #noted<T>(
    { keys, name, plan }: PlannedFile,
    work: () => Promise<T>,
    endOf: (done: T) => Ended | undefined
  ): Promise<T> {
    // of a pool its members are told otherwise, when the batch is committed
    if (plan.sender !== undefined) return await work()
    const { caller } = this.#deps
    const path = plan.entry?.path ?? name
    try {
      const done = await work()
      const ended = endOf(done)
      if (ended !== undefined) caller.noteEnd(keys.upload, ended, path)
      return done
    } catch (error) {
      caller.noteFailure(keys.upload, { path, bytes: plan.lengthBytes }, error)
      throw error
    }
  }

  /** For a creation that failed after all: its address was told to nobody, so that nobody could go on with what is there, or give it up. Never rejects. */
  async forsake(): Promise<void> {
    if (this.#file === undefined) return
    const { upload } = this.#file.keys
    const { resumable, logger } = this.#deps.context
    try {
      await resumable.abandon(this.#file.keys)
    } catch (error) {
      const { code } = asPeerbinError(error)
      logger.info('an upload was left to end by itself', { upload, code })
    }
  }

  override async remove(id: string): Promise<void> {
    const { context, caller } = this.#deps
    const keys = uploadKeys(id)
    await this.#find(keys)
    await context.resumable.abandon(keys, caller.signal)
  }

  /** What is known of an upload, told to whoever may reach it. @throws `upload-unknown`, `upload-gone`; what TusCaller.admit does */
  async #find(keys: UploadKeys): Promise<{ found: FoundUpload; now: number }> {
    const { context, caller } = this.#deps
    const { found, now } = await context.resumable.find(keys, caller.signal)
    if (found === null) throw new PeerbinError('upload-unknown')
    if (found.state === 'abandoned') throw new PeerbinError('upload-gone')
    if (found.state === 'open') {
      const { sender, entry } = decodePlan(found.plan)
      if (sender === undefined) await caller.admit(entry?.user)
      else await caller.admit(sender, 'pools')
    } else if (found.entry === undefined) await caller.admit(undefined)
    else {
      const entry = await caller.admitToEntry(found.entry)
      if (entry === undefined) throw new PeerbinError('upload-gone')
      this.path = entry.path
    }
    return { found, now }
  }

  /** The library counts the expiry from the creation; ours moves with what comes. */
  #standing(id: string, offset: number): Upload {
    const plan = this.#file?.plan
    const createdAt = (this.#expiresAt ?? 0) - this.getExpiration()
    return new Upload({
      id,
      offset,
      ...(plan !== undefined && { size: plan.lengthBytes, metadata: plan.given }),
      creation_date: new Date(createdAt).toISOString()
    })
  }

  #end(ended: Ended | undefined): void {
    this.result = ended?.result
    this.stored = ended?.stored
  }

  #finished(id: string, ended: Ended): Upload {
    this.#end(ended)
    const { sizeBytes } = ended.result?.file ?? ended.stored ?? { sizeBytes: 0 }
    return new Upload({ id, offset: sizeBytes, size: sizeBytes })
  }
}
