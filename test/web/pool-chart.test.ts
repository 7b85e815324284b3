/** What the picture of groups is made of: coordinates, attempts, and settings as a form has them. */

import t from 'tap'
import { spansOf, withTold, workedSeconds } from '../../web/pools/attempts.ts'
import { COLOURS, layOut, niceMax } from '../../web/pools/chart-layout.ts'
import type { LayoutInput } from '../../web/pools/chart-layout.ts'
import { durationOf, emptySettings, settingsOf, textOfSettings } from '../../web/pools/settings.ts'
import type { Group, PoolSettings, Producer } from '../../web/pools/shapes.ts'

const HOUR_MS = 3_600_000
const START = Date.UTC(2026, 10, 22)
const iso = (ms: number): string => new Date(ms).toISOString()

const groupAt = (hour: number, more: Partial<Group> = {}): Group => ({
  group: `${hour}.${more.generation ?? 0}`,
  start: iso(START + hour * HOUR_MS),
  end: iso(START + (hour + 1) * HOUR_MS),
  generation: 0,
  late: false,
  state: 'done',
  closes_at: iso(START + (hour + 1) * HOUR_MS),
  closed_at: null,
  files: 10,
  bytes: 1000,
  producers: 2,
  server: null,
  lease_until: null,
  attempts: 1,
  due_at: null,
  failure: null,
  result: null,
  ended_at: null,
  emptied: false,
  ...more
})
const producer = (n: number, files: number): Producer => ({ user: `u${n}`, name: `n${n}`, files, bytes: 1 })

const inputOf = (groups: Group[], more: Partial<LayoutInput> = {}): LayoutInput => ({
  groups,
  producers: new Map(),
  spans: new Map(),
  from: START,
  to: START + 24 * HOUR_MS,
  windowMs: HOUR_MS,
  width: 900,
  ...more
})

t.test('groups of one window stand side by side within it, whatever came first', async (t) => {
  const late = groupAt(3, { generation: 1, late: true, files: 5 })
  const layout = layOut(inputOf([late, groupAt(3), groupAt(2, { files: 20 })]))
  t.same(
    layout.bars.map(({ group }) => group.group),
    ['2.0', '3.0', '3.1']
  )
  const [first, second, third] = layout.bars
  t.equal(second?.slot.x, layout.xOf(START + 3 * HOUR_MS))
  t.equal(third?.slot.x, (second?.slot.x ?? 0) + (second?.slot.width ?? 0))
  t.equal(first?.slot.width, 2 * (second?.slot.width ?? 0))
  t.equal(first?.bar.height, 2 * (second?.bar.height ?? 0), 'height is files')
  for (const { bar, slot } of layout.bars)
    t.ok(bar.x >= slot.x && bar.x + bar.width <= slot.x + slot.width, 'each within its place')
  t.ok(layout.width > 900, 'two in a window need room: the picture is wider than its place')
})

t.test('a bar is stacked by producer, and whoever has no colour is among the others', async (t) => {
  const many = Array.from({ length: COLOURS + 2 }, (_, n) => producer(n, COLOURS + 2 - n))
  const files = many.reduce((sum, each) => sum + each.files, 0)
  const layout = layOut(
    inputOf([groupAt(1, { files: files + 4 }), groupAt(2)], { producers: new Map([['1.0', many]]) })
  )
  t.same(
    layout.named,
    many.slice(0, COLOURS).map(({ name }) => name)
  )
  const [bar, unknown] = layout.bars
  t.equal(bar?.segments.length, COLOURS + 1)
  t.match(bar?.segments.at(-1), { producer: -1, files: 2 + 1 + 4 }, 'with those that were not told')
  const height = bar?.segments.reduce((sum, segment) => sum + segment.height, 0) ?? 0
  t.ok(Math.abs(height - (bar?.bar.height ?? 0)) < 0.001, 'all of it is shown')
  t.match(unknown?.segments, [{ producer: -1, files: 10 }], 'one whose producers are not there yet')
  t.ok(layout.hasOthers)
})

