/** Draws the timeline of a run as SVG: lanes of processes with their faults, requests, copies and latency, all over one axis of time. */

import type { RequestMark, Sample } from '../history.ts'
import type { Violation } from '../ledger.ts'
import type { Timeline } from '../report.ts'

const WIDTH_MIN = 1040
const PIXELS_PER_SECOND_MIN = 5
const LABELS = 132
const AXIS = 26
const LANE = 24
const STRIP = 74
const GAP = 30
/** Columns of the strip and points of the latency lines. */
const BUCKETS_MAX = 160

export const escapeHtml = (text: string): string =>
  text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)

/** The class that colours a fault. */
export function colourOf(kind: string): string {
  if (kind.startsWith('kill')) return 'kill'
  if (kind.startsWith('pause')) return 'pause'
  if (kind.startsWith('partition')) return 'net'
  if (kind.endsWith('clients')) return 'client'
  if (kind === 'slow-link') return 'slow'
  if (kind === 'disk-full') return 'disk'
  if (kind === 'wipe-disk' || kind === 'flip-bits') return 'copy'
  if (kind.startsWith('lose')) return 'gone'
  return kind === 'died' ? 'died' : 'note'
}

export const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`

/** Where things are on the drawing. */
interface Frame {
  width: number
  x: (ms: number) => number
  /** Tops of the four parts, and the height of all. */
  tops: { lanes: number; requests: number; copies: number; latency: number; bottom: number }
}

function frameOf({ totalMs, processes }: Timeline): Frame {
  const width = Math.max(WIDTH_MIN, (totalMs / 1000) * PIXELS_PER_SECOND_MIN)
  const lanes = AXIS
  const requests = lanes + processes.length * LANE + GAP
  const copies = requests + STRIP + GAP
  const latency = copies + STRIP + GAP
  return {
    width,
    x: (ms) => Math.round((Math.min(ms, totalMs) / totalMs) * (width - 20) * 10) / 10,
    tops: { lanes, requests, copies, latency, bottom: latency + STRIP + 8 }
  }
}

export function drawTimeline(timeline: Timeline, violations: readonly Violation[]): string {
  const frame = frameOf(timeline)
  const { width, tops } = frame
  const plot = [
    grid(timeline, frame),
    lanes(timeline, frame),
    requests(timeline, frame),
    copies(timeline.samples, frame),
    latency(timeline, frame),
    ...violations.map((violation, number) => moment(violation, number + 1, frame))
  ].join('')
  const label = (top: number, text: string, more = ''): string =>
    `<text class="name head" x="18" y="${top + 16}">${text}</text><text class="tick" x="18" y="${top + 33}">${more}</text>`
  const names = timeline.processes.map(
    ({ name }, i) => `<text class="name" x="18" y="${tops.lanes + i * LANE + 16}">${escapeHtml(name)}</text>`
  )
  const labels = [
    ...names,
    label(tops.requests, 'requests', 'at once, answered'),
    label(tops.copies, 'chunks', `up to ${Math.max(1, ...timeline.samples.map(({ chunks }) => chunks))}`),
    label(tops.latency, 'latency', `up to ${seconds(slowest(timeline.requests))}`)
  ].join('')
  return `<div class="card plot"><svg width="${LABELS}" height="${tops.bottom}" aria-hidden="true">${labels}</svg>
