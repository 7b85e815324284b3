import { createHash } from 'node:crypto'
import t from 'tap'
import { hasCode } from '../../../src/errors.ts'
import { mergeDigests, parseDigest, parseDigestField, reprDigest } from '../../../src/edge/http/digests.ts'

const md5 = createHash('md5').update('x').digest()
const sha256 = createHash('sha256').update('x').digest()
const invalid = (work: () => unknown): boolean => {
  try {
    work()
    return false
  } catch (error) {
    return hasCode(error, 'invalid-field')
  }
}

t.test('digests are read in hex and in base64, with either alphabet', async (t) => {
  for (const text of [
    md5.toString('hex'),
    md5.toString('hex').toUpperCase(),
    md5.toString('base64'),
    ` ${md5.toString('base64url')} `
  ])
    t.equal(parseDigest(text, 'md5', 'md5'), md5.toString('hex'))
  for (const text of [sha256.toString('hex'), sha256.toString('base64'), sha256.toString('base64url')])
    t.equal(parseDigest(text, 'sha256', 'sha256'), sha256.toString('hex'))
})

t.test('malformed digests are refused, also those that only nearly are one', async (t) => {
  const bad = [
    '',
    'x',
    sha256.toString('hex'),
    `${md5.toString('hex')}0`,
    md5.toString('hex').slice(1),
    'z'.repeat(32),
    '!'.repeat(24),
    `${md5.toString('base64').slice(0, 21)}B==`
  ]
  for (const text of bad)
    t.ok(
      invalid(() => parseDigest(text, 'md5', 'md5')),
      text
    )
})

t.test('Repr-Digest is a dictionary of which unknown algorithms are ignored', async (t) => {
  const field = (bytes: Buffer): string => `:${bytes.toString('base64')}:`
  t.same(parseDigestField(`sha-256=${field(sha256)}`, 'Repr-Digest'), { sha256: sha256.toString('hex') })
  t.same(
    parseDigestField(`sha-512=:AAAA:, SHA-256=${field(sha256)};x=1 , md5=${field(md5)}`, 'Repr-Digest'),
    {
      sha256: sha256.toString('hex'),
      md5: md5.toString('hex')
    }
  )
  t.same(parseDigestField(undefined, 'Repr-Digest'), {})
  for (const text of [
    'sha-256',
    'sha-256=abc',
    'sha-256=:AAAA:',
    `sha-256=${sha256.toString('base64')}`,
    '',
    '=:AAAA:'
  ])
    t.ok(
      invalid(() => parseDigestField(text, 'Repr-Digest')),
      text
    )
})

t.test('two digests that contradict each other are refused', async (t) => {
  t.same(mergeDigests({ md5: 'a' }, { sha256: 'b' }, { md5: 'a' }), { md5: 'a', sha256: 'b' })
  t.ok(invalid(() => mergeDigests({ md5: 'a' }, { md5: 'c' })))
})

t.test('Repr-Digest of an answer can be read back', async (t) => {
  t.same(parseDigestField(reprDigest(sha256.toString('hex')), 'Repr-Digest'), {
    sha256: sha256.toString('hex')
  })
})
