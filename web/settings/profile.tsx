/** One's own name and password. */

import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { accountTexts } from '../../src/edge/account-texts.ts'
import { ApiError, ask } from '../account/api.ts'
import { useDoing, useFollowing } from '../account/hooks.ts'
import { Field, Form } from '../account/parts.tsx'
import type { Me } from '../account/shapes.ts'
import { tell } from '../account/toast.ts'
import { problemOfNew, signInWords } from '../sign-in/credentials.tsx'
import type { Limits } from '../sign-in/credentials.tsx'

const words = accountTexts.account

export function Name({ me, onChange }: { me: Me; onChange: (me: Me) => void }): JSX.Element {
  const [name, setName] = useFollowing(me.username)
  const doing = useDoing()
  const submit = (): void =>
    doing.run(
      async () => {
        onChange(await ask<Me>('/api/me', { method: 'PATCH', body: { username: name } }))
        tell(words.nameChanged)
      },
      (error) =>
        error instanceof ApiError && error.code === 'name-taken' ? accountTexts.signUp.taken : undefined
    )
  return (
    <section class="card" aria-labelledby="name-title">
      <h2 id="name-title">{words.name}</h2>
      <Form id="name" doing={doing} onSubmit={submit} submit={words.nameSubmit}>
        <Field
          id="username"
          label={words.name}
          value={name}
          onInput={setName}
          hint={accountTexts.signUp.nameHint}
          autocomplete="username"
          required
        />
      </Form>
    </section>
  )
}

export function Password({ limits, onChange }: { limits: Limits; onChange: () => void }): JSX.Element {
  const [before, setBefore] = useState('')
  const [next, setNext] = useState('')
  const [endsKeys, setEndsKeys] = useState(false)
  const doing = useDoing()
  const submit = (): void => {
    const problem = problemOfNew({ name: '', password: next })
    if (problem !== undefined) {
      doing.say(problem)
      return
    }
    doing.run(async () => {
      await ask('/api/me/password', {
        method: 'POST',
        body: { old_password: before, new_password: next, ...(endsKeys && { keys: true }) }
      })
      setBefore('')
      setNext('')
      tell(words.passwordChanged)
      onChange()
    }, passwordWords)
  }
  return (
    <section class="card" aria-labelledby="password-title">
      <h2 id="password-title">{words.password}</h2>
      <Form id="change-password" doing={doing} onSubmit={submit} submit={words.passwordSubmit}>
        <Field
          id="old-password"
          label={words.oldPassword}
          type="password"
          value={before}
          onInput={setBefore}
          autocomplete="current-password"
          maxLength={limits.passwordBytesMax}
          required
        />
        <Field
          id="new-password"
          label={words.newPassword}
          type="password"
          value={next}
          onInput={setNext}
          hint={words.passwordHint}
          autocomplete="new-password"
          maxLength={limits.passwordBytesMax}
          required
        />
        <label class="check">
          <input
            type="checkbox"
            checked={endsKeys}
            onChange={(event) => setEndsKeys(event.currentTarget.checked)}
          />
          <span>{words.passwordKeys}</span>
        </label>
      </Form>
    </section>
  )
}

const passwordWords = (error: unknown): string | undefined =>
  error instanceof ApiError && error.code === 'login-failed' ? words.passwordWrong : signInWords(error)
