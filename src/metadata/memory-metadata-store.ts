/**
 * The reference model: what the metadata must do, in Maps. Every call runs to its end before the next, so each is one atomic step. Used by tests, the
 * simulator and clusters that live in one process only.
 */

import { PeerbinError } from '../errors.ts'
import type { EventWatch, MetadataStore } from '../metadata-store.ts'
import { WrittenEvents } from './written-events.ts'
import * as blocks from './memory/blocks.ts'
import * as cluster from './memory/cluster.ts'
import * as entries from './memory/entries.ts'
import * as entryPaths from './memory/entry-paths.ts'
import * as entrySettle from './memory/entry-settle.ts'
import * as events from './memory/events.ts'
import * as garbage from './memory/garbage.ts'
import * as history from './memory/history.ts'
import * as inventory from './memory/inventory.ts'
import * as invites from './memory/invites.ts'
import * as links from './memory/links.ts'
import * as recovery from './memory/recovery.ts'
import * as resume from './memory/resume.ts'
import * as poolBatches from './memory/pool-batches.ts'
import { commitBatch } from './memory/pool-commit.ts'
import * as poolMembers from './memory/pool-members.ts'
import * as poolRows from './memory/pool-rows.ts'
import * as poolGroups from './memory/pool-groups.ts'
import * as poolLeases from './memory/pool-leases.ts'
import * as poolSettle from './memory/pool-settle.ts'
import * as pools from './memory/pools.ts'
import * as repair from './memory/repair.ts'
import * as sessions from './memory/sessions.ts'
import * as shares from './memory/shares.ts'
import { moveFolder } from './memory/folder-move.ts'
import { usedByUsers, usedSpace } from './memory/space.ts'
import { emptyState } from './memory/state.ts'
import type { State } from './memory/state.ts'
import * as sent from './memory/sent.ts'
import * as suspension from './memory/suspension.ts'
import * as uploads from './memory/uploads.ts'
import * as users from './memory/users.ts'
import * as versions from './memory/versions.ts'
import * as webhooks from './memory/webhooks.ts'

/** An operation on the state, as the files in memory/ have them. */
type Operation<A extends unknown[], R> = (state: State, ...args: A) => R

export class MemoryMetadataStore implements MetadataStore {
  readonly durable = false
  readonly #state: State = emptyState()
  #isOpen = false
  readonly #written = new WrittenEvents()
  readonly eventWatch: EventWatch = this.#written

  async open(): Promise<void> {
    this.#isOpen = true
  }

  /** What was recorded stays until the object is gone, so that a test can open it again. */
  async close(): Promise<void> {
    this.#isOpen = false
  }

