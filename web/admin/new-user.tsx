/** An account that an administrator makes for somebody. */

import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { accountTexts } from '../../src/edge/account-texts.ts'
import { adminTexts } from '../../src/edge/admin-texts.ts'
import { ApiError, ask } from '../account/api.ts'
import { Dialog } from '../account/dialog.tsx'
import { useDoing } from '../account/hooks.ts'
import { Field, Form, Select } from '../account/parts.tsx'
import type { Role } from '../account/shapes.ts'
import { tell } from '../account/toast.ts'
import { problemOfNew } from '../sign-in/credentials.tsx'

const words = adminTexts
const ROLES: ReadonlyArray<{ value: Role; label: string }> = [
  { value: 'user', label: words.roles.user },
  { value: 'admin', label: words.roles.admin }
]

export function NewUser({ onMade, onClose }: { onMade: () => void; onClose: () => void }): JSX.Element {
  const [name, setName] = useState('')
  const [password, setPassword] = useState('')
  const [role, setRole] = useState<Role>('user')
  const doing = useDoing()
  const submit = (): void => {
    const problem = problemOfNew({ name, password })
    if (problem !== undefined) {
      doing.say(problem)
      return
    }
    doing.run(
      async () => {
        await ask('/api/users', { method: 'POST', body: { username: name, password, role } })
        onMade()
        onClose()
        // the dialog is closed by then: the page says it
        setTimeout(() => tell(words.userCreated(name)))
      },
      (error) =>
        error instanceof ApiError && error.code === 'name-taken' ? accountTexts.signUp.taken : undefined
    )
  }
  return (
    <Dialog title={words.newUser} id="user-making" onClose={onClose}>
      <Form id="make-user" doing={doing} onSubmit={submit} submit={words.newUserSubmit}>
        <Field
          id="new-name"
          label={accountTexts.signIn.name}
          value={name}
          onInput={setName}
          hint={accountTexts.signUp.nameHint}
          required
          autoFocus
        />
        <Field
          id="new-user-password"
          label={accountTexts.signIn.password}
          type="password"
          value={password}
          onInput={setPassword}
          autocomplete="new-password"
          hint={accountTexts.signUp.passwordHint}
          required
        />
        <Select id="new-role" label={words.role} value={role} choices={ROLES} onChoose={setRole} />
      </Form>
    </Dialog>
  )
}
