import t from 'tap'
import { type FileEntry, type Redeemer, checkLedger, deletedContents } from './ledger.ts'

const won: Redeemer = { outcome: 'won', bytes: 10, sha256: 'good', granted: true, startedMs: 100 }
const refused: Redeemer = { outcome: 'refused', bytes: 0, sha256: null, granted: false, startedMs: 100 }
const file = (redeemers: Redeemer[], change: Partial<FileEntry> = {}): FileEntry => ({
  index: 1,
  content: 1,
  sizeBytes: 10,
  sha256: 'good',
  upload: 'acknowledged',
  reason: null,
  fileId: 'x',
  path: '/d/x',
  deletePath: '/d/x?secret=y',
  acknowledgedMs: 50,
  revoked: 'no',
  revokedMs: 0,
  suspended: 'no',
  redeemers,
  ...change
})
const invariants = (entry: FileEntry): string[] =>
  checkLedger([entry]).map((violation) => violation.invariant)

t.test('one winner with the right bytes is fine, however many were refused', async (t) => {
  t.same(invariants(file([refused, won, refused], { afterwards: 'refused' })), [])
})

t.test('an upload without an acknowledgement promises nothing', async (t) => {
  t.same(invariants(file([], { upload: 'unknown' })), [])
})

t.test('a link that was granted twice is found', async (t) => {
  t.same(invariants(file([won, won])), ['C'])
  t.same(invariants(file([won, { ...refused, granted: true }])), ['C'], 'also when the second got no body')
  t.same(invariants(file([won, { ...refused, bytes: 1 }])), ['C'], 'one byte is a body')
  t.same(invariants(file([won], { afterwards: 'granted' })), ['C'], 'and after the run')
})

t.test('wrong bytes are found', async (t) => {
  t.same(invariants(file([{ ...won, sha256: 'bad' }])), ['B'])
})

t.test('an acknowledged file that nobody could get is found', async (t) => {
  t.same(invariants(file([])), ['A'])
  t.same(invariants(file([{ ...refused, outcome: 'open', granted: true }])), ['A'])
})

t.test('a link that is used while nobody got it is found', async (t) => {
  t.same(invariants(file([refused, refused])), ['link lost'])
})

t.test('a link that is suspended need not be got, and one that was resumed must be', async (t) => {
  const claimed: Redeemer = { ...refused, outcome: 'suspended', granted: true }
  t.same(invariants(file([claimed], { suspended: 'kept' })), [])
  t.same(invariants(file([claimed, won], { suspended: 'kept' })), ['C'], 'but once at most')
  const told: Redeemer = { ...refused, outcome: 'suspended' }
  t.same(invariants(file([told, won], { suspended: 'resumed' })), [])
  t.same(invariants(file([told], { suspended: 'resumed' })), ['A'])
  t.same(invariants(file([told])), ['A'], 'it was said to be, and is not on the list')
})

t.test('a link that works after it was withdrawn is found', async (t) => {
  const revoked = { revoked: 'acknowledged', revokedMs: 80 } as const
  t.same(invariants(file([refused], revoked)), [])
  t.same(invariants(file([won], revoked)), ['revoked'])
  t.same(invariants(file([won], { ...revoked, revokedMs: 120 })), [], 'it was asked for before')
  t.same(invariants(file([refused], { revoked: 'unknown' })), [], 'an answer that was lost promises nothing')
})

t.test('bytes must go once every file that has them is delivered or withdrawn for sure', async (t) => {
  const gone = (...files: FileEntry[]): number[] => [...deletedContents(files).keys()]
  t.same(gone(file([won])), [1])
  t.same(gone(file([], { revoked: 'acknowledged' })), [1])
  t.same(gone(file([])), [])
  t.same(gone(file([won]), file([])), [], 'another file has the same content')
  t.same(gone(file([won]), file([], { upload: 'unknown' })), [], 'or may have it')
  t.same(gone(file([won]), file([], { upload: 'refused' })), [1])
  t.same(gone(file([won], { suspended: 'kept' })), [], 'nobody knows it was delivered')
})
