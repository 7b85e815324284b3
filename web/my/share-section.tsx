/** Share links of a file: a new one with its terms, as the upload page has them, and those there are. */

import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { accountTexts } from '../../src/edge/account-texts.ts'
import { ask, segment } from '../account/api.ts'
import { timeWords } from '../account/format.ts'
import { useDoing, useLoaded } from '../account/hooks.ts'
import type { Loaded } from '../account/hooks.ts'
import { Badge, CopyField, Field, Form, Problem, Select, Show } from '../account/parts.tsx'
import type { FileRow, NewShare, Share } from '../account/shapes.ts'
import type { AccountSettings } from '../account/start.tsx'
import { tell } from '../account/toast.ts'
import { isAboutFile, isAboutLinks, useLive } from '../live/use-live.ts'
import { Qr } from '../common/qr.tsx'
import { fileApi } from './file-api.ts'

const words = accountTexts.share

const startOf = (choices: AccountSettings['downloads']): number =>
  (choices.find(({ isDefault }) => isDefault) ?? choices[0])?.value ?? 1

export function ShareSection({ file, settings }: { file: FileRow; settings: AccountSettings }): JSX.Element {
  const shares = useLoaded('shares', (signal) =>
    ask<{ shares: Share[] }>(`${fileApi(file.file_id)}/shares`, { signal }).then((answer) => answer.shares)
  )
  useLive(shares, (news) => isAboutFile(news, file.file_id) && isAboutLinks(news))
  const [made, setMade] = useState<NewShare>()
  return (
    <section class="stack" aria-label={accountTexts.sheet.share}>
      {made === undefined ? (
        <NewLink
          file={file}
          settings={settings}
          onMade={(link) => {
            setMade(link)
            shares.reload()
          }}
        />
      ) : (
        <Made link={made} onAnother={() => setMade(undefined)} />
      )}
      <h3>{words.list}</h3>
      <Show of={shares}>
        {(rows) =>
          rows.length === 0 ? (
            <p class="hint">{words.none}</p>
          ) : (
            <Links rows={rows} file={file} shares={shares} />
          )
        }
      </Show>
    </section>
  )
}

function NewLink(props: {
  file: FileRow
  settings: AccountSettings
  onMade: (link: NewShare) => void
}): JSX.Element {
  const { file, settings, onMade } = props
  const [downloads, setDownloads] = useState(() => startOf(settings.downloads))
  const [expires, setExpires] = useState(() => startOf(settings.lifetimes))
  const [password, setPassword] = useState('')
  const doing = useDoing()
  const submit = (): void =>
    doing.run(async () => {
      const body = { downloads, expires, ...(password !== '' && { password }) }
      onMade(await ask<NewShare>(`${fileApi(file.file_id)}/share`, { method: 'POST', body }))
    })
  return (
    <Form id="share" doing={doing} onSubmit={submit} submit={words.submit}>
      <p class="sentence">
        {words.start}{' '}
        <Select
          id="downloads"
          label={words.downloads}
          value={downloads}
          choices={settings.downloads}
          onChoose={setDownloads}
          isInline
        />{' '}
        {words.or}{' '}
        <Select
          id="expires"
          label={words.expires}
          value={expires}
          choices={settings.lifetimes}
          onChoose={setExpires}
          isInline
        />
        .
      </p>
      <details class="more">
        <summary>{words.password}</summary>
        <Field
          id="share-password"
          label={words.passwordLabel}
          type="password"
          value={password}
          onInput={setPassword}
          hint={words.passwordHint}
          autocomplete="new-password"
          maxLength={settings.passwordBytesMax}
        />
      </details>
    </Form>
  )
}

function Made({ link, onAnother }: { link: NewShare; onAnother: () => void }): JSX.Element {
  const send = async (): Promise<void> => {
    // closing the sheet is no failure
    await navigator.share({ url: link.url }).catch(() => undefined)
  }
  return (
    <div class="made">
      <CopyField id="link" hasFocus label={words.link} value={link.url} copy={words.copy}>
        {'share' in navigator && (
          <button class="button secondary" type="button" onClick={() => void send()}>
            {words.send}
          </button>
        )}
      </CopyField>
      <p class="hint" role="status">
        {words.once}
      </p>
      <details class="more qr-more">
        <summary>{words.qr}</summary>
        <div class="qr">
          <Qr text={link.url} label={words.qrAlt} />
        </div>
      </details>
      <div class="actions">
        <button class="button secondary" type="button" id="another" onClick={onAnother}>
          {words.another}
        </button>
        <a class="button secondary" href={link.senderUrl}>
          {words.follow}
        </a>
      </div>
    </div>
  )
}

function Links(props: { rows: readonly Share[]; file: FileRow; shares: Loaded<Share[]> }): JSX.Element {
  const { rows, file, shares } = props
  const doing = useDoing()
  const revoke = (share: string): void =>
    doing.run(async () => {
      await ask(`${fileApi(file.file_id)}/shares/${segment(share)}`, { method: 'DELETE' })
      tell(words.revoked)
      shares.reload()
    })
  return (
    <>
      <Problem text={doing.problem} />
      <ul class="plain-rows" id="shares">
        {rows.map((row) => {
          const made = timeWords(row.created_at)
          return (
            <li key={row.share} data-state={row.state}>
              <div class="row-text">
                <span class="row-name">
                  {words.made(made)} <Badge kind={row.state}>{words.states[row.state]}</Badge>
                </span>
                <span class="row-facts">
                  <span>{words.left(row.downloads_left, row.downloads)}</span>
                  <span>{words.until(timeWords(row.expires_at))}</span>
                  {row.version !== file.version && <span>{words.ofVersion(row.version)}</span>}
                  {row.password_required && <span>{words.hasPassword}</span>}
                </span>
              </div>
              {row.state === 'live' && (
                <button
                  class="text-button danger"
                  type="button"
                  aria-label={words.revokeOf(made)}
                  onClick={() => revoke(row.share)}
                >
                  {words.revoke}
                </button>
              )}
            </li>
          )
        })}
      </ul>
    </>
  )
}
