/**
 * Metadata in one SQLite file (WAL, synchronous FULL), held by one process. What an operation does stands in operations/, in SQL that PostgreSQL shares;
 * here is only how they run: writes that wait in one transaction, reads in between.
 */

import { rmSync } from 'node:fs'
import type { Kysely } from 'kysely'
import { PeerbinError } from '../errors.ts'
import type { Logger } from '../interfaces.ts'
import type { EventWatch, MetadataStore, SnapshotSource } from '../metadata-store.ts'
import * as blocks from './operations/blocks.ts'
import * as claims from './operations/claims.ts'
import * as cluster from './operations/cluster.ts'
import { commitUpload } from './operations/commit.ts'
import * as entries from './operations/entries.ts'
import { listEntries } from './operations/entry-list.ts'
import { deleteEntry } from './operations/entry-removal.ts'
import * as entrySettle from './operations/entry-settle.ts'
import * as events from './operations/events.ts'
import * as files from './operations/files.ts'
import * as garbage from './operations/garbage.ts'
import * as history from './operations/history.ts'
import * as inventory from './operations/inventory.ts'
import * as invites from './operations/invites.ts'
import { listLacking } from './operations/lacking.ts'
import * as links from './operations/links.ts'
import * as nodes from './operations/nodes.ts'
import { recordReceipts } from './operations/receipts.ts'
import * as paths from './operations/paths.ts'
import * as reconcile from './operations/reconcile.ts'
import * as resume from './operations/resume.ts'
import * as recovery from './operations/recovery.ts'
import * as poolBatches from './operations/pool-batches.ts'
import { commitBatch } from './operations/pool-commit.ts'
import { declareFiles } from './operations/pool-declare.ts'
import * as poolJoining from './operations/pool-joining.ts'
import * as poolMembers from './operations/pool-members.ts'
import * as poolRows from './operations/pool-rows.ts'
import * as poolGroups from './operations/pool-groups.ts'
import * as poolLeases from './operations/pool-leases.ts'
import * as poolSettle from './operations/pool-settle.ts'
import * as pools from './operations/pools.ts'
import * as repair from './operations/repair.ts'
import * as sent from './operations/sent.ts'
import * as sessions from './operations/sessions.ts'
import { settleLinks } from './operations/settle.ts'
import { createKey, createSession } from './operations/sign-in.ts'
import * as shares from './operations/shares.ts'
import { moveFolder } from './operations/folder-move.ts'
import { usedByUsers, usedSpace } from './operations/space.ts'
import { stats } from './operations/stats.ts'
import * as suspension from './operations/suspension.ts'
import { purgeTombstones } from './operations/tombstones.ts'
import * as unknown from './operations/unknown.ts'
import * as uploads from './operations/uploads.ts'
import * as users from './operations/users.ts'
import * as versions from './operations/versions.ts'
import * as webhookLeases from './operations/webhook-leases.ts'
import * as webhooks from './operations/webhooks.ts'
import type { Schema } from './schema.ts'
import { GroupCommit } from './sqlite/group-commit.ts'
import { IN_MEMORY, numberOf, openDatabase } from './sqlite/open-database.ts'
import type { OpenDatabase } from './sqlite/open-database.ts'
import { WrittenEvents } from './written-events.ts'
import { CHANGES_WAITING_BYTES_MAX, SqliteSnapshotSource, copyOf } from './sqlite/snapshot-source.ts'

/** An operation on the tables, as the files in operations/ have them. */
type Operation<A extends unknown[], R> = (db: Kysely<Schema>, ...args: A) => Promise<R>

export interface SqliteMetadataStoreDeps {
  /** Path of the file, made when it is not there, or `:memory:`. */
  readonly file: string
  /** Operations that may wait; more are turned away with `busy`. */
  readonly operationsWaitingMax: number
  readonly logger: Logger
  /**
   * Called once when a write or fsync failed, so that the file is in doubt: every operation rejects with `store-failed` from then on, and the process
   * should end. A full disk is not such a failure.
   */
  readonly onFailure?: (failure: PeerbinError) => void
  /** Changes of snapshots that may wait to be taken (sqlite/snapshot-source.ts). */
  readonly changesWaitingBytesMax?: number
}

const NEWEST_EVENT = `select value from meta where key = 'events'`

type Opened = OpenDatabase & { commits: GroupCommit; source: SqliteSnapshotSource }

