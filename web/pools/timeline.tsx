/** Groups of a pool along time: a picture, what is pointed at in words, the same as a table, and each group to open. */

import type { JSX } from 'preact'
import { useEffect, useMemo, useState } from 'preact/hooks'
import { poolTexts } from '../../src/edge/pool-texts.ts'
import { useLoaded } from '../account/hooks.ts'
import { Loading, Problem } from '../account/parts.tsx'
import { Chart, useNewestInSight, useWidth } from './chart.tsx'
import { COLOURS, layOut } from './chart-layout.ts'
import type { Bar, Layout, Span } from './chart-layout.ts'
import { useGroups, useProducers } from './group-data.ts'
import { GroupSheet } from './group-sheet.tsx'
import { GroupTable } from './group-table.tsx'
import { MarkIcon } from './marks.tsx'
import { listGroups } from './pool-api.ts'
import type { Group, GroupState, Pool } from './shapes.ts'
import { spansOf, workedSeconds } from './attempts.ts'
import type { Attempts } from './attempts.ts'
import { useAttempts } from './spans.ts'
import { momentText, windowText } from './window-text.ts'

const words = poolTexts.groups
const WINDOWS = 24
/** The line of now, and what is under way, move on. */
const TICK_MS = 5000

/** The server's time, by what it said when the pool was loaded. */
function useNow(pool: Pool): number {
  const ahead = useMemo(() => Date.parse(pool.server_time) - Date.now(), [pool])
  const [now, setNow] = useState(() => Date.now() + ahead)
  useEffect(() => {
    const tick = (): void => {
      if (!document.hidden) setNow(Date.now() + ahead)
    }
    tick()
    const timer = setInterval(tick, TICK_MS)
    document.addEventListener('visibilitychange', tick)
    return () => {
      clearInterval(timer)
      document.removeEventListener('visibilitychange', tick)
    }
  }, [ahead])
  return now
}

const endOfWindow = (at: number, windowMs: number): number => (Math.floor(at / windowMs) + 1) * windowMs

/** What stretch is shown. Undefined `end`: up to now, and on with it. */
function useStretch(pool: Pool, now: number) {
  const windowMs = pool.settings.window_s * 1000
  const [end, setEnd] = useState<number>()
  // a timestamp may lie a little ahead, so the next window is shown too
  const newest = endOfWindow(now, windowMs) + windowMs
  const to = end ?? newest
  const length = WINDOWS * windowMs
  return {
    windowMs,
    from: to - length,
    to,
    isNow: end === undefined,
    earlier: () => setEnd(to - length / 2),
    later: () => setEnd(to + length / 2 >= newest ? undefined : to + length / 2),
    toNow: () => setEnd(undefined),
    goTo: (at: number) => setEnd(endOfWindow(at, windowMs) + windowMs)
  }
}
type Stretch = ReturnType<typeof useStretch>

export function Timeline({ pool }: { pool: Pool }): JSX.Element {
  const now = useNow(pool)
  const stretch = useStretch(pool, now)
  const loaded = useGroups(pool.pool, stretch.from, stretch.to)
  const { value } = loaded
  // until those of another stretch are there, what is known of it is shown
  const groups = useMemo(
    () => (value?.groups ?? []).filter((group) => isWithin(group, stretch)),
    [value, stretch.from, stretch.to]
  )
  const producers = useProducers(pool.pool, groups)
  const attempts = useAttempts(pool.pool)
  const [opened, setOpened] = useState<string>()
  const [measure, width] = useWidth()
  const spans = useMemo(() => {
    const all = new Map<string, Span[]>()
    for (const group of groups) all.set(group.group, spansOf(group, attempts.get(group.group) ?? [], now))
    return all
  }, [groups, attempts, now])
  const { from, to, windowMs } = stretch
  const layout = layOut({ groups, producers, spans, from, to, windowMs, width })
  return (
    <section class="card timeline" aria-labelledby="groups-title" aria-busy={loaded.isLoading}>
      <div class="section-head">
        <h2 id="groups-title">{words.title}</h2>
        <Moves stretch={stretch} />
      </div>
      <p class="hint">
        {words.lead} <span id="range">{words.range(momentText(from), momentText(to))}</span>
      </p>
      <Problem text={loaded.problem} onRetry={loaded.reload} />
      <div ref={measure}>
        {loaded.value === undefined && loaded.problem === '' && <Loading />}
        {loaded.value !== undefined && !loaded.isLoading && groups.length === 0 && (
          <Empty pool={pool.pool} stretch={stretch} />
        )}
        {groups.length > 0 && width > 0 && (
          <Picture layout={layout} width={width} now={now} attempts={attempts} onOpen={setOpened} />
        )}
      </div>
      {loaded.value?.isCut === true && <p class="hint">{words.cut}</p>}
      {groups.length > 0 && (
        <GroupTable pool={pool.pool} groups={groups} attempts={attempts} now={now} onOpen={setOpened} />
      )}
      {opened !== undefined && (
        <GroupSheet pool={pool} id={opened} onChange={loaded.reload} onClose={() => setOpened(undefined)} />
      )}
    </section>
  )
}

