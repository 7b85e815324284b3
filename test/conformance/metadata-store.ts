/** What every MetadataStore must hold: `testMetadataStore(t, makeStore)`, one line for an implementation. */

import type { Test } from 'tap'
import { testClaims } from './metadata-claims.ts'
import { testCluster } from './metadata-cluster.ts'
import type { MakeStore } from './metadata-fixture.ts'
import { testFiles } from './metadata-files.ts'
import { testGarbage } from './metadata-garbage.ts'
import { testLinks } from './metadata-links.ts'
import { testProgress } from './metadata-progress.ts'
import { testReceipts } from './metadata-receipts.ts'
import { testTombstones } from './metadata-tombstones.ts'
import { testUploads } from './metadata-uploads.ts'

const PARTS = {
  'terms, time and nodes': testCluster,
  uploads: testUploads,
  'receipts and copies': testReceipts,
  files: testFiles,
  links: testLinks,
  claims: testClaims,
  'progress of claims': testProgress,
  garbage: testGarbage,
  tombstones: testTombstones
}

export async function testMetadataStore(t: Test, makeStore: MakeStore): Promise<void> {
  for (const [name, test] of Object.entries(PARTS)) await t.test(name, (part) => test(part, makeStore))
}
