/** `/sign-in`: a name, a password, and back to where somebody came from. */

import type { JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { accountTexts } from '../../src/edge/account-texts.ts'
import { ask, pageAfterSignIn } from '../account/api.ts'
import { useDoing } from '../account/hooks.ts'
import { Form } from '../account/parts.tsx'
import { Credentials, enter, signInWords } from './credentials.tsx'
import type { Limits } from './credentials.tsx'

const words = accountTexts.signIn
const REASONS: Record<string, string> = { expired: words.expired, out: words.out }

export function SignIn(limits: Limits): JSX.Element {
  const [given, setGiven] = useState({ name: '', password: '' })
  const [ways, setWays] = useState({ signUp: false, setup: false })
  const doing = useDoing()
  const why = REASONS[new URLSearchParams(location.hash.slice(1)).get('why') ?? '']
  useEffect(() => {
    // somebody who is signed in has no business here
    if (why === undefined)
      void ask('/api/validate', { stays: true }).then(
        () => enter(pageAfterSignIn()),
        () => undefined
      )
    void waysIn().then(setWays)
  }, [])
  const submit = (): void =>
    doing.run(async () => {
      await ask('/api/login', {
        method: 'POST',
        body: { username: given.name, password: given.password, cookie: true },
        stays: true
      })
      enter(pageAfterSignIn())
    }, signInWords)
  return (
    <div class="narrow">
      <h1>{accountTexts.titles.signIn}</h1>
      <section class="card">
        {why !== undefined && doing.problem === '' && (
          <p class="notice neutral" role="status" id="why">
            {why}
          </p>
        )}
        <Form id="sign-in" doing={doing} onSubmit={submit} submit={words.submit} busy={words.busy}>
          <Credentials given={given} onInput={setGiven} limits={limits} isNew={false} />
        </Form>
        {ways.setup && <p class="notice warning">{words.setup}</p>}
        {ways.signUp && (
          <p class="hint">
            {words.noAccount} <a href={`/sign-up${location.hash}`}>{words.signUp}</a>
          </p>
        )}
      </section>
    </div>
  )
}

/** What else there is for somebody without an account. That it cannot be said now is no reason not to sign in. */
async function waysIn(): Promise<{ signUp: boolean; setup: boolean }> {
  const [registration, setup] = await Promise.allSettled([
    ask<{ mode: string }>('/api/registration', { stays: true }),
    ask<{ needed: boolean }>('/api/setup', { stays: true })
  ])
  return {
    signUp: registration.status === 'fulfilled' && registration.value.mode !== 'closed',
    setup: setup.status === 'fulfilled' && setup.value.needed
  }
}
