/** The picture of groups: windows along time, files stacked by producer, and below when they were worked on. Its words are said by each group's label, and by the table below it. */

import type { JSX } from 'preact'
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import { poolTexts } from '../../src/edge/pool-texts.ts'
import type { Bar, Layout } from './chart-layout.ts'
import { Mark } from './marks.tsx'
import { clockText, dayText } from './window-text.ts'

const words = poolTexts.groups
const HATCH = 'late-hatch'
const MARK_Y = 12

interface ChartProps {
  readonly layout: Layout
  readonly now: number
  /** What a group is, in one sentence. */
  readonly labelOf: (bar: Bar) => string
  readonly onPoint: (group: string | undefined) => void
  readonly onOpen: (group: string) => void
}

/** How wide an element is, as long as it is there. */
export function useWidth(): [(element: HTMLElement | null) => void, number] {
  const [element, setElement] = useState<HTMLElement | null>(null)
  const [width, setWidth] = useState(0)
  useLayoutEffect(() => {
    if (element === null) return
    const measure = (): void => setWidth(element.clientWidth)
    const observer = new ResizeObserver(measure)
    observer.observe(element)
    measure()
    return () => observer.disconnect()
  }, [element])
  return [setElement, width]
}

/** One stop for the Tab key; arrows go on from there. */
function useArrows(bars: readonly Bar[]): {
  active: string | undefined
  setActive: (group: string) => void
  onKeyDown: (event: KeyboardEvent, index: number) => void
  svg: { current: SVGSVGElement | null }
} {
  const [chosen, setActive] = useState<string>()
  const svg = useRef<SVGSVGElement>(null)
  const isThere = bars.some(({ group }) => group.group === chosen)
  const active = isThere ? chosen : bars.at(-1)?.group.group
  const onKeyDown = (event: KeyboardEvent, index: number): void => {
    const last = bars.length - 1
    const places: Record<string, number> = {
      ArrowLeft: Math.max(0, index - 1),
      ArrowRight: Math.min(last, index + 1),
      Home: 0,
      End: last
    }
    const goal = bars[places[event.key] ?? -1]
    if (goal === undefined) return
    event.preventDefault()
    setActive(goal.group.group)
    const element = svg.current?.querySelector<SVGGElement>(`[data-group="${goal.group.group}"]`)
    element?.focus()
    element?.scrollIntoView({ block: 'nearest', inline: 'nearest' })
  }
  return { active, setActive, onKeyDown, svg }
}

export function Chart({ layout, now, labelOf, onPoint, onOpen }: ChartProps): JSX.Element {
  const { width, height, plot, bars } = layout
  const { active, setActive, onKeyDown, svg } = useArrows(bars)
  const isNowShown = layout.xOf(now) >= plot.x && layout.xOf(now) <= plot.x + plot.width
  return (
    <svg
      ref={svg}
      class="chart"
      id="chart"
      role="group"
      aria-label={words.chart}
      width={width}
      height={height}
      viewBox={`0 0 ${width} ${height}`}
      onPointerLeave={() => onPoint(undefined)}
    >
      <defs>
        <pattern id={HATCH} width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
          <line class="hatch" x1="0" y1="0" x2="0" y2="6" />
        </pattern>
      </defs>
      <Ground layout={layout} />
      {isNowShown && <Now x={layout.xOf(now)} layout={layout} />}
      {bars.map((bar, index) => (
        <g
          key={bar.group.group}
          class="bar-group"
          role="button"
          tabIndex={bar.group.group === active ? 0 : -1}
          aria-label={labelOf(bar)}
          aria-haspopup="dialog"
          data-group={bar.group.group}
          data-state={bar.state}
          data-late={bar.group.late ? '' : undefined}
          onPointerEnter={() => onPoint(bar.group.group)}
          onFocus={() => {
            setActive(bar.group.group)
            onPoint(bar.group.group)
          }}
          onBlur={() => onPoint(undefined)}
          onClick={() => onOpen(bar.group.group)}
          onKeyDown={(event) => {
            if (event.key !== 'Enter' && event.key !== ' ') return onKeyDown(event, index)
            event.preventDefault()
            onOpen(bar.group.group)
          }}
        >
          <BarView bar={bar} />
        </g>
      ))}
    </svg>
  )
}

