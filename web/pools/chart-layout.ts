/** Where everything of the picture of groups stands: pure, from groups, producers and times to coordinates. */

import type { Group, GroupState, Producer } from './shapes.ts'

/** Ms; `to` of one that runs is now. */
export interface Span {
  readonly from: number
  readonly to: number
  readonly kind: 'waiting' | 'working' | 'done' | 'failed'
}

export interface LayoutInput {
  readonly groups: readonly Group[]
  /** By group; of those that are not there yet only the sum is shown. */
  readonly producers: ReadonlyMap<string, readonly Producer[]>
  /** By group. */
  readonly spans: ReadonlyMap<string, readonly Span[]>
  readonly from: number
  readonly to: number
  readonly windowMs: number
  /** What there is room for; the picture may be wider, and scrolls then. */
  readonly width: number
}

export interface Box {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

export interface Segment extends Box {
  /** Place in the legend; -1: all who have no place of their own. */
  readonly producer: number
  readonly name: string
  readonly files: number
}

export interface Bar {
  readonly group: Group
  /** What is pointed at. */
  readonly slot: Box
  readonly bar: Box
  readonly state: GroupState
  readonly segments: readonly Segment[]
  readonly spans: ReadonlyArray<Box & { readonly kind: Span['kind'] }>
}

export interface Layout {
  readonly width: number
  readonly height: number
  readonly plot: Box
  /** Below it: when groups were worked on. */
  readonly lanes: Box
  readonly bars: readonly Bar[]
  readonly columns: readonly Box[]
  readonly ticks: ReadonlyArray<{ readonly y: number; readonly files: number }>
  readonly labels: ReadonlyArray<{ readonly x: number; readonly at: number; readonly hasDay: boolean }>
  /** Names of producers that have a colour, the one with most files first. */
  readonly named: readonly string[]
  readonly hasOthers: boolean
  readonly xOf: (ms: number) => number
}

export const COLOURS = 6
const LEFT = 8
/** The scale stands where the newest is: when the picture scrolls, it stays in sight. */
const RIGHT = 44
const TOP = 40
const PLOT_HEIGHT = 170
const AXIS = 44
const LANE = 12
const LANES_MAX = 6
const LANE_GAP = 4
/** For a word below. */
const NOW_HEIGHT = 20
/** Of a window, and of each of several groups in it: enough for a finger. */
const COLUMN_MIN = 32
const SLOT_MIN = 26
const SLOTS_MAX = 4
const SPAN_MIN = 5
const LABEL_MIN = 72
const BAR_MAX = 46

const msOf = (iso: string): number => Date.parse(iso)

/** 1, 2 or 5 and zeros: the next of these that is not smaller. */
export function niceMax(value: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, value)))
  return [1, 2, 5, 10].map((step) => step * power).find((each) => each >= value) ?? 10 * power
}

interface Ranked {
  readonly names: readonly string[]
  /** By id of a user. */
  readonly places: ReadonlyMap<string, number>
}

/** Those that sent most in all get colours of their own. Several of one name are told apart by their ids. */
function rank(input: Pick<LayoutInput, 'groups' | 'producers'>): Ranked {
  const totals = new Map<string, { user: string; name: string; files: number }>()
  for (const { group } of input.groups)
    for (const { user, name, files } of input.producers.get(group) ?? []) {
      const before = totals.get(user)?.files ?? 0
      totals.set(user, { user, name, files: before + files })
    }
  const most = [...totals.values()]
    .sort((a, b) => b.files - a.files || (a.user < b.user ? -1 : 1))
    .slice(0, COLOURS)
  return {
    names: most.map(({ name }) => name),
    places: new Map(most.map(({ user }, place) => [user, place]))
  }
}

interface Part {
  readonly producer: number
  readonly name: string
  readonly files: number
}

/** What a bar is stacked of, from below; what nobody is known for comes last. */
function partsOf(group: Group, producers: readonly Producer[], places: Ranked['places']): Part[] {
  const parts = producers
    .flatMap(({ user, name, files }) => {
      const producer = places.get(user)
      return producer === undefined ? [] : [{ producer, name, files }]
    })
    .sort((a, b) => a.producer - b.producer)
  const rest = group.files - parts.reduce((sum, { files }) => sum + files, 0)
  return rest > 0 ? [...parts, { producer: -1, name: '', files: rest }] : parts
}

/** Groups by their window, in the order of their generations. */
function byWindow(groups: readonly Group[]): Group[][] {
  const windows = new Map<string, Group[]>()
  for (const group of groups) {
    const key = `${group.start} ${group.end}`
    windows.set(key, [...(windows.get(key) ?? []), group])
  }
  for (const window of windows.values()) window.sort((a, b) => a.generation - b.generation)
  return [...windows.values()].sort((a, b) => msOf(a[0]?.start ?? '') - msOf(b[0]?.start ?? ''))
}

/** The first lane that is free at a time. */
function laneOf(busyUntil: number[], from: number, to: number): number {
  const free = busyUntil.findIndex((until) => until <= from)
  const lane = free >= 0 ? free : Math.min(busyUntil.length, LANES_MAX - 1)
  busyUntil[lane] = Math.max(to, busyUntil[lane] ?? 0)
  return lane
}

