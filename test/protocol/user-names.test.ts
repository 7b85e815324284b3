import fc from 'fast-check'
import t from 'tap'
import { cleanUserName, isUserName, typedNameKey, userNameKey } from '../../src/protocol/user-names.ts'

t.test('names are kept as they were typed, in one spelling', async (t) => {
  const kept: Array<[string, string]> = [
    ['anna', 'anna'],
    ['  Anna   Maria ', 'Anna Maria'],
    ['Zoe\u0308', 'Zoë'],
    ['anna@example.org', 'anna@example.org'],
    ['_x.y-z+1', '_x.y-z+1'],
    ['यूज़र', 'यूज़र'.normalize('NFC')],
    ['用户', '用户'],
    ['x'.repeat(64), 'x'.repeat(64)]
  ]
  for (const [typed, name] of kept) t.equal(cleanUserName(typed), name, typed)
})

t.test('what is no name is refused', async (t) => {
  const refused = [
    '',
    ' ',
    '...',
    '\u0301a',
    'a\u0000b',
    'a\nb',
    'a/b',
    'a\\b',
    'a<b',
    'a\u202eb',
    'a\u200bb',
    'a\u200db'
  ]
  refused.push(
    '\u3164',
    'a\u3164',
    'a\u00a0b',
    '😀',
    'a\ufe0f',
    'x'.repeat(65),
    ' '.repeat(10_000),
    '\ud800',
    '﷐'
  )
  refused.push('\ufdfa'.repeat(64)) // a letter that stands for eighteen
  for (const text of refused) {
    t.throws(
      () => cleanUserName(text),
      { code: 'invalid-field', details: { field: 'username' } },
      JSON.stringify(text)
    )
    t.notOk(isUserName(text))
  }
})

t.test('names that look alike are the same', async (t) => {
  const same: Array<[string, string]> = [
    ['Anna', 'ANNA'],
    ['straße', 'STRASSE'],
    ['ΟΔΟΣ', 'οδος'],
    ['οδοσ', 'οδος'],
    ['ｅxample', 'example'],
    ['ﬁle', 'file'],
    ['Å', 'A\u030a'],
    ['ſ', 's']
  ]
  for (const [one, other] of same) t.equal(userNameKey(one), userNameKey(other), `${one} and ${other}`)
  t.not(userNameKey('anna'), userNameKey('änna'))
  t.equal(typedNameKey('  ANNA   maria'), userNameKey('Anna Maria'))
})

t.test('both are steady, whatever is typed', async () => {
  const text = fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 70 }),
    fc.string({ unit: 'binary', maxLength: 20 }),
    fc.string({
      unit: fc.constantFrom('ß', 'ẞ', 'İ', 'ı', 'Σ', 'ς', 'ſ', 'ŉ', 'ǰ', '\u0345', 'Ω', ' ', 'K'),
      maxLength: 8
    })
  )
  fc.assert(
    fc.property(text, (typed) => {
      const key = userNameKey(typed)
      if (userNameKey(key) !== key) return false
      let name: string
      try {
        name = cleanUserName(typed)
      } catch {
        return true // refused: the test above says what
      }
      return isUserName(name) && cleanUserName(name) === name && typedNameKey(typed) === userNameKey(name)
    }),
    { numRuns: 2000 }
  )
})
