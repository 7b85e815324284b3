import fc from 'fast-check'
import t from 'tap'
import { chooseRange, contentRange, etagOf, rangeAllowed, strongTags } from '../../../src/edge/http/range.ts'

const part = (start: number, end: number) => ({ kind: 'part' as const, range: { start, end } })

t.test('single ranges of RFC 9110', async (t) => {
  const cases: Array<[string | undefined, ReturnType<typeof chooseRange>]> = [
    [undefined, { kind: 'whole' }],
    ['bytes=0-0', part(0, 1)],
    ['bytes=0-99', part(0, 100)],
    ['bytes=10-', part(10, 100)],
    ['bytes=10-1000000', part(10, 100)],
    ['bytes=-10', part(90, 100)],
    ['bytes=-1000', part(0, 100)],
    ['Bytes = 1-2 ', part(1, 3)],
    ['bytes=99-', part(99, 100)]
  ]
  for (const [header, choice] of cases) t.same(chooseRange(header, 100), choice, String(header))
})

t.test('ranges outside the file are unsatisfiable', async (t) => {
  for (const header of ['bytes=100-', 'bytes=100-200', 'bytes=-0'])
    t.same(chooseRange(header, 100), { kind: 'unsatisfiable' }, header)
})

t.test('malformed ranges, other units and several ranges are answered with the whole', async (t) => {
  for (const header of [
    '',
    'bytes',
    'bytes=',
    'bytes=-',
    'bytes=5-3',
    'bytes=a-b',
    'bytes=1-2,5-6',
    'bytes=0-,',
    'lines=0-1',
    'bytes=1.5-2',
    'bytes=-1-2',
    'bytes=0x1-2',
    `bytes=${'9'.repeat(40)}-`
  ])
    t.same(chooseRange(header, 100), { kind: 'whole' }, header)
})

t.test('a range that is chosen lies within the file and is what was asked for', async () => {
  const size = fc.integer({ min: 1, max: 2 ** 45 })
  fc.assert(
    fc.property(
      size,
      fc.nat(2 ** 31 - 1),
      fc.option(fc.nat(2 ** 31 - 1), { nil: undefined }),
      (sizeBytes, first, last) => {
        const choice = chooseRange(`bytes=${first}-${last ?? ''}`, sizeBytes)
        if (choice.kind === 'unsatisfiable') return first >= sizeBytes
        if (choice.kind === 'whole') return last !== undefined && last < first
        const { start, end } = choice.range
        return (
          start === first &&
          end > start &&
          end <= sizeBytes &&
          end === Math.min(last === undefined ? sizeBytes : last + 1, sizeBytes)
        )
      }
    )
  )
  fc.assert(
    fc.property(fc.string({ maxLength: 30 }), size, (text, sizeBytes) => {
      const choice = chooseRange(`bytes=${text}`, sizeBytes)
      return (
        choice.kind !== 'part' ||
        (choice.range.start >= 0 && choice.range.start < choice.range.end && choice.range.end <= sizeBytes)
      )
    })
  )
})

t.test('Content-Range names the last byte, not the one behind it', async (t) => {
  t.equal(contentRange({ start: 0, end: 10 }, 100), 'bytes 0-9/100')
})

t.test('If-Range lets a range through only with exactly our validator', async (t) => {
  const claim = 'c'.repeat(43)
  t.ok(rangeAllowed(undefined, claim))
  t.ok(rangeAllowed(etagOf(claim), claim))
  for (const header of [`W/${etagOf(claim)}`, claim, '"other"', 'Wed, 21 Oct 2026 07:28:00 GMT', ''])
    t.notOk(rangeAllowed(header, claim), header)
})

t.test('strong tags are found among weak ones and dates', async (t) => {
  t.same(strongTags('"a", W/"b", "c"'), ['a', 'c'])
  t.same(strongTags('Wed, 21 Oct 2026 07:28:00 GMT'), [])
  t.same(strongTags('""'), [])
  t.same(strongTags(undefined), [])
})
