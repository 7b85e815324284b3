/** What the metadata did with uploads of users: nothing becomes visible that nobody sent, or that too few disks hold. */

import type { CommitUpload, ReserveChunk, TakeBlocks } from '../../../src/metadata-store.ts'
import type { ChunkId, FileRecord, UploadId } from '../../../src/types.ts'
import type { Checks } from '../checks.ts'
import { ViolationError } from '../ledger.ts'
import type { UsersLedger } from './users-ledger.ts'

export class Commits {
  readonly #users: UsersLedger
  readonly #checks: Checks
  /** Chunks of uploads, by their index: whoever sends a file by parts cuts it as they come. */
  readonly #cut = new Map<UploadId, Map<number, ChunkId>>()
  readonly #committed = new Set<string>()

  constructor(users: UsersLedger, checks: Checks) {
    this.#users = users
    this.#checks = checks
  }

  /** @throws D */
  observe(operation: string, args: readonly unknown[], answer: unknown): void {
    if (operation === 'reserveChunk') this.#reserved(args[0] as ReserveChunk)
    if (operation === 'takeBlocks') {
      const { upload, from, blocks } = args[0] as TakeBlocks
      for (const [at, { chunk }] of blocks.entries()) this.#reserved({ upload, index: from + at, chunk })
    }
    if (operation === 'commitUpload') this.#became(args[0] as CommitUpload, answer as FileRecord)
  }

  #reserved({ upload, index, chunk }: Pick<ReserveChunk, 'upload' | 'index' | 'chunk'>): void {
    const cut = this.#cut.get(upload) ?? new Map<number, ChunkId>()
    this.#cut.set(upload, cut.set(index, chunk))
  }

  #became(commit: CommitUpload, file: FileRecord): void {
    if (commit.entry === undefined) return
    const written = this.#users.findWritten(commit.sha256)
    if (written === undefined || written.user.id !== commit.entry.user)
      throw new ViolationError('D', `a version of ${file.sizeBytes} bytes became visible that nobody sent`)
    if (file.sizeBytes !== written.content.byteLength)
      throw new ViolationError('D', `content ${written.index} became visible with ${file.sizeBytes} bytes`)
    if (this.#committed.has(commit.file)) return // a repeat, whose file may be gone by now
    this.#committed.add(commit.file)
    const cut = this.#cut.get(commit.upload)
    const chunks = Array.from({ length: commit.chunkCount }, (_, index) => cut?.get(index))
    written.manifest = file.manifest
    written.chunks = chunks.filter((chunk) => chunk !== undefined)
    this.#checks.promised(`content ${written.index}`, [...written.chunks, file.manifest])
  }
}
