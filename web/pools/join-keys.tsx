/** Join keys: a new one is shown once, as an address for people and a command for programs. */

import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { poolTexts } from '../../src/edge/pool-texts.ts'
import { ask, segment } from '../account/api.ts'
import { Dialog } from '../account/dialog.tsx'
import { timeWords } from '../account/format.ts'
import { useDoing, useLoaded } from '../account/hooks.ts'
import type { Loaded } from '../account/hooks.ts'
import { Badge, CopyField, Field, Form, Problem, Select, Show, When } from '../account/parts.tsx'
import { tell } from '../account/toast.ts'
import { useLive } from '../live/use-live.ts'
import { Ask } from './ask.tsx'
import { ROLE_SENTENCES } from './members.tsx'
import { poolPath } from './pool-api.ts'
import type { JoinKey, NewJoinKey, Pool, PoolRole } from './shapes.ts'

const words = poolTexts.keys
const WEEK_S = 7 * 86_400

export function JoinKeys({ pool }: { pool: Pool }): JSX.Element {
  const path = `${poolPath(pool.pool)}/join-keys`
  const keys = useLoaded('keys', (signal) =>
    ask<{ keys: JoinKey[] }>(path, { signal }).then((answer) => answer.keys)
  )
  // each that joins uses one
  useLive(keys, ({ type }) => type === 'member.joined')
  const [isMaking, setMaking] = useState(false)
  return (
    <section class="card" aria-labelledby="keys-title">
      <div class="section-head">
        <h2 id="keys-title">{words.title}</h2>
        {pool.state === 'active' && (
          <button
            class="button secondary small"
            type="button"
            id="new-key"
            aria-haspopup="dialog"
            onClick={() => setMaking(true)}
          >
            {words.make}
          </button>
        )}
      </div>
      <p class="hint">{words.text}</p>
      <Show of={keys}>
        {(rows) =>
          rows.length === 0 ? <p class="hint">{words.none}</p> : <Rows path={path} rows={rows} keys={keys} />
        }
      </Show>
      {isMaking && <NewKey path={path} onMade={keys.reload} onClose={() => setMaking(false)} />}
    </section>
  )
}

function Rows(props: { path: string; rows: readonly JoinKey[]; keys: Loaded<JoinKey[]> }): JSX.Element {
  const { path, rows, keys } = props
  const doing = useDoing()
  const revoke = (id: string): void =>
    doing.run(async () => {
      await ask(`${path}/${segment(id)}`, { method: 'DELETE' })
      tell(words.revoked)
      keys.reload()
    })
  return (
    <>
      <Problem text={doing.problem} />
      <ul class="plain-rows" id="keys">
        {rows.map((row) => (
          <li key={row.id}>
            <div class="row-text">
              <span class="row-facts">
                <Badge kind="current">{poolTexts.roles[row.role]}</Badge>
                <span>{words.used(row.uses, row.uses_max)}</span>
                <span>
                  {words.until} <When at={row.expires_at} />
                </span>
              </span>
            </div>
            <Ask
              name={words.revoke}
              label={words.revokeOf(poolTexts.roles[row.role], timeWords(row.created_at))}
              question={words.revokeSure}
              onYes={() => revoke(row.id)}
            />
          </li>
        ))}
      </ul>
    </>
  )
}

/** Undefined: no number of uses. */
function usesOf(text: string): number | null | undefined {
  const clean = text.trim()
  if (clean === '') return null
  const uses = Number(clean)
  return Number.isSafeInteger(uses) && uses >= 1 ? uses : undefined
}

function NewKey(props: { path: string; onMade: () => void; onClose: () => void }): JSX.Element {
  const { path, onMade, onClose } = props
  const [role, setRole] = useState<PoolRole>('producer')
  const [expires, setExpires] = useState(WEEK_S)
  const [usesText, setUses] = useState('')
  const [made, setMade] = useState<NewJoinKey>()
  const doing = useDoing()
  if (made !== undefined) return <Ready made={made} onClose={onClose} />
  const submit = (): void => {
    const uses = usesOf(usesText)
    if (uses === undefined) return doing.say(words.usesBad)
    doing.run(async () => {
      const body = { role, expires_s: expires, uses }
      setMade(await ask<NewJoinKey>(path, { method: 'POST', body }))
      onMade()
    })
  }
  return (
    <Dialog title={words.make} id="key-making" onClose={onClose}>
      <Form id="make-key" doing={doing} onSubmit={submit} submit={words.submit}>
        <Select id="key-role" label={words.role} value={role} choices={ROLE_SENTENCES} onChoose={setRole} />
        <Select
          id="key-expires"
          label={words.expires}
          value={expires}
          choices={words.lifetimes}
          onChoose={setExpires}
        />
        <Field id="key-uses" label={words.uses} value={usesText} onInput={setUses} hint={words.usesHint} />
      </Form>
    </Dialog>
  )
}

function Ready({ made, onClose }: { made: NewJoinKey; onClose: () => void }): JSX.Element {
  const url = new URL(made.url, location.origin).href
  return (
    <Dialog title={words.ready} id="key-ready" onClose={onClose}>
      <p class="notice warning">{words.once}</p>
      <CopyField id="key-url" hasFocus label={words.url} value={url} copy={words.urlCopy} />
      <CopyField
        id="key-command"
        label={words.command}
        value={poolTexts.commands.join(url)}
        copy={words.commandCopy}
      />
      <CopyField id="key" label={words.key} value={made.key} copy={words.keyCopy} />
    </Dialog>
  )
}
