import t from 'tap'
import type { SentClaim } from '../../src/metadata-records.ts'
import { laterEnds } from '../../src/edge/pages/sender-page.ts'
import { sentAnswer } from '../../src/edge/sent-link.ts'
import type { Sent, SentAnswer } from '../../src/edge/sent-link.ts'
import type { ChunkId, FileId, LinkRecord, SecretHash } from '../../src/types.ts'

const NOW = Date.parse('2026-11-21T12:00:00Z')
const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE
const LIMITS = { ttlMaxMs: 30 * DAY, leaseMs: 10 * MINUTE }
const hash = (n: number): SecretHash => `${n}`.padStart(64, '0') as SecretHash

const file: Sent['file'] = {
  id: '00000000-0000-4000-8000-000000000001' as FileId,
  name: 'a.txt',
  sizeBytes: 1000,
  indexBytes: 0,
  encryption: null,
  mediaType: 'text/plain',
  sha256: hash(1),
  uploadedAt: NOW - DAY,
  metadata: {},
  chunkCount: 1,
  manifest: 'bafkreib' as ChunkId,
  state: 'live'
}

const claim = (fields: Partial<SentClaim> = {}): SentClaim => ({
  claimHash: hash(7),
  state: 'claimed',
  claimedAt: NOW - MINUTE,
  leaseUntil: NOW - 1000 + LIMITS.leaseMs,
  bytesSent: 400,
  coveredBytes: 300,
  consumedAt: null,
  ...fields
})

function seen(link: Partial<LinkRecord>, ...claims: SentClaim[]): SentAnswer {
  const whole: LinkRecord = {
    tokenHash: hash(2),
    fileId: file.id,
    state: 'live',
    downloads: 1,
    claimed: claims.filter(({ state }) => state !== 'released').length,
    createdAt: NOW - DAY,
    expiresAt: NOW + DAY,
    isProtected: false,
    needsProof: false,
    ...link
  }
  return sentAnswer({ link: whole, file, claims, more: false, now: NOW }, LIMITS)
}

const finished = (leaseUntil: number): SentClaim =>
  claim({ state: 'consumed', coveredBytes: 1000, bytesSent: 1000, consumedAt: NOW - MINUTE, leaseUntil })
const brokenOff = claim({ state: 'consumed', consumedAt: NOW - MINUTE, leaseUntil: NOW - MINUTE })

t.test('each download is told with how it stands', async (t) => {
  const told = (one: SentClaim, link: Partial<LinkRecord> = {}) => seen(link, one).claims[0]
  const detail = '300 bytes of 1000 bytes sent.'
  t.match(told(claim()), {
    outcome: 'running',
    title: 'Downloading',
    detail,
    servedUntil: String,
    endedAt: null
  })
  const silent = claim({ leaseUntil: NOW - 20_000 + LIMITS.leaseMs })
  t.match(told(silent), { outcome: 'running', title: 'Interrupted', servedUntil: String })
  const old = claim({ claimedAt: NOW - DAY + MINUTE, leaseUntil: NOW + MINUTE })
  t.match(told(old), { outcome: 'running', servedUntil: new Date(NOW + MINUTE).toISOString() })
  t.match(told(claim({ leaseUntil: NOW })), { outcome: 'broken-off', servedUntil: null }, 'not settled yet')
  t.match(told(brokenOff), { outcome: 'broken-off', endedAt: new Date(NOW - MINUTE).toISOString() })
  t.match(told(finished(NOW + MINUTE)), { outcome: 'finished', servedUntil: String, bytesCovered: 1000 })
  t.match(told(finished(NOW - 1)), { outcome: 'finished', servedUntil: null })
  t.match(told(claim({ state: 'released', bytesSent: 0, coveredBytes: 0 })), {
    outcome: 'given-back',
    servedUntil: null
  })
  t.match(told(claim(), { state: 'revoked' }), { outcome: 'broken-off', servedUntil: null })
})

t.test('the link is told in a word and in a sentence', async (t) => {
  const cases: Array<[SentAnswer, Partial<SentAnswer>, RegExp]> = [
    [seen({}), { state: 'live', activity: 'waiting', downloadsLeft: 1 }, /nobody has downloaded it yet/],
    [seen({ downloads: 3 }), { state: 'live', downloadsLeft: 3 }, /3 downloads are left/],
    [
      seen({ downloads: 3 }, claim()),
      { state: 'live', activity: 'downloading' },
      /now; 2 downloads are left/
    ],
    [
      seen({ downloads: 2 }, brokenOff),
      { state: 'live', activity: 'waiting' },
      /once so far; 1 download is left/
    ],
    [seen({}, claim()), { state: 'taken', activity: 'downloading', downloadsLeft: 0 }, /downloaded now/],
    [seen({}, finished(NOW + 1)), { state: 'taken', activity: 'done', revocable: true }, /can repeat that/],
    [seen({ state: 'consumed' }, finished(NOW - 1)), { state: 'used', activity: 'done' }, /has been deleted/],
    [
      seen({ state: 'consumed' }, brokenOff),
      { state: 'used', activity: 'over' },
      /broke off .* share it again/
    ],
    [seen({ expiresAt: NOW }), { state: 'expired', activity: 'over', downloadsLeft: 0 }, /time is over, and/],
    [seen({ state: 'expired' }), { state: 'expired', revocable: false }, /time is over, and/],
    [
      seen({ expiresAt: NOW, downloads: 2 }, claim()),
      { state: 'expired', activity: 'downloading' },
      /still be/
    ],
    [seen({ state: 'revoked' }), { state: 'revoked', activity: 'over', revocable: false }, /You withdrew it/],
    [seen({ state: 'suspended' }), { state: 'suspended', activity: 'over', revocable: true }, /administrator/]
  ]
  for (const [answer, expected, sentence] of cases) {
    t.match(answer, expected, String(sentence))
    t.match(answer.message, sentence)
  }
})

t.test('what can still be extended, and until when', async (t) => {
  const latest = new Date(NOW + 29 * DAY).toISOString()
  t.equal(seen({}).extendableUntil, latest)
  t.equal(seen({ expiresAt: NOW + 29 * DAY }).extendableUntil, null, 'as late as any can be')
  for (const over of [
    seen({ expiresAt: NOW }),
    seen({ state: 'revoked' }),
    seen({ state: 'suspended' }),
    seen({}, claim())
  ])
    t.equal(over.extendableUntil, null)
  const ends = laterEnds(seen({}))
  t.same(
    ends.map(({ label }) => label),
    ['1 day longer', '3 days longer', '7 days longer', 'as long as possible']
  )
  t.same(
    ends.map(({ expiresAt }) => expiresAt),
    [...[2, 4, 8].map((days) => new Date(NOW + days * DAY).toISOString()), latest]
  )
  t.same(laterEnds({ expiresAt: latest, extendableUntil: null }), [])
})
