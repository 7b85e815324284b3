import t from 'tap'
import { EXPIRY, LEASE_MS, START } from '../conformance/metadata-fixture.ts'
import {
  abandon,
  all,
  claim,
  claimWith,
  claimedBy,
  commit,
  condemn,
  extend,
  guarded,
  open,
  prepared,
  receive,
  received,
  release,
  report,
  reserve,
  revoke,
  settle,
  shared,
  shared2,
  testMeetings
} from './meeting-runs.ts'

testMeetings(t, {
  'two claims for one slot: one wins': {
    prepare: shared,
    first: claim('me'),
    second: claim('you'),
    after: ({ first, second }) => claimedBy(first) !== claimedBy(second)
  },
  'one claim made twice: both say yes': {
    prepare: shared,
    first: claim('me'),
    second: claim('me'),
    after: ({ first, second }) => claimedBy(first) && claimedBy(second)
  },
  'one claim made twice where two slots are free: it takes one': {
    prepare: shared2,
    first: claim('me'),
    second: claim('me'),
    after: async ({ first, second, plain }) =>
      claimedBy(first) && claimedBy(second) && claimedBy(await claim('you')(plain))
  },
  'two right passwords for one slot: one wins': {
    prepare: guarded,
    first: claimWith('me', 'open sesame'),
    second: claimWith('you', 'open sesame'),
    after: ({ first, second }) => claimedBy(first) !== claimedBy(second)
  },
  'a wrong password beside a right one': {
    prepare: guarded,
    first: claimWith('me', 'guess'),
    second: claimWith('you', 'open sesame'),
    after: ({ first, second }) => !claimedBy(first) && claimedBy(second)
  },
  'a right password while the link is revoked': {
    prepare: guarded,
    first: claimWith('me', 'open sesame'),
    second: revoke,
    after: ({ first }) => !claimedBy(first)
  },
  'a claim while the link is revoked': {
    prepare: shared,
    first: claim('me'),
    second: revoke,
    after: ({ first }) => !claimedBy(first)
  },
  'a claim while the link expires': {
    prepare: shared,
    first: claim('me', EXPIRY - 1),
    second: settle(EXPIRY),
    after: ({ first }) => !claimedBy(first)
  },
  'expiring a link that is being claimed': {
    prepare: shared,
    first: settle(EXPIRY),
    second: claim('me', EXPIRY - 1),
    after: async ({ plain }) => claimedBy(await claim('me', EXPIRY)(plain))
  },
  'two reports at once both count': {
    prepare: all(shared, claim('me')),
    first: report('me', 'r1'),
    second: report('me', 'r2'),
    after: async ({ plain }) => JSON.stringify(await claim('me')(plain)).includes('"bytesSent":8')
  },
  'one report sent twice at once counts once': {
    prepare: all(shared, claim('me')),
    first: report('me', 'r1'),
    second: report('me', 'r1'),
    after: async ({ plain }) => JSON.stringify(await claim('me')(plain)).includes('"bytesSent":4')
  },
  'a release while bytes are reported': {
    prepare: all(shared, claim('me')),
    first: release('me'),
    second: report('me', 'r1'),
    after: ({ first }) => first === false
  },
  'a release made twice frees one slot': {
    prepare: all(shared2, claim('you'), claim('me')),
    first: release('me'),
    second: release('me'),
    after: ({ first, second }) => first === true && second === true
  },
  'a report while the lease is settled': {
    prepare: all(shared, claim('me')),
    first: report('me', 'r1', START + LEASE_MS - 1),
    second: settle(START + LEASE_MS)
  },
  'settling a lease that a report has just moved': {
    prepare: all(shared, claim('me')),
    first: settle(START + LEASE_MS),
    second: report('me', 'r1', START + LEASE_MS - 1),
    after: async ({ plain }) => claimedBy(await claim('me', START + LEASE_MS)(plain))
  },
  'two settle at once': {
    prepare: all(shared, claim('me')),
    first: settle(START + LEASE_MS),
    second: settle(START + LEASE_MS)
  },
  'condemning a chunk that is being reserved': {
    prepare: all(prepared, abandon('a'), open('b')),
    first: condemn,
    second: reserve('b', 0, 'x')
  },
  'reserving a chunk that is being condemned': {
    prepare: all(prepared, receive('x', 2, 1), abandon('a'), open('b')),
    first: reserve('b', 0, 'x'),
    second: condemn
  },
  'two condemn at once': {
    prepare: all(received, abandon('a')),
    first: condemn,
    second: condemn
  },
  'a receipt for a chunk that is being condemned': {
    prepare: all(prepared, abandon('a')),
    first: receive('x', 2, 1),
    second: condemn
  },
  'condemning a chunk that gets a receipt': {
    prepare: all(prepared, abandon('a')),
    first: condemn,
    second: receive('x', 2, 1)
  },
  'committing an upload that is given up': {
    prepare: received,
    first: commit('a'),
    second: abandon('a'),
    after: ({ first }) => first === 'upload-closed'
  },
  'giving up an upload that is committed': {
    prepare: received,
    first: abandon('a'),
    second: commit('a'),
    after: ({ first }) => first === false
  },
  'reserving in an upload that is given up': {
    prepare: open('a'),
    first: reserve('a', 0, 'x'),
    second: abandon('a')
  },
  'one commit made twice': {
    prepare: received,
    first: commit('a'),
    second: commit('a'),
    after: ({ first, second }) => JSON.stringify(first) === JSON.stringify(second)
  },
  'one upload opened twice': { prepare: async () => {}, first: open('a'), second: open('a') },
  'extending a link that is being withdrawn': {
    prepare: shared,
    first: extend(),
    second: revoke,
    after: ({ first }) => first === 'link-revoked'
  },
  'withdrawing a link that is being extended: its tombstone ages from the later end': {
    prepare: shared,
    first: revoke,
    second: extend(),
    after: ({ database }) =>
      database.prepare('select ended_at from links').get()?.['ended_at'] === EXPIRY + LEASE_MS
  },
  'extending a link whose last slot is being taken': {
    prepare: shared,
    first: extend(),
    second: claim('me'),
    after: ({ first, second }) => claimedBy(second) && first === 'link-used'
  },
  'extending a link that expires': {
    prepare: shared,
    first: extend(EXPIRY - 1),
    second: settle(EXPIRY),
    after: ({ first }) => first === 'link-expired'
  },
  'expiring a link that is being extended': {
    prepare: shared,
    first: settle(EXPIRY),
    second: extend(EXPIRY - 1),
    after: async ({ plain }) => claimedBy(await claim('me', EXPIRY)(plain))
  },
  'two extend at once': {
    prepare: shared,
    first: extend(),
    second: extend(),
    after: ({ first, second }) => JSON.stringify(first) === JSON.stringify(second)
  },
  'two revoke at once': { prepare: all(shared, claim('me')), first: revoke, second: revoke }
})
