/** A new pool: a name, how often producers send, and all else if somebody wants to. */

import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { poolTexts } from '../../src/edge/pool-texts.ts'
import { ask } from '../account/api.ts'
import { Dialog } from '../account/dialog.tsx'
import { useDoing } from '../account/hooks.ts'
import { Field, Form } from '../account/parts.tsx'
import { Counts, Durations } from './settings-fields.tsx'
import { COUNTS, DURATIONS, emptySettings, settingsOf } from './settings.ts'
import type { PoolRow } from './shapes.ts'

const words = poolTexts.make
export const POOL_NAME_LENGTH_MAX = 100

export function NewPool({ onClose }: { onClose: () => void }): JSX.Element {
  const [name, setName] = useState('')
  const [text, setText] = useState(emptySettings)
  const doing = useDoing()
  const submit = (): void => {
    const settings = settingsOf(text)
    if (typeof settings === 'string') return doing.say(settings)
    doing.run(async () => {
      const made = await ask<PoolRow>('/api/pools', { method: 'POST', body: { name: name.trim(), settings } })
      location.assign(`/pools/${encodeURIComponent(made.pool)}`)
    })
  }
  const fields = { text, onInput: setText, isNew: true }
  return (
    <Dialog title={words.title} id="pool-making" onClose={onClose}>
      <Form id="make-pool" doing={doing} onSubmit={submit} submit={words.submit}>
        <Field
          id="pool-name"
          label={words.name}
          value={name}
          onInput={setName}
          maxLength={POOL_NAME_LENGTH_MAX}
          required
          autoFocus
        />
        <Durations {...fields} names={['frequency_s']} />
        <details class="more">
          <summary>{words.more}</summary>
          <p class="hint">{words.moreText}</p>
          <div class="settings">
            <Durations {...fields} names={DURATIONS.filter((each) => each !== 'frequency_s')} />
            <Counts {...fields} names={COUNTS} />
          </div>
        </details>
      </Form>
    </Dialog>
  )
}
