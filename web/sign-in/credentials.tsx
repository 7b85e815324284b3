/** A name and a password, as browsers and password managers know them. */

import type { JSX } from 'preact'
import { accountTexts } from '../../src/edge/account-texts.ts'
import { ApiError } from '../account/api.ts'
import { Field } from '../account/parts.tsx'

const words = accountTexts.signIn
const NAME_LENGTH_MAX = 64
export const PASSWORD_LENGTH_MIN = 8

export interface Limits {
  readonly passwordBytesMax: number
}

export interface Given {
  readonly name: string
  readonly password: string
}

export function Credentials(props: {
  given: Given
  onInput: (given: Given) => void
  limits: Limits
  /** Of somebody new: what is possible is said. */
  isNew: boolean
}): JSX.Element {
  const { given, onInput, limits, isNew } = props
  return (
    <>
      <Field
        id="username"
        label={words.name}
        value={given.name}
        onInput={(name) => onInput({ ...given, name })}
        autocomplete="username"
        maxLength={NAME_LENGTH_MAX}
        required
        autoFocus
        {...(isNew && { hint: accountTexts.signUp.nameHint })}
      />
      <Field
        id="password"
        label={words.password}
        type="password"
        value={given.password}
        onInput={(password) => onInput({ ...given, password })}
        autocomplete={isNew ? 'new-password' : 'current-password'}
        maxLength={limits.passwordBytesMax}
        required
        {...(isNew && { hint: accountTexts.signUp.passwordHint })}
      />
    </>
  )
}

/** What is wrong with what somebody new has chosen, as far as the page can tell. */
export const problemOfNew = ({ password }: Given): string | undefined =>
  new TextEncoder().encode(password).byteLength < PASSWORD_LENGTH_MIN
    ? accountTexts.signUp.shortPassword
    : undefined

/** Words for errors of the forms that lead in, where they have better ones than the server. */
export function signInWords(error: unknown): string | undefined {
  if (!(error instanceof ApiError)) return undefined
  if (error.code === 'login-failed') return words.wrong
  if (error.status === 429 && error.retryAfterS !== undefined) return words.wait(error.retryAfterS)
  return undefined
}

/** Goes where somebody who has just got in wants to be. No way leads back to the form. */
export const enter = (path: string): void => location.replace(path)