  #step<A extends unknown[], R>(operation: Operation<A, R>): (...args: A) => Promise<R> {
    return async (...args) => {
      if (!this.#isOpen) throw new PeerbinError('shutting-down', 'the metadata store is not open')
      const answer = operation(this.#state, ...args)
      this.#written.reached(this.#state.eventSeq)
      return answer
    }
  }

  readonly advanceTerm = this.#step(cluster.advanceTerm)
  readonly advanceTime = this.#step(cluster.advanceTime)
  readonly raiseCounters = this.#step(cluster.raiseCounters)
  readonly lastGeneration = this.#step(cluster.lastGeneration)
  readonly writeSetting = this.#step(cluster.writeSetting)
  readonly readSetting = this.#step(cluster.readSetting)
  readonly recordNodes = this.#step(cluster.recordNodes)
  readonly listNodes = this.#step(cluster.listNodes)
  readonly decideNode = this.#step(cluster.decideNode)
  readonly listDecisions = this.#step(cluster.listDecisions)
  readonly forgetNode = this.#step(cluster.forgetNode)

  readonly openUpload = this.#step(uploads.openUpload)
  readonly reserveChunk = this.#step(uploads.reserveChunk)
  readonly recordReceipts = this.#step(uploads.recordReceipts)
  readonly commitUpload = this.#step(uploads.commitUpload)
  readonly abandonUpload = this.#step(uploads.abandonUpload)
  readonly findUpload = this.#step(resume.findUpload)
  readonly resumeUpload = this.#step(resume.resumeUpload)
  readonly checkpointUpload = this.#step(resume.checkpointUpload)
  readonly listUploadChunks = this.#step(resume.listUploadChunks)
  readonly listStaleUploads = this.#step(uploads.listStaleUploads)
  readonly listLacking = this.#step(uploads.listLacking)

  readonly getFile = this.#step(repair.getFile)
  readonly listFileChunks = this.#step(repair.listFileChunks)

  readonly getEntry = this.#step(entries.getEntry)
  readonly findEntry = this.#step(entries.findEntry)
  readonly getVersion = this.#step(entries.getVersion)
  readonly listEntries = this.#step(entries.listEntries)
  readonly listFolders = this.#step(entryPaths.listFolders)
  readonly listVersions = this.#step(entries.listVersions)
  readonly moveEntry = this.#step(entries.moveEntry)
  readonly moveFolder = this.#step(moveFolder)
  readonly changeEntry = this.#step(entries.changeEntry)
  readonly restoreVersion = this.#step(versions.restoreVersion)
  readonly deleteVersion = this.#step(versions.deleteVersion)
  readonly pruneVersions = this.#step(versions.pruneVersions)
  readonly deleteEntry = this.#step(versions.deleteEntry)
  readonly shareEntry = this.#step(shares.shareEntry)
  readonly listShares = this.#step(shares.listShares)
  readonly findShare = this.#step(shares.findShare)
  readonly settleEntries = this.#step(entrySettle.settleEntries)
  readonly settleStatuses = this.#step(entrySettle.settleStatuses)
  readonly usedSpace = this.#step(usedSpace)
  readonly usedByUsers = this.#step(usedByUsers)

  readonly reserveBlock = this.#step(blocks.reserveBlock)
  readonly stageBlock = this.#step(blocks.stageBlock)
  readonly ownedBlocks = this.#step(blocks.ownedBlocks)
  readonly takeBlocks = this.#step(blocks.takeBlocks)
  readonly releaseBlocks = this.#step(blocks.releaseBlocks)
  readonly settleBlocks = this.#step(blocks.settleBlocks)
  readonly findCommitted = this.#step(blocks.findCommitted)

  readonly findLink = this.#step(links.findLink)
  readonly claimLink = this.#step(links.claimLink)
  readonly findClaim = this.#step(links.findClaim)
  readonly reportClaim = this.#step(links.reportClaim)
  readonly releaseClaim = this.#step(links.releaseClaim)
  readonly revokeLink = this.#step(links.revokeLink)
  readonly findSentLink = this.#step(sent.findSentLink)
  readonly listClaims = this.#step(sent.listClaims)
  readonly extendLink = this.#step(sent.extendLink)
  readonly suspendLinks = this.#step(suspension.suspendLinks)
  readonly resumeLinks = this.#step(suspension.resumeLinks)
  readonly listSuspended = this.#step(suspension.listSuspended)

  readonly settleLinks = this.#step(garbage.settleLinks)
  readonly condemnChunks = this.#step(garbage.condemnChunks)
  readonly listOrders = this.#step(garbage.listOrders)
  readonly listOrderPeers = this.#step(garbage.listOrderPeers)
  readonly confirmOrders = this.#step(garbage.confirmOrders)
  readonly purgeTombstones = this.#step(garbage.purgeTombstones)

  readonly listOwed = this.#step(repair.listOwed)
  readonly dropCopy = this.#step(repair.dropCopy)
  readonly listChunks = this.#step(repair.listChunks)
  readonly findChunk = this.#step(repair.findChunk)
  readonly trimCopy = this.#step(repair.trimCopy)
  readonly noteReads = this.#step(repair.noteReads)
  readonly stats = this.#step(repair.stats)

  readonly summarizeCopies = this.#step(inventory.summarizeCopies)
  readonly confirmCopies = this.#step(inventory.confirmCopies)
  readonly listCopies = this.#step(inventory.listCopies)
  readonly reconcileHeld = this.#step(inventory.reconcileHeld)
  readonly countUnknown = this.#step(inventory.countUnknown)
  readonly orderUnknown = this.#step(inventory.orderUnknown)
  readonly orderStale = this.#step(inventory.orderStale)

  readonly adoptFile = this.#step(recovery.adoptFile)
  readonly knownChunks = this.#step(recovery.knownChunks)
  readonly orderedChunks = this.#step(recovery.orderedChunks)

  readonly createUser = this.#step(users.createUser)
  readonly getUser = this.#step(users.getUser)
  readonly findUser = this.#step(users.findUser)
  readonly listUsers = this.#step(users.listUsers)
  readonly changeUser = this.#step(users.changeUser)
  readonly replacePassword = this.#step(users.replacePassword)
  readonly hasAdmin = this.#step(users.hasAdmin)

  readonly createSession = this.#step(sessions.createSession)
  readonly createKey = this.#step(sessions.createKey)
  readonly findSessions = this.#step(sessions.findSessions)
  readonly noteUses = this.#step(sessions.noteUses)
  readonly listSessions = this.#step(sessions.listSessions)
  readonly endSession = this.#step(sessions.endSession)
  readonly endSessions = this.#step(sessions.endSessions)
  readonly endAllSessions = this.#step(sessions.endAllSessions)

  readonly createInvite = this.#step(invites.createInvite)
  readonly findInvite = this.#step(invites.findInvite)
  readonly listInvites = this.#step(invites.listInvites)
  readonly deleteInvite = this.#step(invites.deleteInvite)
  readonly purgeAccounts = this.#step(invites.purgeAccounts)
  readonly recordHistory = this.#step(history.recordHistory)
  readonly listHistory = this.#step(history.listHistory)
  readonly findLinked = this.#step(history.findLinked)
  readonly locateEntry = this.#step(history.locateEntry)
  readonly trimHistory = this.#step(history.trimHistory)
  readonly purgeHistory = this.#step(history.purgeHistory)

  readonly listEvents = this.#step(events.listEvents)
  readonly tailEvents = this.#step(events.tailEvents)
  readonly eventsEpoch = this.#step(events.eventsEpoch)
  readonly renewEventsEpoch = this.#step(events.renewEventsEpoch)
  readonly purgeEvents = this.#step(events.purgeEvents)
  readonly trimEvents = this.#step(events.trimEvents)
  readonly createWebhook = this.#step(webhooks.createWebhook)
  readonly getWebhook = this.#step(webhooks.getWebhook)
  readonly listWebhooks = this.#step(webhooks.listWebhooks)
  readonly changeWebhook = this.#step(webhooks.changeWebhook)
  readonly deleteWebhook = this.#step(webhooks.deleteWebhook)
  readonly nextWebhookAt = this.#step(webhooks.nextWebhookAt)
  readonly leaseWebhooks = this.#step(webhooks.leaseWebhooks)
  readonly settleDelivery = this.#step(webhooks.settleDelivery)
  readonly releaseWebhook = this.#step(webhooks.releaseWebhook)
  readonly noteAttempt = this.#step(webhooks.noteAttempt)
  readonly listAttempts = this.#step(webhooks.listAttempts)
  readonly listDeadLetters = this.#step(webhooks.listDeadLetters)
  readonly rewindWebhook = this.#step(webhooks.rewindWebhook)
  readonly replayEvents = this.#step(webhooks.replayEvents)

  readonly createPool = this.#step(pools.createPool)
  readonly getPool = this.#step(pools.getPool)
  readonly listPools = this.#step(pools.listPools)
  readonly changePool = this.#step(pools.changePool)
  readonly getMembership = this.#step(poolRows.getMembership)
  readonly listMembers = this.#step(poolMembers.listMembers)
  readonly joinPool = this.#step(poolMembers.joinPool)
  readonly changeMember = this.#step(poolMembers.changeMember)
  readonly removeMember = this.#step(poolMembers.removeMember)
  readonly createJoinKey = this.#step(poolMembers.createJoinKey)
  readonly findJoinKey = this.#step(poolMembers.findJoinKey)
  readonly listJoinKeys = this.#step(poolMembers.listJoinKeys)
  readonly deleteJoinKey = this.#step(poolMembers.deleteJoinKey)

  readonly openBatch = this.#step(poolBatches.openBatch)
  readonly declareFiles = this.#step(poolBatches.declareFiles)
  readonly getBatch = this.#step(poolBatches.getBatch)
  readonly listBatchFiles = this.#step(poolBatches.listBatchFiles)
  readonly commitBatch = this.#step(commitBatch)
  readonly abandonBatch = this.#step(poolBatches.abandonBatch)
  readonly getGroup = this.#step(poolGroups.getGroup)
  readonly listGroups = this.#step(poolGroups.listGroups)
  readonly listGroupFiles = this.#step(poolGroups.listGroupFiles)
  readonly getGroupFile = this.#step(poolGroups.getGroupFile)
  readonly listGroupProducers = this.#step(poolGroups.listGroupProducers)
  readonly closeGroup = this.#step(poolGroups.closeGroup)
  readonly leaseGroup = this.#step(poolLeases.leaseGroup)
  readonly findLease = this.#step(poolLeases.findLease)
  readonly renewLease = this.#step(poolLeases.renewLease)
  readonly finishGroup = this.#step(poolLeases.finishGroup)
  readonly failGroup = this.#step(poolLeases.failGroup)
  readonly retryGroup = this.#step(poolLeases.retryGroup)
  readonly nextPoolsAt = this.#step(poolSettle.nextPoolsAt)
  readonly settlePools = this.#step(poolSettle.settlePools)
}