const isWithin = ({ start }: Group, { from, to }: Stretch): boolean =>
  Date.parse(start) >= from && Date.parse(start) < to

function Moves({ stretch }: { stretch: Stretch }): JSX.Element {
  const { isNow, earlier, later, toNow } = stretch
  return (
    <div class="moves" role="group" aria-label={words.moving}>
      <button class="text-button" type="button" id="earlier" onClick={earlier}>
        {words.earlier}
      </button>
      <button class="text-button" type="button" aria-disabled={isNow} onClick={later}>
        {words.later}
      </button>
      <button class="text-button" type="button" id="to-now" aria-disabled={isNow} onClick={toNow}>
        {words.now}
      </button>
    </div>
  )
}

/** Nothing here; where there was something before, a way to it. */
function Empty({ pool, stretch }: { pool: string; stretch: Stretch }): JSX.Element {
  const newest = useLoaded(`newest:${pool}`, (signal) => listGroups(pool, { limit: 1 }, signal))
  const group = newest.value?.rows[0]
  return (
    <p class="hint" id="no-groups">
      {words.none}{' '}
      {group !== undefined && (
        <button class="text-button" type="button" onClick={() => stretch.goTo(Date.parse(group.start))}>
          {words.toNewest}
        </button>
      )}
    </p>
  )
}

interface PictureProps {
  readonly layout: Layout
  /** Of its place. */
  readonly width: number
  readonly now: number
  readonly attempts: Attempts
  readonly onOpen: (group: string) => void
}

function Picture({ layout, width, now, attempts, onOpen }: PictureProps): JSX.Element {
  const [pointed, setPointed] = useState<string>()
  const [scroller, setScroller] = useState<HTMLElement | null>(null)
  useNewestInSight(scroller, layout.width, width)
  const labelOf = (bar: Bar): string => sentences(bar, attempts, now).join('. ')
  // whatever scrolls can be scrolled by the keyboard
  const isWide = layout.width > width
  const bar = layout.bars.find(({ group }) => group.group === pointed)
  return (
    <>
      <div
        class="chart-scroll"
        ref={setScroller}
        {...(isWide && { tabIndex: 0, role: 'group', 'aria-label': words.scroll })}
      >
        <Chart layout={layout} now={now} labelOf={labelOf} onPoint={setPointed} onOpen={onOpen} />
      </div>
      <div class="pointed" id="pointed" data-state={bar?.state}>
        {bar === undefined ? (
          <p class="hint">{words.hover}</p>
        ) : (
          <>
            <p>
              <MarkIcon state={bar.state} /> <strong>{whatOf(bar.group)}</strong>
            </p>
            <p class="soft">{sentences(bar, attempts, now).slice(1).join(' · ')}</p>
          </>
        )}
      </div>
      <Legend layout={layout} />
    </>
  )
}

const whatOf = (group: Group): string => words.what(windowText(group), words.states[group.state], group.late)

/** What a bar says: what it is, its numbers, its producers, its work, its result. */
function sentences({ group, segments }: Bar, attempts: Attempts, now: number): string[] {
  const of = attempts.get(group.group) ?? []
  const seconds = workedSeconds(of, now)
  const isWorking = group.state === 'processing'
  const parts = segments.map(({ name, files }) => ({ name: name === '' ? words.others : name, files }))
  return [
    whatOf(group),
    words.numbers(group.files, group.bytes, group.producers),
    ...(parts.some(({ name }) => name !== words.others) ? [words.producers(parts)] : []),
    ...(of.length > 0 ? [isWorking ? words.workedSoFar(seconds) : words.took(seconds)] : []),
    ...(group.result === null ? [] : [words.result(group.result.size)])
  ]
}

const STATES = Object.keys(words.states) as GroupState[]

function Legend({ layout }: { layout: Layout }): JSX.Element {
  return (
    <ul class="legend" aria-label={words.legend}>
      {STATES.map((state) => (
        <li key={state}>
          <MarkIcon state={state} />
          {words.states[state]}
        </li>
      ))}
      <li>
        <span class="swatch late-swatch" />
        {words.lateLegend}
      </li>
      <li>
        <span class="swatch span-swatch" />
        {words.span}
      </li>
      {layout.named.slice(0, COLOURS).map((name, place) => (
        <li key={place}>
          <span class="swatch" data-producer={place} />
          <bdi class="legend-name">{name}</bdi>
        </li>
      ))}
      {layout.hasOthers && layout.named.length > 0 && (
        <li>
          <span class="swatch" data-producer={-1} />
          {words.others}
        </li>
      )}
    </ul>
  )
}
