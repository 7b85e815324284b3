/** One user: role, quota, password, disabling, and ways to what is theirs. */

import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { accountTexts } from '../../src/edge/account-texts.ts'
import { adminTexts } from '../../src/edge/admin-texts.ts'
import { ApiError, ask, segment } from '../account/api.ts'
import { Dialog } from '../account/dialog.tsx'
import { useDoing, useFollowing } from '../account/hooks.ts'
import { Badge, Field, Form, Select } from '../account/parts.tsx'
import type { Role, User } from '../account/shapes.ts'
import { tell } from '../account/toast.ts'
import { Space } from '../my/space.tsx'
import { problemOfNew } from '../sign-in/credentials.tsx'

const words = adminTexts
const GB = 1024 ** 3

const ROLES = Object.entries(words.roles).map(([value, label]) => ({ value: value as Role, label }))

const adminWords = (error: unknown): string | undefined =>
  error instanceof ApiError && error.code === 'last-admin' ? words.lastAdmin : undefined

interface PartProps {
  readonly user: User
  readonly onChange: (user: User) => void
}

export function UserSheet(props: {
  user: User
  isMe: boolean
  onGo: (tab: 'files' | 'log', user: string) => void
  onClose: () => void
  onChange: (user: User) => void
}): JSX.Element {
  const { user, isMe, onGo, onClose, onChange } = props
  return (
    <Dialog title={user.username} id="user" onClose={onClose}>
      <p class="badges">
        <Badge kind={user.state === 'active' ? 'live' : 'failed'}>{words.states[user.state]}</Badge>{' '}
        <Badge kind="current">{words.roles[user.role]}</Badge>{' '}
        {user.quota_bytes !== null && user.quota_of !== undefined && (
          <Badge kind="neutral">{words.quotaOf[user.quota_of]}</Badge>
        )}
      </p>
      <Space me={user} />
      <div class="actions">
        <button class="button secondary" type="button" onClick={() => onGo('files', user.user_id)}>
          {words.filesOf}
        </button>
        <button class="button secondary" type="button" onClick={() => onGo('log', user.user_id)}>
          {words.historyOf}
        </button>
      </div>
      <Rights user={user} onChange={onChange} />
      <NewPassword user={user} onChange={onChange} />
      {!isMe && <State user={user} onChange={onChange} />}
    </Dialog>
  )
}

const change = (user: User, body: object): Promise<User> =>
  ask<User>(`/api/users/${segment(user.user_id)}`, { method: 'PATCH', body })

/** Bytes of a number of gigabytes; null: the role's; undefined: no number. */
function bytesOf(text: string): number | null | undefined {
  const clean = text.trim().replace(',', '.')
  if (clean === '') return null
  const bytes = Math.round(Number(clean) * GB)
  return Number.isSafeInteger(bytes) && bytes >= 0 ? bytes : undefined
}

function Rights({ user, onChange }: PartProps): JSX.Element {
  const [role, setRole] = useFollowing(user.role)
  const isOwn = user.quota_of === 'user' && user.quota_bytes !== null
  const before = isOwn ? String(Number(((user.quota_bytes ?? 0) / GB).toFixed(3))) : ''
  const [quota, setQuota] = useFollowing(before)
  const doing = useDoing()
  const submit = (): void => {
    const bytes = bytesOf(quota)
    if (bytes === undefined) {
      doing.say(words.quotaBad)
      return
    }
    doing.run(async () => {
      onChange(await change(user, { role, ...(quota !== before && { quota_bytes: bytes }) }))
      tell(words.changed(user.username))
    }, adminWords)
  }
  return (
    <Form id="rights" doing={doing} onSubmit={submit} submit={accountTexts.common.save}>
      <Select id="role" label={words.role} value={role} choices={ROLES} onChoose={setRole} />
      <Field
        id="quota"
        label={words.quota}
        value={quota}
        onInput={setQuota}
        hint={words.quotaHint(isOwn ? undefined : user.quota_bytes)}
      />
    </Form>
  )
}

function NewPassword({ user }: PartProps): JSX.Element {
  const [password, setPassword] = useState('')
  const doing = useDoing()
  const submit = (): void => {
    const problem = problemOfNew({ name: '', password })
    if (problem !== undefined) {
      doing.say(problem)
      return
    }
    doing.run(async () => {
      await ask(`/api/users/${segment(user.user_id)}/password`, {
        method: 'POST',
        body: { new_password: password }
      })
      setPassword('')
      tell(words.resetDone(user.username))
    })
  }
  return (
    <details class="more">
      <summary>{words.resetPassword}</summary>
      <Form id="reset" doing={doing} onSubmit={submit} submit={words.resetSubmit}>
        <Field
          id="reset-password"
          label={accountTexts.account.newPassword}
          type="password"
          value={password}
          onInput={setPassword}
          autocomplete="new-password"
          hint={accountTexts.signUp.passwordHint}
          required
        />
      </Form>
    </details>
  )
}

function State({ user, onChange }: PartProps): JSX.Element {
  const doing = useDoing()
  const isActive = user.state === 'active'
  const submit = (): void =>
    doing.run(async () => {
      onChange(await change(user, { state: isActive ? 'disabled' : 'active' }))
      tell(isActive ? words.disabled(user.username) : words.enabled(user.username))
    }, adminWords)
  return (
    <div class="danger-zone">
      <Form
        id="state"
        doing={doing}
        onSubmit={submit}
        submit={isActive ? words.disable : words.enable}
        isDanger={isActive}
      >
        {isActive && <p class="hint">{words.disableText(user.username)}</p>}
      </Form>
    </div>
  )
}