function BarView({ bar }: { bar: Bar }): JSX.Element {
  const { slot, group, segments, spans } = bar
  const middle = bar.bar.x + bar.bar.width / 2
  return (
    <>
      <rect class="slot" x={slot.x + 1} y={slot.y + 1} width={slot.width - 2} height={slot.height} rx="6" />
      {segments.map((segment) => (
        <rect
          key={segment.producer}
          class="segment"
          data-producer={segment.producer}
          x={segment.x}
          y={segment.y}
          width={segment.width}
          height={segment.height}
        />
      ))}
      {group.late && <rect class="late" {...bar.bar} fill={`url(#${HATCH})`} />}
      <rect class="foot-line" x={bar.bar.x} y={slot.height - 1} width={bar.bar.width} height="4" />
      {spans.map((span) => (
        <rect
          key={`${span.kind}:${span.x}`}
          class="span"
          data-kind={span.kind}
          x={span.x}
          y={span.y}
          width={span.width}
          height={span.height}
          rx="2"
        />
      ))}
      <Mark state={bar.state} x={middle} y={MARK_Y} />
      {group.late && (
        <text class="late-word" x={middle} y={MARK_Y + 21} text-anchor="middle">
          {words.late}
        </text>
      )}
    </>
  )
}

/** What stands behind: it is no news to those who hear the labels. */
function Ground({ layout }: { layout: Layout }): JSX.Element {
  const { plot, ticks, labels, columns } = layout
  const bottom = plot.y + plot.height
  return (
    <g aria-hidden="true">
      {columns.map((column) => (
        <rect key={column.x} class="column" {...column} />
      ))}
      {ticks.map(({ y, files }) => (
        <g key={files}>
          <line class="tick" x1={plot.x} x2={plot.x + plot.width} y1={y} y2={y} />
          <text class="axis" x={plot.x + plot.width + 6} y={y + 4}>
            {files}
          </text>
        </g>
      ))}
      <text class="axis" x={plot.x + plot.width + 6} y={plot.y - 12}>
        {words.axis}
      </text>
      {labels.map(({ x, at, hasDay }) => (
        <g key={at}>
          <line class="tick" x1={x} x2={x} y1={bottom} y2={bottom + 6} />
          <text class="axis" x={x + 3} y={bottom + 18}>
            {clockText(at)}
          </text>
          {hasDay && (
            <text class="axis day" x={x + 3} y={bottom + 33}>
              {dayText(at)}
            </text>
          )}
        </g>
      ))}
    </g>
  )
}

/** Behind the bars; it leaves out the words of the axis. */
function Now({ x, layout }: { x: number; layout: Layout }): JSX.Element {
  const { plot, lanes } = layout
  return (
    <g aria-hidden="true">
      <line class="now" x1={x} x2={x} y1={plot.y} y2={plot.y + plot.height} />
      <line class="now" x1={x} x2={x} y1={lanes.y} y2={lanes.y + lanes.height} />
      <text class="axis now-word" x={x} y={lanes.y + lanes.height + 14} text-anchor="middle">
        {words.nowLine}
      </text>
    </g>
  )
}

/** Near enough to the end. */
const END_PX = 8

/** The newest stays in sight when the picture becomes wider than its place, unless somebody has scrolled away from it. */
export function useNewestInSight(element: HTMLElement | null, ...widths: readonly number[]): void {
  const isAtEnd = useRef(true)
  useEffect(() => {
    if (element === null) return
    const follow = (): void => {
      isAtEnd.current = element.scrollLeft + element.clientWidth >= element.scrollWidth - END_PX
    }
    element.addEventListener('scroll', follow)
    return () => element.removeEventListener('scroll', follow)
  }, [element])
  useLayoutEffect(() => {
    if (element !== null && isAtEnd.current) element.scrollLeft = element.scrollWidth
  }, [element, ...widths])
}
