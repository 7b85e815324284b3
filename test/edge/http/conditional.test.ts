import { test } from 'tap'
import { conditionOf, validatorHeaders } from '../../../src/edge/http/conditional.ts'
import type { Condition } from '../../../src/edge/http/conditional.ts'

const MODIFIED = Date.UTC(2026, 10, 21, 14, 2, 27, 800)
const SAME = 'Sat, 21 Nov 2026 14:02:27 GMT'
const BEFORE = 'Sat, 21 Nov 2026 14:02:26 GMT'
const AFTER = 'Sat, 21 Nov 2026 14:02:28 GMT'
const validators = { tag: 'abc', modifiedAt: MODIFIED, isDateStrong: true }

const WHOLE: Condition = { kind: 'proceed', range: false }
const PART: Condition = { kind: 'proceed', range: true }
const NOT_MODIFIED: Condition = { kind: 'not-modified' }
const FAILED: Condition = { kind: 'failed' }

const CASES: ReadonlyArray<readonly [string, Record<string, string>, Condition]> = [
  ['nothing', {}, PART],
  ['the tag', { 'if-none-match': '"abc"' }, NOT_MODIFIED],
  ['a weak tag is as good to keep', { 'if-none-match': 'W/"abc"' }, NOT_MODIFIED],
  ['one of several', { 'if-none-match': '"x", "abc" , W/"y"' }, NOT_MODIFIED],
  ['any', { 'if-none-match': '*' }, NOT_MODIFIED],
  ['another tag', { 'if-none-match': '"abcd"' }, PART],
  ['a tag without quotes is none', { 'if-none-match': 'abc' }, PART],
  ['a list with rubbish names nothing', { 'if-none-match': '"abc", oops' }, PART],
  ['the date', { 'if-modified-since': SAME }, NOT_MODIFIED],
  ['a later date', { 'if-modified-since': AFTER }, NOT_MODIFIED],
  ['an earlier date', { 'if-modified-since': BEFORE }, PART],
  ['what is no date', { 'if-modified-since': '2026-11-21' }, PART],
  ['the tag before the date', { 'if-none-match': '"x"', 'if-modified-since': AFTER }, PART],
  ['only this', { 'if-match': '"abc"' }, PART],
  ['only another', { 'if-match': '"x"' }, FAILED],
  ['a weak tag names no bytes', { 'if-match': 'W/"abc"' }, FAILED],
  ['only what is there', { 'if-match': '*' }, PART],
  ['unless it changed', { 'if-unmodified-since': BEFORE }, FAILED],
  ['it did not', { 'if-unmodified-since': SAME }, PART],
  ['the tag decides', { 'if-match': '"abc"', 'if-unmodified-since': BEFORE }, PART],
  ['failed before not modified', { 'if-match': '"x"', 'if-none-match': '"abc"' }, FAILED],
  ['the rest of this', { 'if-range': '"abc"' }, PART],
  ['the rest of another', { 'if-range': '"x"' }, WHOLE],
  ['the rest by a weak tag', { 'if-range': 'W/"abc"' }, WHOLE],
  ['the rest of anything', { 'if-range': '*' }, WHOLE],
  ['the rest by date', { 'if-range': SAME }, PART],
  ['the rest by a later date', { 'if-range': AFTER }, WHOLE]
]

test('conditions are judged as RFC 9110 has it', async (t) => {
  for (const [name, headers, expected] of CASES) t.same(conditionOf(headers, validators), expected, name)
  const weak = { ...validators, isDateStrong: false }
  t.same(conditionOf({ 'if-range': SAME }, weak), WHOLE, 'a date that two versions may have')
  t.same(conditionOf({ 'if-range': '"abc"' }, weak), PART, 'their tags differ')
  t.same(validatorHeaders(validators), { etag: '"abc"', 'last-modified': SAME })
  const long = `"${'x'.repeat(50_000)}`
  t.same(conditionOf({ 'if-none-match': long }, validators), PART, 'a tag without an end')
})