t.test('nothing, one file, and a million: there is a scale', async (t) => {
  for (const [value, top] of [
    [1, 1],
    [2, 2],
    [3, 5],
    [8, 10],
    [11, 20],
    [1_000_000, 1_000_000]
  ] as const)
    t.equal(niceMax(value), top)
  t.same(layOut(inputOf([])).bars, [])
  t.same(
    layOut(inputOf([groupAt(0, { files: 1 })])).ticks.map(({ files }) => files),
    [0, 1]
  )
  const { bars } = layOut(inputOf([groupAt(0, { files: 0 }), groupAt(1, { files: 1_000_000 })]))
  for (const { bar, slot } of bars)
    for (const { x, y, width, height } of [bar, slot]) t.ok([x, y, width, height].every(Number.isFinite))
})

t.test('attempts follow from events, in lanes that do not cover each other', async (t) => {
  const told = (type: string, subject: string, minute: number) => ({
    type: `group.${type}`,
    subject,
    time: iso(START + minute * 60_000)
  })
  let attempts = withTold(new Map(), [
    told('failed', '0.0', 1),
    told('taken', '0.0', 65),
    told('failed', '0.0', 70),
    told('taken', '1.0', 125)
  ])
  t.same(attempts.get('0.0'), [{ from: START + 65 * 60_000, to: START + 70 * 60_000, isFailed: true }])
  attempts = withTold(attempts, [
    told('taken', '0.0', 80),
    told('taken', '0.0', 90),
    told('done', '0.0', 130)
  ])
  t.same(
    attempts.get('0.0')?.map(({ isFailed }) => isFailed),
    [true, true, false],
    'whoever takes it ends what was before'
  )
  const now = START + 140 * 60_000
  t.equal(workedSeconds(attempts.get('0.0') ?? [], now), (5 + 10 + 40) * 60)
  t.equal(workedSeconds(attempts.get('1.0') ?? [], now), 15 * 60, 'and what goes on, up to now')
  const groups = [
    groupAt(0, { closed_at: iso(START + 60 * 60_000), ended_at: iso(START + 130 * 60_000) }),
    groupAt(1, { state: 'processing', closed_at: iso(START + 120 * 60_000) }),
    groupAt(2, { state: 'open' })
  ]
  const spans = new Map(
    groups.map((group) => [group.group, spansOf(group, attempts.get(group.group) ?? [], now)] as const)
  )
  t.same(
    spans.get('0.0')?.map(({ kind }) => kind),
    ['waiting', 'failed', 'failed', 'done']
  )
  t.same(spans.get('2.0'), [])
  const { bars } = layOut(inputOf(groups, { spans }))
  const lanes = bars.slice(0, 2).map(({ spans: [, span] }) => span?.y)
  t.not(lanes[0], lanes[1])
})

t.test('settings come out of the form as they went in, and what is not possible is said', async (t) => {
  const settings: PoolSettings = {
    frequency_s: 5400,
    window_s: 86_400,
    grace_s: 0,
    tolerance_s: 300,
    max_age_s: 30 * 86_400,
    close_at_producers: null,
    lease_s: 7,
    attempts_max: 3,
    files_kept_s: 7 * 86_400,
    results_kept_s: 30.5 * 86_400
  }
  const text = textOfSettings(settings)
  t.same(settingsOf(text, settings), {}, 'nothing has changed')
  t.same(durationOf(5400), { amount: '90', unit: 'min' })
  t.same(durationOf(0.5), { amount: '0.5', unit: 's' })
  t.same(settingsOf(emptySettings()), { frequency_s: 3600 }, 'a new pool has what the server thinks is right')
  const given = (amount: string) => ({
    ...text,
    durations: { ...text.durations, grace_s: { amount, unit: 'min' as const } }
  })
  t.same(settingsOf(given('1,5'), settings), { grace_s: 90 })
  for (const bad of ['', '-1', 'NaN', '1e9', 'two', 'Infinity'])
    t.type(settingsOf(given(bad), settings), 'string', `${bad} is none`)
  const counts = (attempts_max: string) => ({ ...text, counts: { ...text.counts, attempts_max } })
  for (const bad of ['', '0', '1.5', 'x']) t.type(settingsOf(counts(bad), settings), 'string')
  const many = { ...text, counts: { attempts_max: '3', close_at_producers: '12' } }
  t.same(settingsOf(many, settings), { close_at_producers: 12 })
})
