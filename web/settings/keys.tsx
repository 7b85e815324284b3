/** API keys for programs: a new one is shown once. */

import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { accountTexts } from '../../src/edge/account-texts.ts'
import { ask, segment } from '../account/api.ts'
import { Dialog } from '../account/dialog.tsx'
import { timeWords } from '../account/format.ts'
import { useDoing, useLoaded } from '../account/hooks.ts'
import type { Loaded } from '../account/hooks.ts'
import { CopyField, Field, Form, Problem, Select, Show } from '../account/parts.tsx'
import type { Key, Me } from '../account/shapes.ts'
import { tell } from '../account/toast.ts'
import { isAboutSessions, useLive } from '../live/use-live.ts'

const words = accountTexts.account
type Scope = keyof typeof words.scopes
const SCOPES = Object.keys(words.scopes) as Scope[]
/** What most programs need. */
const USUAL: readonly Scope[] = ['files:read', 'files:write']

export function Keys({ me }: { me: Me }): JSX.Element {
  const keys = useLoaded('keys', (signal) =>
    ask<{ keys: Key[] }>('/api/me/keys', { signal }).then((answer) => answer.keys)
  )
  useLive(keys, isAboutSessions)
  const [isMaking, setMaking] = useState(false)
  return (
    <section class="card" aria-labelledby="keys-title">
      <div class="section-head">
        <h2 id="keys-title">{words.keys}</h2>
        <button
          class="button secondary small"
          type="button"
          id="new-key"
          aria-haspopup="dialog"
          onClick={() => setMaking(true)}
        >
          {words.newKey}
        </button>
      </div>
      <p class="hint">{words.keysText}</p>
      <Show of={keys}>
        {(rows) =>
          rows.length === 0 ? <p class="hint">{words.noKeys}</p> : <Rows rows={rows} keys={keys} />
        }
      </Show>
      {isMaking && <NewKey me={me} onMade={keys.reload} onClose={() => setMaking(false)} />}
    </section>
  )
}

function Rows({ rows, keys }: { rows: readonly Key[]; keys: Loaded<Key[]> }): JSX.Element {
  const doing = useDoing()
  const [asked, setAsked] = useState<string>()
  const revoke = (id: string): void =>
    doing.run(async () => {
      await ask(`/api/me/keys/${segment(id)}`, { method: 'DELETE' })
      tell(words.keyRevoked)
      setAsked(undefined)
      keys.reload()
    })
  return (
    <>
      <Problem text={doing.problem} />
      <ul class="plain-rows" id="keys">
        {rows.map((row) => (
          <li key={row.key_id}>
            <div class="row-text">
              <span class="row-name">{row.name}</span>
              <span class="row-facts">
                <span>{row.scopes.join(', ')}</span>
                {row.last_used_at !== null && <span>{words.lastUsed(timeWords(row.last_used_at))}</span>}
                {row.expires_at !== null && <span>{words.validUntil(timeWords(row.expires_at))}</span>}
              </span>
              {asked === row.key_id && (
                <span class="ask" role="alert">
                  {words.keyRevokeSure(row.name)}
                  <button class="text-button danger" type="button" onClick={() => revoke(row.key_id)}>
                    {words.keyRevoke}
                  </button>
                  <button class="text-button" type="button" onClick={() => setAsked(undefined)}>
                    {accountTexts.common.cancel}
                  </button>
                </span>
              )}
            </div>
            {asked !== row.key_id && (
              <button
                class="text-button danger"
                type="button"
                aria-label={words.keyRevokeOf(row.name)}
                onClick={() => setAsked(row.key_id)}
              >
                {words.keyRevoke}
              </button>
            )}
          </li>
        ))}
      </ul>
    </>
  )
}

function NewKey(props: { me: Me; onMade: () => void; onClose: () => void }): JSX.Element {
  const { me, onMade, onClose } = props
  const [name, setName] = useState('')
  const [scopes, setScopes] = useState<readonly Scope[]>(USUAL)
  const [expires, setExpires] = useState(0)
  const [key, setKey] = useState<string>()
  const doing = useDoing()
  const submit = (): void => {
    if (scopes.length === 0) {
      doing.say(words.noScope)
      return
    }
    doing.run(async () => {
      const body = { name: name.trim(), scopes, ...(expires > 0 && { expires_in: expires }) }
      const made = await ask<{ key: string }>('/api/me/keys', { method: 'POST', body })
      setKey(made.key)
      onMade()
    })
  }
  if (key !== undefined)
    return (
      <Dialog title={words.keyReady} id="key-ready" onClose={onClose}>
        <CopyField id="key" hasFocus label={words.keyField} value={key} copy={words.keyCopy} />
        <p class="notice warning">{words.keyOnce}</p>
      </Dialog>
    )
  return (
    <Dialog title={words.newKey} id="key-making" onClose={onClose}>
      <Form id="make-key" doing={doing} onSubmit={submit} submit={words.keySubmit}>
        <Field
          id="key-name"
          label={words.keyName}
          value={name}
          onInput={setName}
          hint={words.keyNameHint}
          required
          autoFocus
        />
        <Scopes
          possible={SCOPES.filter((scope) => scope !== 'admin' || me.role === 'admin')}
          chosen={scopes}
          onChoose={setScopes}
        />
        <Select
          id="key-expires"
          label={words.keyExpires}
          value={expires}
          choices={words.keyLifetimes}
          onChoose={setExpires}
        />
      </Form>
    </Dialog>
  )
}

function Scopes(props: {
  possible: readonly Scope[]
  chosen: readonly Scope[]
  onChoose: (scopes: readonly Scope[]) => void
}): JSX.Element {
  const { possible, chosen, onChoose } = props
  return (
    <fieldset class="checks">
      <legend>{words.keyScopes}</legend>
      {possible.map((scope) => (
        <label class="check" key={scope}>
          <input
            type="checkbox"
            name="scope"
            value={scope}
            checked={chosen.includes(scope)}
            onChange={(event) =>
              onChoose(
                event.currentTarget.checked ? [...chosen, scope] : chosen.filter((each) => each !== scope)
              )
            }
          />
          <span>
            {words.scopes[scope]} <code>{scope}</code>
          </span>
        </label>
      ))}
    </fieldset>
  )
}
