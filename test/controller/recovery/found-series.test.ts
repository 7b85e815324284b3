import t from 'tap'
import { sortSnapshots } from '../../../src/controller/recovery/found-series.ts'
import type { FoundSnapshots } from '../../../src/controller/recovery/found-series.ts'
import type { SnapshotName } from '../../../src/interfaces.ts'
import type { Term } from '../../../src/types.ts'
import { peer } from '../members.ts'

/** `base 5.2 0/1`, `changes 5.2.3 0/2`, `note 5.2.9`: kind, term, base, sequence, part, parts. */
function nameOf(text: string): SnapshotName {
  const [kind = '', numbers = '', parts = '0/1'] = text.split(' ')
  const [term = 0, base = 0, sequence = 0] = numbers.split('.').map(Number)
  const [part = 0, of = 1] = parts.split('/').map(Number)
  return { kind: kind as SnapshotName['kind'], term: term as Term, base, sequence, part, parts: of }
}

const sort = (...nodes: string[][]): FoundSnapshots =>
  sortSnapshots(new Map(nodes.map((names, index) => [peer(`n${index}`), names.map(nameOf)])))

const summary = ({ series }: FoundSnapshots): Array<[string, number, boolean]> =>
  series.map(({ term, base, changes, isBehind }) => [`${term}.${base}`, changes.length, isBehind])

t.test('the newest whole base comes first, by term and then by number', async (t) => {
  t.same(summary(sort(['base 5.1', 'base 5.2'], ['base 4.9', 'base 5.2'])), [
    ['5.2', 0, false],
    ['5.1', 0, true],
    ['4.9', 0, true]
  ])
  t.same(summary(sort()), [])
  t.equal(sort(['note 7.1.1', 'base 5.1']).term, 7)
})

t.test('pieces come together from several nodes, and one that is missing makes a base useless', async (t) => {
  const [found] = sort(['base 5.1 0/2', 'base 5.1 1/3'], ['base 5.1 2/3', 'base 5.1 0/2']).series
  t.same(
    found?.parts.map(({ peers }) => peers.length),
    [2, 1, 1]
  )
  t.same(summary(sort(['base 5.1 0/2', 'base 5.1 2/3'])), [], 'the second is missing')
  t.same(summary(sort(['base 5.1 0/2', 'base 5.1 1/3'])), [], 'the end is missing')
})

t.test(
  'changes count up to the first gap, and what lies beyond one shows that something is lost',
  async (t) => {
    t.same(summary(sort(['base 5.1', 'changes 5.1.1', 'changes 5.1.2'])), [['5.1', 2, false]])
    t.same(
      summary(sort(['base 5.1', 'changes 5.1.1', 'changes 5.1.2 0/2'])),
      [['5.1', 1, false]],
      'the last ones had not arrived'
    )
    t.same(summary(sort(['base 5.1', 'changes 5.1.1', 'changes 5.1.3'])), [['5.1', 1, true]])
    t.same(summary(sort(['base 5.1', 'changes 5.1.2'])), [['5.1', 0, true]])
  }
)

t.test('a base that was on its way is no loss; one that changes follow was whole once', async (t) => {
  t.same(summary(sort(['base 5.1', 'base 5.2 0/2'])), [['5.1', 0, false]])
  t.same(summary(sort(['base 5.1', 'base 5.2 0/2', 'changes 5.2.1'])), [['5.1', 0, true]])
})
