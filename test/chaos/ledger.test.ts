import t from 'tap'
import { type FileEntry, type Redeemer, checkLedger } from './ledger.ts'

const won: Redeemer = { outcome: 'won', bytes: 10, sha256: 'good', granted: true }
const refused: Redeemer = { outcome: 'refused', bytes: 0, sha256: null, granted: false }
const file = (redeemers: Redeemer[], upload: FileEntry['upload'] = 'acknowledged'): FileEntry => ({
  index: 1,
  sizeBytes: 10,
  sha256: 'good',
  upload,
  reason: null,
  path: '/d/x',
  redeemers
})
const invariants = (entry: FileEntry): string[] =>
  checkLedger([entry]).map((violation) => violation.invariant)

t.test('one winner with the right bytes is fine, however many were refused', async (t) => {
  t.same(invariants(file([refused, won, refused])), [])
})

t.test('an upload without an acknowledgement promises nothing', async (t) => {
  t.same(invariants(file([], 'unknown')), [])
})

t.test('a link that was granted twice is found', async (t) => {
  t.same(invariants(file([won, won])), ['C'])
  t.same(invariants(file([won, { ...refused, granted: true }])), ['C'], 'also when the second got no body')
  t.same(invariants(file([won, { ...refused, bytes: 1 }])), ['C'], 'one byte is a body')
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