const labelsOf = (input: LayoutInput, column: number, xOf: (ms: number) => number): Layout['labels'] => {
  const { from, to, windowMs } = input
  const step = Math.max(1, Math.ceil(LABEL_MIN / column)) * windowMs
  const labels: Array<{ x: number; at: number; hasDay: boolean }> = []
  let day = ''
  for (let at = Math.ceil(from / windowMs) * windowMs; at < to; at += step) {
    const name = new Date(at).toDateString()
    labels.push({ x: xOf(at), at, hasDay: name !== day })
    day = name
  }
  return labels
}

export function layOut(input: LayoutInput): Layout {
  const { groups, from, to, windowMs } = input
  const windows = byWindow(groups)
  const most = Math.min(SLOTS_MAX, Math.max(1, ...windows.map((window) => window.length)))
  const count = Math.max(1, Math.round((to - from) / windowMs))
  const least = Math.max(COLUMN_MIN, most * SLOT_MIN)
  const width = Math.max(input.width, LEFT + RIGHT + count * least)
  const plotWidth = width - LEFT - RIGHT
  const xOf = (ms: number): number => LEFT + ((ms - from) / (to - from)) * plotWidth
  const top = niceMax(Math.max(1, ...groups.map(({ files }) => files)))
  const { names, places } = rank(input)
  const busyUntil: number[] = []
  const bottom = TOP + PLOT_HEIGHT
  const place = { input, xOf, bottom, top, places, busyUntil }
  const bars = windows.flatMap((window) =>
    window.map((group, slot) => barOf(place, group, slot, window.length))
  )
  const lanesHeight = Math.max(1, busyUntil.length) * (LANE + LANE_GAP)
  const plot = { x: LEFT, y: TOP, width: plotWidth, height: PLOT_HEIGHT }
  return {
    width,
    height: bottom + AXIS + lanesHeight + NOW_HEIGHT,
    plot,
    lanes: { x: LEFT, y: bottom + AXIS, width: plotWidth, height: lanesHeight },
    bars,
    columns: columnsOf(input, xOf),
    ticks: [0, top / 2, top]
      .filter((files) => Number.isInteger(files))
      .map((files) => ({ files, y: bottom - (files / top) * PLOT_HEIGHT })),
    labels: labelsOf(input, plotWidth / count, xOf),
    named: names,
    hasOthers: bars.some(({ segments }) => segments.some(({ producer }) => producer < 0)),
    xOf
  }
}

/** Every other window has a ground, so that eyes keep to their column. */
function columnsOf({ from, to, windowMs }: LayoutInput, xOf: (ms: number) => number): Box[] {
  const columns: Box[] = []
  for (let at = Math.ceil(from / windowMs) * windowMs; at < to; at += windowMs)
    if ((at / windowMs) % 2 === 0)
      columns.push({ x: xOf(at), y: TOP, width: xOf(at + windowMs) - xOf(at), height: PLOT_HEIGHT })
  return columns
}

interface Place {
  readonly input: LayoutInput
  readonly xOf: (ms: number) => number
  readonly bottom: number
  /** Files at the upper end. */
  readonly top: number
  readonly places: Ranked['places']
  readonly busyUntil: number[]
}

function barOf(place: Place, group: Group, index: number, slots: number): Bar {
  const { input, xOf, bottom, top, places } = place
  const start = xOf(msOf(group.start))
  const width = (xOf(msOf(group.end)) - start) / slots
  const x = start + index * width
  const barWidth = Math.min(BAR_MAX, Math.max(4, width - 6))
  const barX = x + (width - barWidth) / 2
  const heightOf = (files: number): number => (files / top) * PLOT_HEIGHT
  const parts = partsOf(group, input.producers.get(group.group) ?? [], places)
  let y = bottom
  const segments = parts.map((part) => {
    const height = heightOf(part.files)
    y -= height
    return { ...part, x: barX, y, width: barWidth, height }
  })
  const height = heightOf(group.files)
  return {
    group,
    slot: { x, y: 0, width, height: bottom },
    bar: { x: barX, y: bottom - height, width: barWidth, height },
    state: group.state,
    segments,
    spans: spansOf(place, input.spans.get(group.group) ?? [])
  }
}

/** All of a group in one lane below the axis; what is over before or begins after the picture is left out. */
function spansOf({ input, xOf, bottom, busyUntil }: Place, spans: readonly Span[]): Bar['spans'] {
  const shown = spans.filter(({ from, to }) => to >= input.from && from <= input.to)
  const [first] = shown
  if (first === undefined) return []
  const boxes = shown.map(({ from, to, kind }) => {
    const x = xOf(Math.max(from, input.from))
    const width = Math.max(SPAN_MIN, xOf(Math.min(to, input.to)) - x)
    return { x, width, kind }
  })
  const end = Math.max(...boxes.map(({ x, width }) => x + width))
  const lane = laneOf(busyUntil, Math.min(...boxes.map(({ x }) => x)), end + 2)
  const y = bottom + AXIS + lane * (LANE + LANE_GAP)
  return boxes.map(({ x, width, kind }) => ({
    kind,
    x,
    width,
    y: kind === 'waiting' ? y + LANE / 2 - 1 : y,
    height: kind === 'waiting' ? 2 : LANE
  }))
}