<div class="scroll" tabindex="0"><svg width="${width}" height="${tops.bottom}" role="img" aria-label="Timeline of the run">${plot}</svg></div></div>`
}

function grid({ totalMs, endedMs }: Timeline, { x, width, tops }: Frame): string {
  const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600].map((step) => step * 1000)
  const step = steps.find((candidate) => (candidate / totalMs) * width >= 64) ?? 1_200_000
  const all = Array.from({ length: Math.floor(totalMs / step) + 1 }, (_, i) => i * step)
  const ticks = all.filter((ms) => x(ms) < width - 56)
  const heal = `<rect class="heal" x="${x(endedMs)}" y="${AXIS}" width="${x(totalMs) - x(endedMs)}" height="${tops.bottom - AXIS}"/><text class="tick" x="${x(endedMs) + 5}" y="${tops.requests - 10}">faults end here, everything heals</text>`
  const lines = ticks.map((ms) => {
    const text =
      ms >= 120_000
        ? `${Math.floor(ms / 60_000)}:${String((ms / 1000) % 60).padStart(2, '0')} min`
        : `${ms / 1000} s`
    return `<line class="grid" x1="${x(ms)}" x2="${x(ms)}" y1="${AXIS - 6}" y2="${tops.bottom}"/><text class="tick" x="${x(ms) + 3}" y="14">${text}</text>`
  })
  return heal + lines.join('')
}

function lanes({ processes, spans }: Timeline, { x, width, tops }: Frame): string {
  const rows = processes.map(
    (_, i) =>
      `<rect class="lane" x="0" y="${tops.lanes + i * LANE + 3}" width="${width}" height="${LANE - 6}" rx="4"/>`
  )
  const bars = spans.flatMap((span) => {
    const lane = processes.findIndex(({ name }) => name === span.process)
    if (lane < 0) return []
    // what happens to the network is drawn thin, so that what happens to the process shows beside it
    const thin = colourOf(span.kind) === 'net' || colourOf(span.kind) === 'note'
    const y = tops.lanes + lane * LANE + (thin ? LANE - 10 : 5)
    const barWidth = Math.max(3, x(span.toMs) - x(span.fromMs))
    const title = `${span.kind}, ${seconds(span.fromMs)} to ${seconds(span.toMs)}: ${span.text}`
    return `<rect class="bar ${colourOf(span.kind)}" x="${x(span.fromMs)}" y="${y}" width="${barWidth}" height="${thin ? 5 : LANE - 10}"><title>${escapeHtml(title)}</title></rect>`
  })
  return rows.join('') + bars.join('')
}

const bucketOf = (timeline: Timeline): number => Math.max(500, timeline.totalMs / BUCKETS_MAX)

function bucketed(timeline: Timeline): RequestMark[][] {
  const size = bucketOf(timeline)
  const buckets: RequestMark[][] = Array.from({ length: Math.ceil(timeline.totalMs / size) + 1 }, () => [])
  for (const request of timeline.requests)
    buckets[Math.floor((request.atMs + request.tookMs) / size)]?.push(request)
  return buckets
}

const OUTCOMES = ['ok', 'failed', 'unknown'] as const

/** Columns of requests by the moment of their answers: fine below, failed and unknown above. */
function requests(timeline: Timeline, { x, tops }: Frame): string {
  const size = bucketOf(timeline)
  const buckets = bucketed(timeline)
  const most = Math.max(1, ...buckets.map(({ length }) => length))
  return buckets
    .flatMap((bucket, i) => {
      let y = tops.requests + STRIP
      return OUTCOMES.map((outcome) => {
        const count = bucket.filter((request) => request.outcome === outcome).length
        if (count === 0) return ''
        const height = Math.max(2, (count / most) * STRIP)
        y -= height
        const width = Math.max(2, x(size) - 1)
        return `<rect class="${outcome}" x="${x(i * size)}" y="${y.toFixed(1)}" width="${width.toFixed(1)}" height="${height.toFixed(1)}"><title>${count} ${outcome} at ${seconds(i * size)}</title></rect>`
      })
    })
    .join('')
}

const points = (pairs: ReadonlyArray<readonly [number, number]>): string =>
  pairs.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(' ')

function copies(samples: readonly Sample[], { x, tops }: Frame): string {
  if (samples.length === 0) return ''
  const most = Math.max(1, ...samples.map(({ chunks }) => chunks))
  const bottom = tops.copies + STRIP
  const line = (pick: (sample: Sample) => number): Array<readonly [number, number]> =>
    samples.map((sample) => [x(sample.atMs), bottom - (pick(sample) / most) * (STRIP - 4)])
  const total = line(({ chunks }) => chunks)
  const area = [
    ...total,
    [x(samples.at(-1)?.atMs ?? 0), bottom] as const,
    [x(samples[0]?.atMs ?? 0), bottom] as const
  ]
  const dots = samples.map(
    (sample) =>
      `<rect x="${x(sample.atMs) - 2}" y="${tops.copies}" width="4" height="${STRIP}" fill="transparent"><title>${seconds(sample.atMs)}: ${sample.chunks} chunks, ${sample.owed} owed a copy, ${sample.withoutCopy} without any yet, ${sample.activeNodes} nodes active</title></rect>`
  )
  return [
    `<polygon class="total" points="${points(area)}"/><polyline class="total" points="${points(total)}"/>`,
    `<polyline class="owed" points="${points(line(({ owed }) => owed))}"/>`,
    `<polyline class="none" points="${points(line(({ withoutCopy }) => withoutCopy))}"/>`,
    ...dots
  ].join('')
}

const slowest = (marks: readonly RequestMark[]): number =>
  Math.max(100, ...marks.filter(({ outcome }) => outcome === 'ok').map(({ tookMs }) => tookMs))

/** Median and 95th percentile of what was answered well, on a scale of logarithms: seconds of waiting must not flatten the rest. */
function latency(timeline: Timeline, { x, tops }: Frame): string {
  const size = bucketOf(timeline)
  const most = Math.log10(slowest(timeline.requests))
  const line = (share: number): Array<readonly [number, number]> =>
    bucketed(timeline).flatMap((bucket, i) => {
      const sorted = bucket
        .filter(({ outcome }) => outcome === 'ok')
        .map(({ tookMs }) => tookMs)
        .toSorted((a, b) => a - b)
      const value = sorted[Math.floor(share * (sorted.length - 1))]
      if (value === undefined) return []
      const height = Math.max(0, (Math.log10(Math.max(1, value)) - 0.5) / (most - 0.5))
      return [[x(i * size), tops.latency + STRIP - height * (STRIP - 4)] as const]
    })
  // where nothing was answered for a while there is no line
  const broken = (className: string, share: number): string => {
    const parts: Array<Array<readonly [number, number]>> = []
    for (const point of line(share)) {
      const last = parts.at(-1)?.at(-1)
      if (last !== undefined && point[0] - last[0] <= 3 * x(size)) parts.at(-1)?.push(point)
      else parts.push([point])
    }
    return parts
      .map((part) => (part.length > 1 ? part : [...part, ...part.map(([px, py]) => [px + 3, py] as const)]))
      .map((part) => `<polyline class="${className}" points="${points(part)}"/>`)
      .join('')
  }
  return broken('p95', 0.95) + broken('p50', 0.5)
}

function moment({ atMs, invariant, text }: Violation, number: number, { x, tops }: Frame): string {
  return `<g class="moment" id="moment-${number}"><line x1="${x(atMs)}" x2="${x(atMs)}" y1="${AXIS}" y2="${tops.bottom}"/><circle cx="${x(atMs)}" cy="${AXIS}" r="9"/><text x="${x(atMs)}" y="${AXIS + 4}" text-anchor="middle">${number}</text><title>${escapeHtml(`${invariant}: ${text}`)}</title></g>`
}
