/** `/setup#SECRET`: the first administrator. The secret stands behind the `#`, so that it reaches the server in a body only. */

import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { accountTexts } from '../../src/edge/account-texts.ts'
import { ApiError, ask } from '../account/api.ts'
import { useDoing, useLoaded } from '../account/hooks.ts'
import { Form, Show } from '../account/parts.tsx'
import { Credentials, enter, problemOfNew, signInWords } from './credentials.tsx'
import type { Limits } from './credentials.tsx'

const words = accountTexts.setup

export function SetUp(limits: Limits): JSX.Element {
  const state = useLoaded('setup', (signal) =>
    ask<{ needed: boolean }>('/api/setup', { signal, stays: true })
  )
  return (
    <div class="narrow">
      <h1>{accountTexts.titles.setup}</h1>
      <section class="card">
        <Show of={state}>{(value) => <Wanted isNeeded={value.needed} limits={limits} />}</Show>
      </section>
    </div>
  )
}

function Wanted({ isNeeded, limits }: { isNeeded: boolean; limits: Limits }): JSX.Element {
  if (!isNeeded)
    return (
      <>
        <p>{words.done}</p>
        <div class="actions">
          <a class="button primary" href="/sign-in">
            {accountTexts.nav.signIn}
          </a>
        </div>
      </>
    )
  const secret = location.hash.slice(1)
  if (secret !== '') return <First secret={secret} limits={limits} />
  return (
    <>
      <h2>{words.noSecret}</h2>
      <p>{words.noSecretText}</p>
    </>
  )
}

function First({ secret, limits }: { secret: string; limits: Limits }): JSX.Element {
  const [given, setGiven] = useState({ name: '', password: '' })
  const doing = useDoing()
  const submit = (): void => {
    const problem = problemOfNew(given)
    if (problem !== undefined) {
      doing.say(problem)
      return
    }
    const { name: username, password } = given
    doing.run(async () => {
      await ask('/api/setup', {
        method: 'POST',
        body: { secret, username, password, cookie: true },
        stays: true
      })
      enter('/admin')
    }, wordsOfSetUp)
  }
  return (
    <Form id="set-up" doing={doing} onSubmit={submit} submit={words.submit} busy={accountTexts.signUp.busy}>
      <p class="lead">{words.lead}</p>
      <Credentials given={given} onInput={setGiven} limits={limits} isNew />
    </Form>
  )
}

const wordsOfSetUp = (error: unknown): string | undefined =>
  error instanceof ApiError && (error.status === 401 || error.status === 403)
    ? words.wrong
    : signInWords(error)
