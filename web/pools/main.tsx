/** Script of `/pools`: the pools that somebody is in, and how each is. */

import type { JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { accountTexts } from '../../src/edge/account-texts.ts'
import { poolTexts } from '../../src/edge/pool-texts.ts'
import { useLoaded, usePaged } from '../account/hooks.ts'
import { Badge, Loading, More, Problem, When } from '../account/parts.tsx'
import { startInside } from '../account/start.tsx'
import type { Inside } from '../account/start.tsx'
import { useLive } from '../live/use-live.ts'
import { NewPool } from './new-pool.tsx'
import { listMembers, listPools, listResults } from './pool-api.ts'
import type { PoolRow } from './shapes.ts'
import { turn } from './turns.ts'

const words = poolTexts.list

/** Events of many pools are not listened to: a page that can be seen looks for itself. */
const LOOK_MS = 30_000

/** Counts how often it is time to look again. */
function useRounds(): number {
  const [round, setRound] = useState(0)
  useEffect(() => {
    const look = (): void => {
      if (!document.hidden) setRound((before) => before + 1)
    }
    const timer = setInterval(look, LOOK_MS)
    document.addEventListener('visibilitychange', look)
    return () => {
      clearInterval(timer)
      document.removeEventListener('visibilitychange', look)
    }
  }, [])
  return round
}

function PoolsView({ inside }: { inside: Inside }): JSX.Element {
  const [all, setAll] = useState(false)
  const [isMaking, setMaking] = useState(false)
  const round = useRounds()
  const pools = usePaged<PoolRow>(`pools:${all}`, (page, signal) => listPools(page, all, signal))
  useLive(pools, () => false)
  useEffect(() => {
    if (round > 0) pools.refresh()
  }, [round])
  return (
    <>
      <h1>{accountTexts.titles.pools}</h1>
      <p class="lead">{words.lead}</p>
      <div class="toolbar">
        <button
          class="button primary"
          type="button"
          id="new-pool"
          aria-haspopup="dialog"
          onClick={() => setMaking(true)}
        >
          {words.make}
        </button>
        {inside.me.role === 'admin' && <Whose all={all} onChoose={setAll} />}
      </div>
      <Problem text={pools.problem} onRetry={pools.reload} />
      {!pools.isReady && pools.problem === '' && <Loading />}
      {pools.isReady && pools.rows.length === 0 && <Nothing all={all} />}
      {pools.rows.length > 0 && (
        <section class="card list" aria-label={words.label} aria-busy={pools.isLoading}>
          <ul class="rows pools" id="pools">
            {pools.rows.map((row) => (
              <Row key={row.pool} row={row} round={round} />
            ))}
          </ul>
          <More of={pools} />
        </section>
      )}
      {isMaking && <NewPool onClose={() => setMaking(false)} />}
    </>
  )
}

function Whose({ all, onChoose }: { all: boolean; onChoose: (all: boolean) => void }): JSX.Element {
  return (
    <div class="choose" role="group" aria-label={words.tabs}>
      {[false, true].map((each) => (
        <button
          key={String(each)}
          class="tab"
          type="button"
          aria-pressed={all === each}
          onClick={() => onChoose(each)}
        >
          {each ? words.all : words.mine}
        </button>
      ))}
    </div>
  )
}

const Nothing = ({ all }: { all: boolean }): JSX.Element => (
  <section class="card empty" id="empty">
    <h2>{all ? words.noneAtAll : words.none}</h2>
    {!all && <p class="soft">{words.noneText}</p>}
  </section>
)

function Row({ row, round }: { row: PoolRow; round: number }): JSX.Element {
  const { pool, name, state, role, members } = row
  return (
    <li data-pool={pool}>
      <div class="row-text">
        <a class="row-name" href={`/pools/${encodeURIComponent(pool)}`}>
          {name}
        </a>
        <span class="row-facts">
          <Badge kind="current">{role === null ? poolTexts.admin : poolTexts.roles[role]}</Badge>
          {state === 'archived' && <Badge kind="suspended">{words.archived}</Badge>}
          <span>{words.members(members)}</span>
          <Facts row={row} round={round} />
        </span>
      </div>
    </li>
  )
}

/** Of a long list, what is asked for each row is asked for a few at a time. */
const SILENT_SHOWN_MAX = 100

function Facts({ row, round }: { row: PoolRow; round: number }): JSX.Element {
  const { pool, role } = row
  const seesAll = role === null || role === 'owner' || role === 'server'
  const facts = useLoaded(`facts:${pool}`, (signal) =>
    turn(async () => {
      const [results, silent] = await Promise.all([
        listResults(pool, { limit: 1 }, signal),
        seesAll ? listMembers(pool, { limit: SILENT_SHOWN_MAX }, 'silent', signal) : undefined
      ])
      return { last: results.rows[0], silent }
    }, signal)
  )
  const isFirst = useRef(true)
  useEffect(() => {
    if (!isFirst.current) facts.refresh()
    isFirst.current = false
  }, [round])
  const { value } = facts
  if (value === undefined) return <></>
  const silent = value.silent?.rows.length ?? 0
  const ended = value.last?.ended_at ?? null
  return (
    <>
      <span>
        {ended === null ? (
          words.noResult
        ) : (
          <>
            {words.lastResult} <When at={ended} />
          </>
        )}
      </span>
      {value.silent !== undefined &&
        (silent > 0 ? (
          <Badge kind="suspended">{words.silent(silent, value.silent.next !== null)}</Badge>
        ) : (
          <span>{words.noneSilent}</span>
        ))}
    </>
  )
}

void startInside((inside) => <PoolsView inside={inside} />)
