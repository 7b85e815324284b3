/** One group: how it stands, who sent for it, and what can be done with it. */

import type { JSX } from 'preact'
import { poolTexts } from '../../src/edge/pool-texts.ts'
import { sizeText } from '../../src/edge/texts.ts'
import { ask } from '../account/api.ts'
import { Dialog } from '../account/dialog.tsx'
import { useDoing, useLoaded } from '../account/hooks.ts'
import { Problem, Show, When } from '../account/parts.tsx'
import { tell } from '../account/toast.ts'
import { useLive } from '../live/use-live.ts'
import { MarkIcon } from './marks.tsx'
import { groupPath, isAboutGroups, listProducers } from './pool-api.ts'
import { isKept, resultPath } from './results.tsx'
import type { Group, Pool, Producer } from './shapes.ts'
import { windowText } from './window-text.ts'

const words = poolTexts.group

interface Shown {
  readonly group: Group
  readonly producers: readonly Producer[]
  readonly hasMore: boolean
}

export function GroupSheet(props: {
  pool: Pool
  id: string
  onChange: () => void
  onClose: () => void
}): JSX.Element {
  const { pool, id, onChange, onClose } = props
  const loaded = useLoaded(`group:${id}`, async (signal): Promise<Shown> => {
    const [group, { producers, next }] = await Promise.all([
      ask<Group>(groupPath(pool.pool, id), { signal }),
      listProducers(pool.pool, id, signal)
    ])
    return { group, producers, hasMore: next !== null }
  })
  useLive(loaded, isAboutGroups)
  const { value } = loaded
  const change = (): void => {
    loaded.reload()
    onChange()
  }
  return (
    <Dialog
      title={value === undefined ? poolTexts.groups.title : words.title(windowText(value.group))}
      id="group"
      onClose={onClose}
    >
      {loaded.code === 'group-unknown' ? (
        <p class="notice warning">{words.gone}</p>
      ) : (
        <Show of={loaded}>
          {({ group, producers, hasMore }) => (
            <>
              <Facts pool={pool} group={group} />
              <Actions pool={pool} group={group} onChange={change} />
              <Producers producers={producers} hasMore={hasMore} />
            </>
          )}
        </Show>
      )}
    </Dialog>
  )
}

function Facts({ pool, group }: { pool: Pool; group: Group }): JSX.Element {
  const facts: Array<[string, JSX.Element | string | null]> = [
    [
      words.state,
      <span key="state" class="state">
        <MarkIcon state={group.state} /> {poolTexts.groups.states[group.state]}
      </span>
    ],
    [words.late, group.late ? words.lateText(group.generation) : null],
    [words.files, poolTexts.groups.numbers(group.files, group.bytes, group.producers)],
    [words.closes, group.state === 'open' ? <When at={group.closes_at} /> : null],
    [words.closed, group.closed_at === null ? null : <When at={group.closed_at} />],
    [
      words.attempts,
      group.attempts > 0 ? words.attemptsOf(group.attempts, pool.settings.attempts_max) : null
    ],
    [
      words.lease,
      group.state === 'processing' && group.lease_until !== null ? <When at={group.lease_until} /> : null
    ],
    [
      words.due,
      group.attempts > 0 && group.state === 'closed' && group.due_at !== null ? (
        <When at={group.due_at} />
      ) : null
    ],
    [words.failure, group.failure],
    [words.ended, group.ended_at === null ? null : <When at={group.ended_at} />],
    [words.result, group.result && `${group.result.name} (${sizeText(group.result.size)})`]
  ]
  return (
    <dl class="facts" data-group-state={group.state}>
      {facts.map(
        ([name, value]) =>
          value !== null && (
            <div key={name}>
              <dt>{name}</dt>
              <dd class="name">{value}</dd>
            </div>
          )
      )}
    </dl>
  )
}

function Actions(props: { pool: Pool; group: Group; onChange: () => void }): JSX.Element {
  const { pool, group, onChange } = props
  const doing = useDoing()
  const path = groupPath(pool.pool, group.group)
  const post = (what: 'close' | 'retry', done: string) => (): void =>
    doing.run(async () => {
      // also where it is refused: what is shown is what is so
      try {
        await ask<Group>(`${path}/${what}`, { method: 'POST' })
        tell(done)
      } finally {
        onChange()
      }
    })
  return (
    <>
      <Problem text={doing.problem} />
      {group.emptied && <p class="hint">{words.emptied}</p>}
      {group.state === 'open' && <p class="hint">{words.closeHint}</p>}
      <div class="actions">
        {group.result !== null && isKept(group.result) && (
          <a class="button primary" href={resultPath(pool.pool, group.group)} download="">
            {words.download}
          </a>
        )}
        {group.state === 'open' && (
          <button
            class="button primary"
            type="button"
            id="close-now"
            aria-disabled={doing.isBusy}
            onClick={post('close', words.closeDone)}
          >
            {words.close}
          </button>
        )}
        {group.state === 'failed' && !group.emptied && (
          <button
            class="button primary"
            type="button"
            id="retry"
            aria-disabled={doing.isBusy}
            onClick={post('retry', words.retryDone)}
          >
            {words.retry}
          </button>
        )}
        {!group.emptied && group.state !== 'open' && group.files > 0 && (
          <>
            <a class="button secondary" href={`${path}/archive.tar`} download="">
              {words.tar}
            </a>
            <a class="button secondary" href={`${path}/archive.zip`} download="">
              {words.zip}
            </a>
          </>
        )}
      </div>
    </>
  )
}

function Producers(props: { producers: readonly Producer[]; hasMore: boolean }): JSX.Element | null {
  const { producers, hasMore } = props
  if (producers.length === 0) return null
  return (
    <>
      <h3>{words.producers}</h3>
      <ul class="plain-rows" aria-label={words.producersOf}>
        {producers.map(({ user, name, files, bytes }) => (
          <li key={user}>
            <span class="row-text">
              <span class="row-name">{name}</span>
            </span>
            <span class="row-facts">
              <span>{poolTexts.groups.files(files)}</span>
              <span>{sizeText(bytes)}</span>
            </span>
          </li>
        ))}
      </ul>
      {hasMore && <p class="hint">{words.moreProducers}</p>}
    </>
  )
}
