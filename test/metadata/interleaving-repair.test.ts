import t from 'tap'
import { confirmCopies, listCopies, summarizeCopies } from '../../src/metadata/operations/inventory.ts'
import { readLink } from '../../src/metadata/operations/links.ts'
import { decideNode, forgetNode } from '../../src/metadata/operations/nodes.ts'
import { orderStale, reconcileHeld } from '../../src/metadata/operations/reconcile.ts'
import { adoptFile } from '../../src/metadata/operations/recovery.ts'
import { dropCopy, findChunk, trimCopy } from '../../src/metadata/operations/repair.ts'
import { resumeLinks, suspendLinks } from '../../src/metadata/operations/suspension.ts'
import { orderUnknown } from '../../src/metadata/operations/unknown.ts'
import { digestOf } from '../../src/protocol/ids.ts'
import {
  CHUNK_BYTES,
  EXPIRY,
  LEASE_MS,
  START,
  chunk,
  fileId,
  generation,
  hash,
  peer,
  tokenOf
} from '../conformance/metadata-fixture.ts'
import {
  abandon,
  all,
  claim,
  claimedBy,
  condemn,
  open,
  prepared,
  receive,
  reserve,
  settle,
  shared,
  testMeetings
} from './meeting-runs.ts'
import type { Meeting, Run } from './meeting.ts'

const x = { chunk: chunk('x'), generation: generation(2) }
/** Three copies of x, which lives at generation 2. */
const held = all(prepared, receive('x', 2, 1, 2, 3))

const trim =
  (n: number, ...keep: number[]): Run =>
  (db) =>
    trimCopy(db, { ...x, peer: peer(n), keep: keep.map((each) => ({ peer: peer(each), boot: 1 })) })
const drop =
  (n: number): Run =>
  (db) =>
    dropCopy(db, { ...x, peer: peer(n) })
const reconcile =
  (n: number, g: number, inventory = START): Run =>
  (db) =>
    reconcileHeld(db, {
      peer: peer(n),
      host: `host-${n}`,
      boot: 1,
      inventory,
      held: [{ chunk: x.chunk, generation: generation(g) }]
    })
const order: Run = (db) => orderUnknown(db, { peer: peer(4), inventory: 200, seenBefore: 200, limit: 9 })
const retire: Run = async (db) => {
  await decideNode(db, peer(4), 'retired', START)
  await forgetNode(db, peer(4), 10)
}
const suspend: Run = (db) => suspendLinks(db, [tokenOf('a')], 9)
const resume: Run = (db) => resumeLinks(db, [tokenOf('a')])
const adopt: Run = (db) =>
  adoptFile(db, {
    file: {
      id: fileId('found'),
      name: 'found',
      sizeBytes: CHUNK_BYTES,
      mediaType: 'a/b',
      sha256: hash('found'),
      uploadedAt: START,
      metadata: {}
    },
    manifest: { id: chunk('manifest'), sizeBytes: CHUNK_BYTES, generation: generation(1) },
    chunks: [{ id: x.chunk, sizeBytes: CHUNK_BYTES, generation: generation(2) }],
    link: {
      tokenHash: tokenOf('found'),
      deleteHash: hash('delete found'),
      downloads: 1,
      expiresAt: EXPIRY,
      state: 'live'
    }
  })

const copiesOf = async ({ plain }: Meeting): Promise<number> =>
  (await findChunk(plain, x.chunk))?.copies.length ?? 0
const stateOf = async ({ plain }: Meeting): Promise<string | undefined> =>
  (await readLink(plain, tokenOf('a')))?.state

/** Another chunk whose digest begins with the same byte. */
function neighbour(): string {
  for (let n = 0; ; n++) if (digestOf(chunk(`${n}`))[0] === digestOf(x.chunk)[0]) return `${n}`
}
const prefix = digestOf(x.chunk)[0] ?? 0
const confirm =
  (digests: { digest?: string }): Run =>
  async (db) =>
    confirmCopies(db, { peer: peer(1), host: 'host-1', boot: 5, prefix, digest: digests.digest ?? '' })
