/** Script of `/pools/join#KEY`: what a join key leads to, for whoever has it. The key stands behind the `#`, which is sent to no server. */

import { render } from 'preact'
import type { JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { accountTexts } from '../../src/edge/account-texts.ts'
import { poolTexts } from '../../src/edge/pool-texts.ts'
import { durationText } from '../../src/edge/texts.ts'
import { ApiError, ask } from '../account/api.ts'
import { useDoing, useLoaded } from '../account/hooks.ts'
import { CopyField, Field, Form, Show, When } from '../account/parts.tsx'
import type { Me } from '../account/shapes.ts'
import { frameOf } from '../account/start.tsx'
import type { Look, PoolRow } from './shapes.ts'

const words = poolTexts.join

const keyInAddress = (): string => location.hash.slice(1)

function JoinView(): JSX.Element {
  const [key, setKey] = useState(keyInAddress)
  useEffect(() => {
    const follow = (): void => setKey(keyInAddress())
    window.addEventListener('hashchange', follow)
    return () => window.removeEventListener('hashchange', follow)
  }, [])
  return <div class="narrow join">{key === '' ? <Enter /> : <Found joinKey={key} />}</div>
}

/** The key, of whatever somebody has copied. */
const keyIn = (text: string): string => text.trim().split('#').at(-1) ?? ''

function Enter(): JSX.Element {
  const [text, setText] = useState('')
  const doing = useDoing()
  return (
    <>
      <h1>{accountTexts.titles.joinPool}</h1>
      <section class="card" id="no-key">
        <h2>{words.noKey}</h2>
        <p>{words.noKeyText}</p>
        <Form id="enter-key" doing={doing} onSubmit={() => (location.hash = keyIn(text))} submit={words.look}>
          <Field
            id="join-key"
            label={words.keyField}
            value={text}
            onInput={setText}
            hint={words.keyHint}
            required
          />
        </Form>
      </section>
    </>
  )
}

/** Who is signed in; undefined: nobody is. */
async function whoIsThere(signal: AbortSignal): Promise<Me | undefined> {
  try {
    return await ask<Me>('/api/me', { signal, stays: true })
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) return undefined
    throw error
  }
}

function Found({ joinKey }: { joinKey: string }): JSX.Element {
  const found = useLoaded(joinKey, async (signal) => {
    const [look, me] = await Promise.all([
      ask<Look>('/api/pools/join/look', { method: 'POST', body: { key: joinKey }, signal, stays: true }),
      whoIsThere(signal)
    ])
    return { look, me }
  })
  return (
    <>
      <h1 class="pool-name">{found.value?.look.name ?? accountTexts.titles.joinPool}</h1>
      {found.code === 'join-key-invalid' && (
        <p class="below">
          <a href="/pools/join">{words.again}</a>
        </p>
      )}
      <Show of={found}>
        {({ look, me }) => (
          <>
            <About look={look} joinKey={joinKey} me={me} />
            <Program joinKey={joinKey} />
          </>
        )}
      </Show>
    </>
  )
}

function About({ look, joinKey, me }: { look: Look; joinKey: string; me: Me | undefined }): JSX.Element {
  const { role, settings } = look
  const facts = [
    { name: words.role, value: words.meaning(poolTexts.roles[role], poolTexts.roleTexts[role]) },
    { name: words.every, value: durationText(settings.frequency_s) },
    { name: words.window, value: durationText(settings.window_s) }
  ]
  return (
    <section class="card" id="found">
      <p class="lead">{words.lead(poolTexts.roles[role])}</p>
      <dl class="facts">
        {facts.map(({ name, value }) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
        <div>
          <dt>{words.expires}</dt>
          <dd>
            <When at={look.expires_at} />
          </dd>
        </div>
      </dl>
      {me === undefined ? <SignInFirst joinKey={joinKey} /> : <Join joinKey={joinKey} me={me} />}
    </section>
  )
}

function Join({ joinKey, me }: { joinKey: string; me: Me }): JSX.Element {
  const doing = useDoing()
  const submit = (): void =>
    doing.run(async () => {
      const body = { key: joinKey }
      const { pool } = await ask<{ pool: PoolRow }>('/api/pools/join', { method: 'POST', body })
      // the address with the key is not one to come back to
      location.replace(`/pools/${encodeURIComponent(pool.pool)}`)
    })
  return <Form id="join" doing={doing} onSubmit={submit} submit={words.as(me.username)} busy={words.busy} />
}

function SignInFirst({ joinKey }: { joinKey: string }): JSX.Element {
  // behind the `#` there too: a key is for no server's log
  const known = new URLSearchParams({ next: `/pools/join#${joinKey}` })
  return (
    <>
      <p class="actions">
        <a class="button primary" id="sign-in-first" href={`/sign-in#${known.toString()}`}>
          {words.signIn}
        </a>
      </p>
      <p class="hint">{words.signInText}</p>
    </>
  )
}

function Program({ joinKey }: { joinKey: string }): JSX.Element {
  const url = `${location.origin}/pools/join#${joinKey}`
  return (
    <section class="card" aria-labelledby="program-title" id="program">
      <h2 id="program-title">{words.program}</h2>
      <p>{words.programText}</p>
      <CopyField id="command" label={words.command} value={poolTexts.commands.join(url)} />
      <details class="more">
        <summary>{words.curl}</summary>
        <p class="hint">{words.curlText}</p>
        <CopyField
          id="curl"
          label={words.command}
          value={poolTexts.commands.joinCurl(location.origin, joinKey)}
        />
      </details>
    </section>
  )
}

const frame = frameOf()
if (frame !== undefined) {
  frame.root.replaceChildren()
  render(<JoinView />, frame.root)
}