export class SqliteMetadataStore implements MetadataStore {
  readonly durable: boolean
  readonly #deps: SqliteMetadataStoreDeps
  #opening: Promise<void> | undefined
  #opened: Opened | undefined
  readonly #written = new WrittenEvents()
  readonly eventWatch: EventWatch = this.#written

  constructor(deps: SqliteMetadataStoreDeps) {
    this.#deps = deps
    this.durable = deps.file !== IN_MEMORY
  }

  /**
   * Idempotent.
   * @throws `data-in-use`, `data-incompatible` (damaged, not ours, or of a newer program), `store-failed`
   */
  open(): Promise<void> {
    this.#opening ??= this.#open()
    return this.#opening
  }

  async #open(): Promise<void> {
    const { file, operationsWaitingMax, logger } = this.#deps
    const { changesWaitingBytesMax = CHANGES_WAITING_BYTES_MAX } = this.#deps
    try {
      const opened = await openDatabase(file)
      const commits = new GroupCommit({
        database: opened.database,
        waitingMax: operationsWaitingMax,
        logger,
        onFailure: (failure) => this.#deps.onFailure?.(failure),
        onCommitted: () => {
          this.#opened?.source.committed()
          if (this.#written.isWatched) this.#written.reached(numberOf(opened.database, NEWEST_EVENT))
        }
      })
      rmSync(copyOf(file), { force: true }) // of a process that died while it took a copy
      const source = new SqliteSnapshotSource({ ...opened, file, commits, changesWaitingBytesMax })
      this.#opened = { ...opened, commits, source }
    } catch (error) {
      this.#opening = undefined // it may be tried again
      throw error
    }
  }

  /** Does what waits, then lets go of the file. Idempotent. */
  async close(): Promise<void> {
    const opened = this.#opened
    if (opened === undefined) return
    await opened.commits.close()
    await opened.source.stop()
    if (this.#opened !== opened) return // another call was first
    this.#opened = undefined
    this.#opening = undefined
    await opened.db.destroy()
    opened.database.close()
    opened.source.release()
  }

  /** Of whichever opening is present when it is asked. */
  readonly snapshots: SnapshotSource = {
    base: () => this.#using.source.base(),
    changes: async () => await this.#using.source.changes()
  }

  #write<A extends unknown[], R>(operation: Operation<A, R>): (...args: A) => Promise<R> {
    return async (...args) => {
      const { commits, db } = this.#using
      return await commits.write(() => operation(db, ...args))
    }
  }