/** What the node would say that holds what is recorded now. */
const remember =
  (digests: { digest?: string }): Run =>
  async (db) => {
    const [summary] = await summarizeCopies(db, peer(1), prefix, prefix)
    digests.digest = summary?.digest ?? ''
  }
const seen: { digest?: string } = {}

testMeetings(t, {
  'two that trim each other’s kept copy: one does': {
    prepare: held,
    first: trim(1, 2, 3),
    second: trim(2, 1, 3),
    after: async (m) => m.first !== m.second && (await copiesOf(m)) === 2
  },
  'trimming while a copy to keep is dropped': {
    prepare: held,
    first: trim(3, 1, 2),
    second: drop(1),
    after: async (m) => m.first === false && (await copiesOf(m)) === 2
  },
  'trimming a chunk that is being condemned': {
    prepare: all(held, abandon('a')),
    first: trim(3, 1, 2),
    second: condemn,
    after: ({ first }) => first === false
  },
  'a receipt from a node that is retired and forgotten': {
    prepare: prepared,
    first: receive('x', 2, 4),
    second: retire,
    after: async (m) => (await copiesOf(m)) === 0
  },
  'confirming copies beside a receipt from an earlier boot': {
    prepare: all(held, reserve('a', 1, neighbour()), remember(seen)),
    first: confirm(seen),
    second: receive(neighbour(), 3, 1),
    after: async ({ plain }) =>
      (await listCopies(plain, peer(1), undefined, 10)).every(
        (copy) => copy.chunk === x.chunk || copy.boot === 1
      )
  },
  'reconciling a chunk that is being condemned': {
    prepare: all(prepared, abandon('a')),
    first: reconcile(4, 2),
    second: condemn
  },
  'reconciling an unknown chunk that is being reserved': {
    prepare: all(prepared, abandon('a'), condemn, open('b')),
    first: reconcile(4, 2),
    second: reserve('b', 0, 'x')
  },
  'ordering an unknown chunk away that is being reserved': {
    prepare: all(prepared, abandon('a'), condemn, reconcile(4, 2, 100), reconcile(4, 2, 200), open('b')),
    first: order,
    second: reserve('b', 0, 'x')
  },
  'ordering an unknown chunk away that is made known again': {
    prepare: all(prepared, abandon('a'), condemn, reconcile(4, 2, 100), reconcile(4, 2, 200)),
    first: order,
    second: adopt
  },
  'two that order the same away': {
    prepare: all(prepared, abandon('a'), condemn, reconcile(4, 2, 100), reconcile(4, 2, 200)),
    first: order,
    second: order
  },
  'ordering a stale copy away while the chunk is condemned': {
    prepare: all(prepared, abandon('a')),
    first: (db) => orderStale(db, peer(4), [{ ...x, generation: generation(1) }]),
    second: condemn
  },
  'making a chunk known again that is being reserved': {
    prepare: all(held, abandon('a'), condemn, open('b')),
    first: adopt,
    second: reserve('b', 0, 'x')
  },
  'making a file known twice at once': {
    prepare: held,
    first: adopt,
    second: adopt
  },
  'a claim while the link is suspended': {
    prepare: shared,
    first: claim('me'),
    second: suspend,
    after: ({ first }) => !claimedBy(first)
  },
  'resuming a link while its last claim ends': {
    prepare: all(shared, claim('me'), suspend),
    first: resume,
    second: settle(START + LEASE_MS),
    after: async (m) => (await stateOf(m)) === 'consumed'
  },
  'resuming a link that expires': {
    prepare: all(shared, suspend),
    first: resume,
    second: settle(EXPIRY),
    after: async (m) => (await stateOf(m)) === 'expired'
  },
  'expiring a suspended link that is being resumed': {
    prepare: all(shared, suspend),
    first: settle(EXPIRY),
    second: resume
  }
})
