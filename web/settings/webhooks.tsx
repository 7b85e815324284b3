/** Webhooks: where the account's events are posted to, and how that goes. A new one's secret is shown once. */

import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { accountTexts } from '../../src/edge/account-texts.ts'
import { ask, segment } from '../account/api.ts'
import { Dialog } from '../account/dialog.tsx'
import { timeWords } from '../account/format.ts'
import { useDoing, useLoaded } from '../account/hooks.ts'
import type { Doing, Loaded } from '../account/hooks.ts'
import { CopyField, Field, Form, Problem, Show } from '../account/parts.tsx'
import type { Webhook } from '../account/shapes.ts'
import { tell } from '../account/toast.ts'
import { changed } from '../live/live.ts'
import { useLive } from '../live/use-live.ts'
import { Deliveries, SENT_MS } from './deliveries.tsx'

const words = accountTexts.webhooks

export function Webhooks(): JSX.Element {
  const webhooks = useLoaded('webhooks', (signal) =>
    ask<{ webhooks: Webhook[] }>('/api/webhooks', { signal }).then((answer) => answer.webhooks)
  )
  useLive(webhooks, () => (webhooks.value?.length ?? 0) > 0, SENT_MS)
  const [isMaking, setMaking] = useState(false)
  return (
    <section class="card" aria-labelledby="webhooks-title">
      <div class="section-head">
        <h2 id="webhooks-title">{words.title}</h2>
        <button
          class="button secondary small"
          type="button"
          id="new-webhook"
          aria-haspopup="dialog"
          onClick={() => setMaking(true)}
        >
          {words.make}
        </button>
      </div>
      <p class="hint">{words.text}</p>
      <Show of={webhooks}>
        {(rows) =>
          rows.length === 0 ? <p class="hint">{words.none}</p> : <Rows rows={rows} webhooks={webhooks} />
        }
      </Show>
      {isMaking && <NewWebhook onMade={webhooks.reload} onClose={() => setMaking(false)} />}
    </section>
  )
}

function stateOf({ state, reason, next_attempt_at: next }: Webhook): string {
  if (state === 'disabled') return words.disabled[reason ?? 'asked']
  return next === null ? words.enabled : words.failing(timeWords(next))
}

interface TestAnswer {
  readonly delivered: boolean
  readonly outcome: string
  readonly status: number | null
}

function Rows(props: { rows: readonly Webhook[]; webhooks: Loaded<Webhook[]> }): JSX.Element {
  const { rows, webhooks } = props
  const doing = useDoing()
  return (
    <>
      <Problem text={doing.problem} />
      <ul class="plain-rows" id="webhooks">
        {rows.map((row) => (
          <Row key={row.webhook_id} row={row} doing={doing} onChange={webhooks.reload} />
        ))}
      </ul>
    </>
  )
}

function Row(props: { row: Webhook; doing: Doing; onChange: () => void }): JSX.Element {
  const { row, doing, onChange } = props
  const [isAsked, setAsked] = useState(false)
  const [isOpen, setOpen] = useState(false)
  const path = `/api/webhooks/${segment(row.webhook_id)}`
  const remove = (): void =>
    doing.run(async () => {
      await ask(path, { method: 'DELETE' })
      tell(words.removed)
      onChange()
    })
  return (
    <li>
      <div class="row-text">
        <span class="row-name">{row.url}</span>
        <span class="row-facts">
          <span>{stateOf(row)}</span>
          <span>{row.types.length === 0 ? words.allTypes : row.types.join(', ')}</span>
          {row.description !== '' && <span>{row.description}</span>}
        </span>
        {isAsked ? (
          <span class="ask" role="alert">
            {words.removeSure}
            <button class="text-button danger" type="button" onClick={remove}>
              {words.remove}
            </button>
            <button class="text-button" type="button" onClick={() => setAsked(false)}>
              {accountTexts.common.cancel}
            </button>
          </span>
        ) : (
          <Actions
            {...props}
            path={path}
            isOpen={isOpen}
            onOpen={() => setOpen(!isOpen)}
            onRemove={() => setAsked(true)}
          />
        )}
        {isOpen && <Deliveries path={path} />}
      </div>
    </li>
  )
}

interface ActionsProps {
  readonly row: Webhook
  readonly doing: Doing
  readonly path: string
  readonly isOpen: boolean
  readonly onChange: () => void
  readonly onOpen: () => void
  readonly onRemove: () => void
}

function Actions({ row, doing, path, isOpen, onChange, onOpen, onRemove }: ActionsProps): JSX.Element {
  const isEnabled = row.state === 'enabled'
  const toggle = (): void =>
    doing.run(async () => {
      await ask(path, { method: 'PATCH', body: { state: isEnabled ? 'disabled' : 'enabled' } })
      onChange()
    })
  const test = (): void =>
    doing.run(async () => {
      const { delivered, outcome, status } = await ask<TestAnswer>(`${path}/test`, { method: 'POST' })
      const why = status === null ? outcome : `${outcome}, ${status}`
      tell(delivered ? words.testTaken : words.testFailed(why))
      changed()
    })
  return (
    <span class="row-facts">
      <button
        class="text-button"
        type="button"
        aria-expanded={isOpen}
        aria-label={words.deliveriesOf(row.url)}
        onClick={onOpen}
      >
        {words.deliveries}
      </button>
      <button class="text-button" type="button" onClick={toggle}>
        {isEnabled ? words.disable : words.enable}
      </button>
      <button class="text-button" type="button" onClick={test}>
        {words.test}
      </button>
      <button class="text-button danger" type="button" onClick={onRemove}>
        {words.remove}
      </button>
    </span>
  )
}

function NewWebhook({ onMade, onClose }: { onMade: () => void; onClose: () => void }): JSX.Element {
  const [url, setUrl] = useState('')
  const [description, setDescription] = useState('')
  const [secret, setSecret] = useState<string>()
  const doing = useDoing()
  const submit = (): void =>
    doing.run(async () => {
      const body = { url: url.trim(), description }
      setSecret((await ask<{ secret: string }>('/api/webhooks', { method: 'POST', body })).secret)
      onMade()
    })
  if (secret !== undefined)
    return (
      <Dialog title={words.ready} id="webhook-ready" onClose={onClose}>
        <CopyField id="webhook-secret" hasFocus label={words.secret} value={secret} copy={words.secretCopy} />
        <p class="notice warning">{words.once}</p>
      </Dialog>
    )
  return (
    <Dialog title={words.make} id="webhook-making" onClose={onClose}>
      <Form id="make-webhook" doing={doing} onSubmit={submit} submit={words.submit}>
        <Field
          id="webhook-url"
          label={words.url}
          value={url}
          onInput={setUrl}
          hint={words.urlHint}
          required
          autoFocus
        />
        <Field
          id="webhook-description"
          label={words.description}
          value={description}
          onInput={setDescription}
        />
      </Form>
    </Dialog>
  )
}
