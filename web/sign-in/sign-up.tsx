/** `/sign-up`: a new account. An invitation stands behind the `#`. */

import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { accountTexts } from '../../src/edge/account-texts.ts'
import { ApiError, ask, pageAfterSignIn } from '../account/api.ts'
import { useDoing, useLoaded } from '../account/hooks.ts'
import { Field, Form, Show } from '../account/parts.tsx'
import { Credentials, enter, problemOfNew, signInWords } from './credentials.tsx'
import type { Limits } from './credentials.tsx'

const words = accountTexts.signUp

/** `#INVITATION`; what has names there is where somebody came from. */
function inviteInAddress(): string {
  const text = location.hash.slice(1)
  return text.includes('=') ? '' : text
}

export function SignUp(limits: Limits): JSX.Element {
  const mode = useLoaded('mode', (signal) =>
    ask<{ mode: 'open' | 'invited' | 'closed' }>('/api/registration', { signal, stays: true })
  )
  return (
    <div class="narrow">
      <h1>{accountTexts.titles.signUp}</h1>
      <section class="card">
        <Show of={mode}>
          {(value) =>
            value.mode === 'closed' ? (
              <p>{words.closed}</p>
            ) : (
              <New limits={limits} needsInvite={value.mode === 'invited'} />
            )
          }
        </Show>
        <p class="hint">
          {words.haveAccount} <a href={`/sign-in${location.hash}`}>{words.signIn}</a>
        </p>
      </section>
    </div>
  )
}

function New({ limits, needsInvite }: { limits: Limits; needsInvite: boolean }): JSX.Element {
  const [given, setGiven] = useState({ name: '', password: '' })
  const [invite, setInvite] = useState(inviteInAddress)
  const [wasInvited] = useState(invite !== '')
  const doing = useDoing()
  const submit = (): void => {
    const problem = problemOfNew(given)
    if (problem !== undefined) {
      doing.say(problem)
      return
    }
    doing.run(async () => {
      await ask('/api/register', {
        method: 'POST',
        body: {
          username: given.name,
          password: given.password,
          cookie: true,
          ...(invite !== '' && { invite: invite.trim() })
        },
        stays: true
      })
      enter(pageAfterSignIn())
    }, wordsOfSignUp)
  }
  return (
    <Form id="sign-up" doing={doing} onSubmit={submit} submit={words.submit} busy={words.busy}>
      <p class="lead">{wasInvited ? words.invited : words.lead}</p>
      {needsInvite && !wasInvited && (
        <Field
          id="invite"
          label={words.invite}
          value={invite}
          onInput={setInvite}
          hint={words.needsInvite}
          required
        />
      )}
      <Credentials given={given} onInput={setGiven} limits={limits} isNew />
    </Form>
  )
}

const wordsOfSignUp = (error: unknown): string | undefined =>
  error instanceof ApiError && error.code === 'name-taken' ? words.taken : signInWords(error)
