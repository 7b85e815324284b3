/** What an owner sets: name, settings, the archive, and the end of a pool. */

import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { accountTexts } from '../../src/edge/account-texts.ts'
import { poolTexts } from '../../src/edge/pool-texts.ts'
import { ApiError, ask } from '../account/api.ts'
import { Dialog } from '../account/dialog.tsx'
import { useDoing } from '../account/hooks.ts'
import { Field, Form } from '../account/parts.tsx'
import { tell } from '../account/toast.ts'
import { POOL_NAME_LENGTH_MAX } from './new-pool.tsx'
import { poolPath } from './pool-api.ts'
import { Counts, Durations } from './settings-fields.tsx'
import { COUNTS, DURATIONS, settingsOf, textOfSettings } from './settings.ts'
import type { Pool } from './shapes.ts'

const words = poolTexts.settings

interface PartProps {
  readonly pool: Pool
  readonly onChange: () => void
}

const conflictWords = (error: unknown): string | undefined =>
  error instanceof ApiError && error.code === 'pool-conflict' ? words.conflict : undefined

export function SettingsSheet({ pool, onChange, onClose }: PartProps & { onClose: () => void }): JSX.Element {
  return (
    <Dialog title={words.title} id="pool-settings" onClose={onClose}>
      <Fields pool={pool} onChange={onChange} />
      <Archive pool={pool} onChange={onChange} />
      <Remove pool={pool} />
    </Dialog>
  )
}

function Fields({ pool, onChange }: PartProps): JSX.Element {
  // of the moment when the sheet was opened, or saved last: what somebody else changes meanwhile is a conflict, and not lost
  const [base, setBase] = useState(pool)
  const [name, setName] = useState(pool.name)
  const [text, setText] = useState(() => textOfSettings(pool.settings))
  const doing = useDoing()
  const submit = (): void => {
    const settings = settingsOf(text, base.settings)
    if (typeof settings === 'string') return doing.say(settings)
    doing.run(async () => {
      const body = { revision: base.revision, name: name.trim(), settings }
      const changed = await ask<Pool>(poolPath(pool.pool), { method: 'PATCH', body })
      setBase(changed)
      setName(changed.name)
      setText(textOfSettings(changed.settings))
      onChange()
      tell(words.saved)
    }, conflictWords)
  }
  const fields = { text, onInput: setText, isNew: false }
  return (
    <Form id="change-pool" doing={doing} onSubmit={submit} submit={accountTexts.common.save}>
      <Field
        id="pool-name"
        label={poolTexts.make.name}
        value={name}
        onInput={setName}
        maxLength={POOL_NAME_LENGTH_MAX}
        required
      />
      <div class="settings">
        <Durations {...fields} names={DURATIONS} />
        <Counts {...fields} names={COUNTS} />
      </div>
    </Form>
  )
}

function Archive({ pool, onChange }: PartProps): JSX.Element {
  const doing = useDoing()
  const isArchived = pool.state === 'archived'
  const submit = (): void =>
    doing.run(async () => {
      const body = { state: isArchived ? 'active' : 'archived' }
      await ask<Pool>(poolPath(pool.pool), { method: 'PATCH', body })
      onChange()
      tell(isArchived ? words.unarchiveDone : words.archiveDone)
    })
  return (
    <div class="danger-zone">
      <Form
        id="archive"
        doing={doing}
        onSubmit={submit}
        submit={isArchived ? words.unarchive : words.archive}
      >
        <p class="hint">{isArchived ? words.unarchiveText : words.archiveText}</p>
      </Form>
    </div>
  )
}

function Remove({ pool }: { pool: Pool }): JSX.Element {
  const [typed, setTyped] = useState('')
  const doing = useDoing()
  const submit = (): void => {
    if (typed.trim() !== pool.name) return doing.say(words.removeWrong)
    doing.run(async () => {
      await ask(poolPath(pool.pool), { method: 'DELETE' })
      location.assign('/pools')
    })
  }
  return (
    <details class="more danger-zone" id="remove-part">
      <summary>{words.remove}</summary>
      <Form id="remove" doing={doing} onSubmit={submit} submit={words.remove} isDanger>
        <p>{words.removeText}</p>
        <Field
          id="remove-name"
          label={words.removeField}
          value={typed}
          onInput={setTyped}
          hint={words.removeName(pool.name)}
          required
        />
      </Form>
    </details>
  )
}
