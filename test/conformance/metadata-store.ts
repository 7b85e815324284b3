/** What every MetadataStore must hold: `testMetadataStore(t, makeStore)`, one line for an implementation. */

import type { Test } from 'tap'
import { testAbandon } from './metadata-abandon.ts'
import { testBatches } from './metadata-batches.ts'
import { testBlocks } from './metadata-blocks.ts'
import { testBoots } from './metadata-boots.ts'
import { testClaims } from './metadata-claims.ts'
import { testCluster } from './metadata-cluster.ts'
import { testEntries } from './metadata-entries.ts'
import { testEvents } from './metadata-events.ts'
import { testFilling } from './metadata-filling.ts'
import { testFolders } from './metadata-folders.ts'
import type { MakeStore } from './metadata-fixture.ts'
import { testFiles } from './metadata-files.ts'
import { testGarbage } from './metadata-garbage.ts'
import { testGroups } from './metadata-groups.ts'
import { testHistory } from './metadata-history.ts'
import { testInventory } from './metadata-inventory.ts'
import { testLinks } from './metadata-links.ts'
import { testNodes } from './metadata-nodes.ts'
import { testPasswords } from './metadata-passwords.ts'
import { testPreconditions } from './metadata-preconditions.ts'
import { testPoolTime } from './metadata-pool-time.ts'
import { testPoolEntries } from './metadata-pool-entries.ts'
import { testPools } from './metadata-pools.ts'
import { testProgress } from './metadata-progress.ts'
import { testProofs } from './metadata-proofs.ts'
import { testReceipts } from './metadata-receipts.ts'
import { testReconcile } from './metadata-reconcile.ts'
import { testRecovery } from './metadata-recovery.ts'
import { testRepair } from './metadata-repair.ts'
import { testResume } from './metadata-resume.ts'
import { testSent } from './metadata-sent.ts'
import { testSessions } from './metadata-sessions.ts'
import { testSpace } from './metadata-space.ts'
import { testSuspended } from './metadata-suspended.ts'
import { testTombstones } from './metadata-tombstones.ts'
import { testUploads } from './metadata-uploads.ts'
import { testVersions } from './metadata-versions.ts'
import { testUsers } from './metadata-users.ts'
import { testWebhooks } from './metadata-webhooks.ts'

const PARTS = {
  'terms, time and nodes': testCluster,
  'counters, settings and decisions': testNodes,
  uploads: testUploads,
  'boots that count': testBoots,
  'large uploads given up': testAbandon,
  'uploads that go on later': testResume,
  'receipts and copies': testReceipts,
  files: testFiles,
  links: testLinks,
  claims: testClaims,
  'passwords of links': testPasswords,
  'proofs, indexes and encrypted files': testProofs,
  'progress of claims': testProgress,
  'what senders ask': testSent,
  garbage: testGarbage,
  tombstones: testTombstones,
  'suspended links': testSuspended,
  repair: testRepair,
  inventories: testInventory,
  reconciling: testReconcile,
  recovery: testRecovery,
  'space of roles': testSpace,
  users: testUsers,
  sessions: testSessions,
  'users’ files': testEntries,
  'folders of users’ files': testFolders,
  'versions of users’ files': testVersions,
  blocks: testBlocks,
  'versions that must count': testPreconditions,
  history: testHistory,
  events: testEvents,
  webhooks: testWebhooks,
  pools: testPools,
  'groups of pools': testGroups,
  'what time brings to pools': testPoolTime,
  'content of pools': testPoolEntries,
  batches: testBatches,
  'files of batches in groups': testFilling
}

export async function testMetadataStore(t: Test, makeStore: MakeStore): Promise<void> {
  for (const [name, test] of Object.entries(PARTS)) await t.test(name, (part) => test(part, makeStore))
}