  #read<A extends unknown[], R>(operation: Operation<A, R>): (...args: A) => Promise<R> {
    return async (...args) => {
      const { commits, db } = this.#using
      return await commits.read(() => operation(db, ...args))
    }
  }

  get #using(): Opened {
    if (this.#opened === undefined) throw new PeerbinError('shutting-down', 'the metadata store is not open')
    return this.#opened
  }

  readonly advanceTerm = this.#write(cluster.advanceTerm)
  readonly advanceTime = this.#write(cluster.advanceTime)
  readonly raiseCounters = this.#write(cluster.raiseCounters)
  readonly lastGeneration = this.#read(cluster.lastGeneration)
  readonly writeSetting = this.#write(cluster.writeSetting)
  readonly readSetting = this.#read(cluster.readSetting)
  readonly recordNodes = this.#write(nodes.recordNodes)
  readonly listNodes = this.#read(nodes.listNodes)
  readonly decideNode = this.#write(nodes.decideNode)
  readonly listDecisions = this.#read(nodes.listDecisions)
  readonly forgetNode = this.#write(nodes.forgetNode)

  readonly openUpload = this.#write(uploads.openUpload)
  readonly reserveChunk = this.#write(uploads.reserveChunk)
  readonly recordReceipts = this.#write(recordReceipts)
  readonly commitUpload = this.#write(commitUpload)
  readonly abandonUpload = this.#write(uploads.abandonUpload)
  readonly findUpload = this.#read(resume.findUpload)
  readonly resumeUpload = this.#write(resume.resumeUpload)
  readonly checkpointUpload = this.#write(resume.checkpointUpload)
  readonly listUploadChunks = this.#read(resume.listUploadChunks)
  readonly listStaleUploads = this.#read(uploads.listStaleUploads)
  readonly listLacking = this.#read(listLacking)

  readonly getFile = this.#read(files.getFile)
  readonly listFileChunks = this.#read(files.listFileChunks)

  readonly getEntry = this.#read(entries.getEntry)
  readonly findEntry = this.#read(entries.findEntry)
  readonly getVersion = this.#read(entries.getVersion)
  readonly listEntries = this.#read(listEntries)
  readonly listFolders = this.#read(paths.listFolders)
  readonly listVersions = this.#read(entries.listVersions)
  readonly moveEntry = this.#write(entries.moveEntry)
  readonly moveFolder = this.#write(moveFolder)
  readonly changeEntry = this.#write(entries.changeEntry)
  readonly restoreVersion = this.#write(versions.restoreVersion)
  readonly deleteVersion = this.#write(versions.deleteVersion)
  readonly pruneVersions = this.#write(versions.pruneVersions)
  readonly deleteEntry = this.#write(deleteEntry)
  readonly shareEntry = this.#write(shares.shareEntry)
  readonly listShares = this.#read(shares.listShares)
  readonly findShare = this.#read(shares.findShare)
  readonly settleEntries = this.#write(entrySettle.settleEntries)
  readonly settleStatuses = this.#write(entrySettle.settleStatuses)
  readonly usedSpace = this.#read(usedSpace)
  readonly usedByUsers = this.#read(usedByUsers)

  readonly reserveBlock = this.#write(blocks.reserveBlock)
  readonly stageBlock = this.#write(blocks.stageBlock)
  readonly ownedBlocks = this.#write(blocks.ownedBlocks)
  readonly takeBlocks = this.#write(blocks.takeBlocks)
  readonly releaseBlocks = this.#write(blocks.releaseBlocks)
  readonly settleBlocks = this.#write(blocks.settleBlocks)
  readonly findCommitted = this.#read(blocks.findCommitted)

  readonly findLink = this.#read(links.findLink)
  readonly claimLink = this.#write(claims.claimLink)
  readonly findClaim = this.#read(claims.findClaim)
  readonly reportClaim = this.#write(claims.reportClaim)
  readonly releaseClaim = this.#write(claims.releaseClaim)
  readonly revokeLink = this.#write(links.revokeLink)
  readonly findSentLink = this.#read(sent.findSentLink)
  readonly listClaims = this.#read(sent.listClaims)
  readonly extendLink = this.#write(sent.extendLink)
  readonly suspendLinks = this.#write(suspension.suspendLinks)
  readonly resumeLinks = this.#write(suspension.resumeLinks)
  readonly listSuspended = this.#read(suspension.listSuspended)

  readonly settleLinks = this.#write(settleLinks)
  readonly condemnChunks = this.#write(garbage.condemnChunks)
  readonly listOrders = this.#read(garbage.listOrders)
  readonly listOrderPeers = this.#read(garbage.listOrderPeers)
  readonly confirmOrders = this.#write(garbage.confirmOrders)
  readonly purgeTombstones = this.#write(purgeTombstones)

  readonly listOwed = this.#read(repair.listOwed)
  readonly dropCopy = this.#write(repair.dropCopy)
  readonly listChunks = this.#read(repair.listChunks)
  readonly findChunk = this.#read(repair.findChunk)
  readonly trimCopy = this.#write(repair.trimCopy)
  readonly noteReads = this.#write(repair.noteReads)
  readonly stats = this.#read(stats)

  readonly summarizeCopies = this.#read(inventory.summarizeCopies)
  readonly confirmCopies = this.#write(inventory.confirmCopies)
  readonly listCopies = this.#read(inventory.listCopies)
  readonly reconcileHeld = this.#write(reconcile.reconcileHeld)
  readonly countUnknown = this.#write(unknown.countUnknown)
  readonly orderUnknown = this.#write(unknown.orderUnknown)
  readonly orderStale = this.#write(reconcile.orderStale)

  readonly adoptFile = this.#write(recovery.adoptFile)
  readonly knownChunks = this.#read(recovery.knownChunks)
  readonly orderedChunks = this.#read(recovery.orderedChunks)

  readonly createUser = this.#write(users.createUser)
  readonly getUser = this.#read(users.getUser)
  readonly findUser = this.#read(users.findUser)
  readonly listUsers = this.#read(users.listUsers)
  readonly changeUser = this.#write(users.changeUser)
  readonly replacePassword = this.#write(users.replacePassword)
  readonly hasAdmin = this.#read(users.hasAdmin)

  readonly createSession = this.#write(createSession)
  readonly createKey = this.#write(createKey)
  readonly findSessions = this.#read(sessions.findSessions)
  readonly noteUses = this.#write(sessions.noteUses)
  readonly listSessions = this.#read(sessions.listSessions)
  readonly endSession = this.#write(sessions.endSession)
  readonly endSessions = this.#write(sessions.endSessions)
  readonly endAllSessions = this.#write(sessions.endAllSessions)

  readonly createInvite = this.#write(invites.createInvite)
  readonly findInvite = this.#read(invites.findInvite)
  readonly listInvites = this.#read(invites.listInvites)
  readonly deleteInvite = this.#write(invites.deleteInvite)
  readonly purgeAccounts = this.#write(invites.purgeAccounts)
  readonly recordHistory = this.#write(history.recordHistory)
  readonly listHistory = this.#read(history.listHistory)
  readonly findLinked = this.#read(history.findLinked)
  readonly locateEntry = this.#read(history.locateEntry)
  readonly trimHistory = this.#write(history.trimHistory)
  readonly purgeHistory = this.#write(history.purgeHistory)

  readonly listEvents = this.#read(events.listEvents)
  readonly tailEvents = this.#read(events.tailEvents)
  readonly eventsEpoch = this.#read(events.eventsEpoch)
  readonly renewEventsEpoch = this.#write(events.renewEventsEpoch)
  readonly purgeEvents = this.#write(events.purgeEvents)
  readonly trimEvents = this.#write(events.trimEvents)
  readonly createWebhook = this.#write(webhooks.createWebhook)
  readonly getWebhook = this.#read(webhooks.getWebhook)
  readonly listWebhooks = this.#read(webhooks.listWebhooks)
  readonly changeWebhook = this.#write(webhooks.changeWebhook)
  readonly deleteWebhook = this.#write(webhooks.deleteWebhook)
  readonly nextWebhookAt = this.#read(webhookLeases.nextWebhookAt)
  readonly leaseWebhooks = this.#write(webhookLeases.leaseWebhooks)
  readonly settleDelivery = this.#write(webhookLeases.settleDelivery)
  readonly releaseWebhook = this.#write(webhookLeases.releaseWebhook)
  readonly noteAttempt = this.#write(webhooks.noteAttempt)
  readonly listAttempts = this.#read(webhooks.listAttempts)
  readonly listDeadLetters = this.#read(webhooks.listDeadLetters)
  readonly rewindWebhook = this.#write(webhooks.rewindWebhook)
  readonly replayEvents = this.#write(webhooks.replayEvents)

  readonly createPool = this.#write(pools.createPool)
  readonly getPool = this.#read(pools.getPool)
  readonly listPools = this.#read(pools.listPools)
  readonly changePool = this.#write(pools.changePool)
  readonly getMembership = this.#read(poolRows.getMembership)
  readonly listMembers = this.#read(poolMembers.listMembers)
  readonly joinPool = this.#write(poolJoining.joinPool)
  readonly changeMember = this.#write(poolMembers.changeMember)
  readonly removeMember = this.#write(poolMembers.removeMember)
  readonly createJoinKey = this.#write(poolJoining.createJoinKey)
  readonly findJoinKey = this.#read(poolJoining.findJoinKey)
  readonly listJoinKeys = this.#read(poolJoining.listJoinKeys)
  readonly deleteJoinKey = this.#write(poolJoining.deleteJoinKey)

  readonly openBatch = this.#write(poolBatches.openBatch)
  readonly declareFiles = this.#write(declareFiles)
  readonly getBatch = this.#read(poolBatches.getBatch)
  readonly listBatchFiles = this.#read(poolBatches.listBatchFiles)
  readonly commitBatch = this.#write(commitBatch)
  readonly abandonBatch = this.#write(poolBatches.abandonBatch)
  readonly getGroup = this.#read(poolGroups.getGroup)
  readonly listGroups = this.#read(poolGroups.listGroups)
  readonly listGroupFiles = this.#read(poolGroups.listGroupFiles)
  readonly getGroupFile = this.#read(poolGroups.getGroupFile)
  readonly listGroupProducers = this.#read(poolGroups.listGroupProducers)
  readonly closeGroup = this.#write(poolGroups.closeGroup)
  readonly leaseGroup = this.#write(poolLeases.leaseGroup)
  readonly findLease = this.#read(poolLeases.findLease)
  readonly renewLease = this.#write(poolLeases.renewLease)
  readonly finishGroup = this.#write(poolLeases.finishGroup)
  readonly failGroup = this.#write(poolLeases.failGroup)
  readonly retryGroup = this.#write(poolLeases.retryGroup)
  readonly nextPoolsAt = this.#read(poolSettle.nextPoolsAt)
  readonly settlePools = this.#write(poolSettle.settlePools)
}
