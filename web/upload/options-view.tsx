/** What can be chosen about the link: one sentence, one switch, and a password that few need. */

import type { JSX } from 'preact'
import { pageTexts } from '../../src/edge/page-texts.ts'
import { texts } from '../../src/edge/texts.ts'
import { Icon } from '../common/icons.tsx'
import { isConnectionProtected } from '../crypto/page-crypto.ts'
import type { UploadApp } from './app.ts'
import type { Choice } from './settings.ts'

const words = pageTexts.upload

export function OptionsView({ app }: { app: UploadApp }): JSX.Element {
  const { options, settings } = app
  return (
    <div class="options">
      <p class="sentence">
        {texts.upload.sentenceStart}{' '}
        <Select
          id="downloads"
          label={texts.upload.downloads}
          choices={settings.downloads}
          value={options.downloads}
          onChoose={(value) => app.set('downloads', value)}
        />{' '}
        {texts.upload.sentenceOr}{' '}
        <Select
          id="expires"
          label={texts.upload.expires}
          choices={settings.lifetimes}
          value={options.seconds}
          onChoose={(value) => app.set('seconds', value)}
        />
        .
      </p>
      <Encryption app={app} />
      <Password app={app} />
    </div>
  )
}

function Select(props: {
  id: string
  label: string
  choices: readonly Choice[]
  value: number
  onChoose: (value: number) => void
}): JSX.Element {
  const { id, label, choices, value, onChoose } = props
  return (
    <select
      class="inline"
      id={id}
      aria-label={label}
      value={value}
      onChange={(event) => onChoose(Number(event.currentTarget.value))}
    >
      {choices.map((choice) => (
        <option key={choice.value} value={choice.value}>
          {choice.label}
        </option>
      ))}
    </select>
  )
}

function Encryption({ app }: { app: UploadApp }): JSX.Element {
  const { isEncrypted } = app.options
  return (
    <div class="encryption">
      <label class="switch" for="encrypted">
        <input
          id="encrypted"
          type="checkbox"
          role="switch"
          checked={isEncrypted}
          aria-describedby="encrypted-hint"
          onChange={(event) => app.set('isEncrypted', event.currentTarget.checked)}
        />
        <span class="track" aria-hidden="true" />
        <span class="switch-label">{words.encrypted}</span>
      </label>
      <p class="hint" id="encrypted-hint">
        {isEncrypted ? words.encryptedOn : words.encryptedOff}
      </p>
      {!isConnectionProtected() && (
        <p class="notice warning" id="unprotected">
          <Icon name="warning" />
          <span>{words.unprotected}</span>
        </p>
      )}
    </div>
  )
}

function Password({ app }: { app: UploadApp }): JSX.Element {
  return (
    <details class="more" open={app.options.password !== ''}>
      <summary>{words.passwordSummary}</summary>
      <div class="field">
        <label for="password">{words.password}</label>
        <input
          id="password"
          type="password"
          maxLength={app.settings.passwordBytesMax}
          autocomplete="new-password"
          aria-describedby="password-hint"
          value={app.options.password}
          onChange={(event) => app.set('password', event.currentTarget.value)}
        />
        <p class="hint" id="password-hint">
          {words.passwordHint}
        </p>
      </div>
    </details>
  )
}
