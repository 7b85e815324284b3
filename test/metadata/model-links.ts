import fc from 'fast-check'
import {
  GRACE_MS,
  LEASE_MAX_MS,
  LEASE_MS,
  hash,
  passwordOf,
  tokenOf
} from '../conformance/metadata-fixture.ts'
import { name, operation, range, secret } from './model-world.ts'
import type { Step } from './model-world.ts'

export const claim = operation(
  'claim',
  fc.tuple(
    name,
    secret,
    fc.constantFrom(undefined, 'right', 'right', 'wrong'),
    fc.constantFrom(undefined, 'right', 'right', 'wrong')
  ),
  ([each, who, password, proof]): Step =>
    ({ now }) =>
    (store) =>
      store.claimLink({
        tokenHash: tokenOf(each),
        claimHash: hash(who),
        now,
        leaseMs: LEASE_MS,
        ...(password !== undefined && { shown: passwordOf(password).hash }),
        ...(proof !== undefined && { proofHash: hash(proof) })
      })
)

export const report = operation(
  'report',
  fc.tuple(name, secret, fc.array(range, { maxLength: 3 }), fc.nat(30), fc.nat(9)),
  ([each, who, ranges, bytesSent, id]): Step =>
    ({ now }) =>
    (store) =>
      store.reportClaim({
        tokenHash: tokenOf(each),
        claimHash: hash(who),
        ranges,
        bytesSent,
        now,
        leaseMs: LEASE_MS,
        leaseMaxMs: LEASE_MAX_MS,
        graceMs: GRACE_MS,
        reportId: `${id}`
      })
)

export const release = operation(
  'release',
  fc.tuple(name, secret),
  ([each, who]): Step =>
    () =>
    (store) =>
      store.releaseClaim({ tokenHash: tokenOf(each), claimHash: hash(who) })
)

export const revoke = operation(
  'revoke',
  fc.tuple(name, fc.boolean()),
  ([each, isRight]): Step =>
    ({ now }) =>
    (store) =>
      store.revokeLink({
        tokenHash: tokenOf(each),
        deleteHash: hash(isRight ? `delete ${each}` : 'wrong'),
        now
      })
)

export const extend = operation(
  'extend',
  fc.tuple(name, fc.constantFrom(100, 500, 3000, 9000), fc.constantFrom(2000, 8000)),
  ([each, laterMs, ttlMaxMs]): Step =>
    ({ now }) =>
    (store) =>
      store.extendLink({ deleteHash: hash(`delete ${each}`), expiresAt: now + laterMs, ttlMaxMs, now })
)
