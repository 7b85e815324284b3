/** Script of `/pools/{pool}`: one pool, as far as one's role shows it. */

import type { JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { poolTexts } from '../../src/edge/pool-texts.ts'
import { durationText } from '../../src/edge/texts.ts'
import { ask } from '../account/api.ts'
import { useDoing, useLoaded } from '../account/hooks.ts'
import { Badge, CopyField, Loading, Problem, When } from '../account/parts.tsx'
import { setTitle, startInside } from '../account/start.tsx'
import type { Inside } from '../account/start.tsx'
import { useLive } from '../live/use-live.ts'
import { Space } from '../my/space.tsx'
import { Ask } from './ask.tsx'
import { JoinKeys } from './join-keys.tsx'
import { Members } from './members.tsx'
import { getPool, isAboutPool, poolPath } from './pool-api.ts'
import { Results } from './results.tsx'
import { SettingsSheet } from './settings-sheet.tsx'
import type { Pool } from './shapes.ts'
import { Timeline } from './timeline.tsx'

const words = poolTexts.pool

/** In the path: what the server gave this page for. */
const id = decodeURIComponent(location.pathname.split('/')[2] ?? '')

/** What somebody may see and do here. */
export interface Rights {
  readonly manages: boolean
  /** Members and groups. */
  readonly seesAll: boolean
}

const rightsOf = ({ role }: Pool): Rights => ({
  manages: role === 'owner' || role === null,
  seesAll: role === 'owner' || role === null || role === 'server'
})

function PoolView({ inside }: { inside: Inside }): JSX.Element {
  const loaded = useLoaded('pool', (signal) => getPool(id, signal))
  useLive(loaded, isAboutPool)
  const { value: pool } = loaded
  useEffect(() => {
    if (pool !== undefined) setTitle(pool.name)
  }, [pool?.name])
  if (loaded.code === 'pool-unknown') return <Gone />
  if (pool === undefined)
    return (
      <>
        <Problem text={loaded.problem} onRetry={loaded.reload} />
        {loaded.problem === '' && <Loading />}
      </>
    )
  const rights = inside.me.role === 'admin' ? { manages: true, seesAll: true } : rightsOf(pool)
  return (
    <>
      <Head pool={pool} rights={rights} onChange={loaded.reload} />
      <Problem text={loaded.problem} onRetry={loaded.reload} />
      {pool.state === 'archived' && <p class="notice warning">{words.archived}</p>}
      {rights.seesAll && <Timeline pool={pool} />}
      <div class="columns pool-parts">
        <div>
          {pool.role === 'producer' && <Mine pool={pool} />}
          <Results pool={pool.pool} />
          <Programs pool={pool} />
        </div>
        {rights.seesAll && (
          <div>
            <Members pool={pool} me={inside.me.user_id} manages={rights.manages} />
            {rights.manages && <JoinKeys pool={pool} />}
          </div>
        )}
      </div>
    </>
  )
}

const Gone = (): JSX.Element => (
  <section class="card empty" id="gone">
    <h1>{words.gone}</h1>
    <p>{words.goneText}</p>
    <p>
      <a class="button primary" href="/pools">
        {words.back}
      </a>
    </p>
  </section>
)

function Head(props: { pool: Pool; rights: Rights; onChange: () => void }): JSX.Element {
  const { pool, rights, onChange } = props
  const { settings, role } = pool
  const [isOpen, setOpen] = useState(false)
  return (
    <>
      <nav class="crumbs" aria-label={words.back}>
        <ol>
          <li>
            <a href="/pools">{words.back}</a>
          </li>
        </ol>
      </nav>
      <h1 class="pool-name">{pool.name}</h1>
      <p class="lead">
        <Badge kind="current">{role === null ? poolTexts.admin : poolTexts.roles[role]}</Badge>{' '}
        {words.facts(durationText(settings.window_s), durationText(settings.frequency_s))}
      </p>
      <div class="toolbar pool-tools">
        {rights.seesAll && <Space me={pool} />}
        <div class="choose">
          {rights.manages && (
            <button
              class="button secondary small"
              type="button"
              id="settings"
              aria-haspopup="dialog"
              onClick={() => setOpen(true)}
            >
              {poolTexts.settings.open}
            </button>
          )}
          {role !== null && <Leave pool={pool} />}
        </div>
      </div>
      {isOpen && <SettingsSheet pool={pool} onChange={onChange} onClose={() => setOpen(false)} />}
    </>
  )
}

function Leave({ pool }: { pool: Pool }): JSX.Element {
  const doing = useDoing()
  const leave = (): void =>
    doing.run(async () => {
      await ask(`${poolPath(pool.pool)}/members/me`, { method: 'DELETE' })
      location.assign('/pools')
    })
  return (
    <div class="leave">
      <Ask name={words.leave} question={words.leaveSure} onYes={leave} />
      <Problem text={doing.problem} />
    </div>
  )
}

/** Of a producer: what they sent last. */
function Mine({ pool }: { pool: Pool }): JSX.Element {
  const { member } = pool
  const last = member?.last_sent_at ?? null
  const silent = member?.silent_since ?? null
  return (
    <section class="card" aria-labelledby="mine-title" id="mine">
      <h2 id="mine-title">{words.mineTitle}</h2>
      {last === null ? (
        <p>{words.mineNever}</p>
      ) : (
        <dl class="facts">
          <div>
            <dt>{words.mineLast}</dt>
            <dd>
              <When at={last} />
            </dd>
          </div>
        </dl>
      )}
      {silent === null ? (
        <p class="hint">{words.mineWell}</p>
      ) : (
        <p class="notice warning">
          <span>
            {words.mineSilent} <When at={silent} />
          </span>
        </p>
      )}
    </section>
  )
}

/** How programs do what the role is for. */
function Programs({ pool }: { pool: Pool }): JSX.Element {
  const { role } = pool
  const { commands } = poolTexts
  const [text, command] =
    role === 'producer'
      ? [words.mineHow, commands.send(pool.pool)]
      : role === 'server'
        ? [words.serveHow, commands.serve(pool.pool)]
        : [words.listenHow, commands.results(pool.pool)]
  return (
    <section class="card" aria-labelledby="programs-title">
      <h2 id="programs-title">{words.programs}</h2>
      <p class="hint">{text}</p>
      <pre class="command">
        <code>{command}</code>
      </pre>
      <CopyField id="pool-id" label={words.id} value={pool.pool} copy={words.copyId} />
    </section>
  )
}

void startInside((inside) => <PoolView inside={inside} />, `pool:${id}`)
