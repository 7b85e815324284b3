import t from 'tap'
import { defaultConfig } from '../../../src/config.ts'
import { hasCode } from '../../../src/errors.ts'
import { presentedClaims } from '../../../src/edge/http/claims.ts'
import { linkTerms } from '../../../src/edge/http/link-terms.ts'
import { originOf } from '../../../src/edge/http/origin.ts'

const { link } = defaultConfig()
const NAMES = { downloads: 'downloads', expires: 'expires', days: 'Max-Days' }
const terms = (given: Parameters<typeof linkTerms>[0]) => linkTerms(given, NAMES, link)

t.test('what a sender does not say is one download within two days', async (t) => {
  const standard = { downloads: 1, ttlMs: 2 * 24 * 3600 * 1000 }
  t.same(terms({}), standard)
  t.same(terms({ downloads: '', expires: ' ' }), standard)
})

t.test('seconds, days and downloads are read', async (t) => {
  t.same(terms({ downloads: '5', expires: '60' }), { downloads: 5, ttlMs: 60_000 })
  t.same(terms({ days: '0.5' }), { downloads: 1, ttlMs: 12 * 3600 * 1000 })
})

t.test('what is no number, or too small or large, names its field', async (t) => {
  const bad: Array<[Parameters<typeof linkTerms>[0], string]> = [
    [{ downloads: '0' }, 'downloads'],
    [{ downloads: '101' }, 'downloads'],
    [{ downloads: '1e1' }, 'downloads'],
    [{ downloads: '-1' }, 'downloads'],
    [{ downloads: '1.5' }, 'downloads'],
    [{ expires: '0' }, 'expires'],
    [{ expires: '0x10' }, 'expires'],
    [{ expires: '99999999' }, 'expires'],
    [{ days: 'NaN' }, 'Max-Days'],
    [{ days: '31' }, 'Max-Days'],
    [{ days: '0' }, 'Max-Days']
  ]
  for (const [given, field] of bad) {
    try {
      terms(given)
      t.fail(JSON.stringify(given))
    } catch (error) {
      t.ok(hasCode(error, 'invalid-field') && error.details['field'] === field, JSON.stringify(given))
    }
  }
})

t.test('a claim comes from the query, the validator or the cookie, in this order', async (t) => {
  const [a, b, c] = ['a', 'b', 'c'].map((letter) => letter.repeat(43))
  t.same(presentedClaims(a, { 'if-range': `"${b}"` }, { 'peerbin-claim': c }), [a, b, c])
  t.same(presentedClaims(undefined, { 'if-match': `"${b}", "${b}"` }, {}), [b])
  t.same(presentedClaims('short', { 'if-range': 'W/"x"' }, { 'peerbin-claim': 'x' }), [])
  t.equal(
    presentedClaims(
      undefined,
      { 'if-match': Array.from({ length: 40 }, (_, i) => `"${String(i).padStart(43, '0')}"`).join(',') },
      {}
    ).length,
    3
  )
})

t.test('links carry the public URL, or the host of the request if it is one', async (t) => {
  const request = (host: string) => ({ protocol: 'http', host })
  t.equal(originOf(request('files.example:8080'), '', 'http://fallback'), 'http://files.example:8080')
  t.equal(originOf(request('[::1]:8080'), '', 'http://fallback'), 'http://[::1]:8080')
  t.equal(originOf(request('evil'), 'https://files.example/', 'http://fallback'), 'https://files.example')
  for (const host of ['', 'a b', 'evil/path', 'x@y', 'a"onload="', '-', 'a:port', '<script>'])
    t.equal(originOf(request(host), '', 'http://fallback'), 'http://fallback', host)
})
