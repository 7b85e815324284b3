/** The page of an encrypted link: what it is, the button, and what became of it. */

import type { JSX } from 'preact'
import { payloadSize } from '../../src/bundle/index.ts'
import type { BundleIndex } from '../../src/bundle/index.ts'
import { pageTexts } from '../../src/edge/page-texts.ts'
import { sizeText, texts } from '../../src/edge/texts.ts'
import { Icon } from '../common/icons.tsx'
import { remainingText } from '../common/times.ts'
import { isConnectionProtected } from '../crypto/page-crypto.ts'
import { isLargeHere } from '../save/open-sink.ts'
import type { DownloadApp, LinkFacts } from './app.ts'
import { ProgressView } from './progress-view.tsx'

const words = pageTexts.link

/** Rows of the list; whoever wants the rest takes the archive. */
const ROWS_MAX = 500

export function DownloadView({ app }: { app: DownloadApp }): JSX.Element {
  switch (app.phase) {
    case 'no-key':
      return <Notice id="no-key" title={words.noKeyTitle} text={words.noKey} />
    case 'wrong-key':
      return <Notice id="wrong-key" title={words.wrongKeyTitle} text={words.wrongKey} />
    case 'password':
      return <Password app={app} />
    case 'opening':
      return <Opening app={app} />
    case 'ready':
    case 'running':
      return app.index === undefined ? <Opening app={app} /> : <Offer app={app} index={app.index} />
  }
}

function Notice({ id, title, text }: { id: string; title: string; text: string }): JSX.Element {
  return (
    <div id={id} role="alert">
      <h1>{title}</h1>
      <p>{text}</p>
    </div>
  )
}

function Opening({ app }: { app: DownloadApp }): JSX.Element {
  const { problem } = app
  if (problem === undefined)
    return (
      <>
        <Title text={texts.link.encryptedTitle} />
        <p role="status">{words.opening}</p>
      </>
    )
  return (
    <>
      <Notice id="problem" title={problem.title} text={problem.text} />
      {!problem.isFinal && (
        <button
          class="button primary"
          type="button"
          id="retry"
          onClick={() => void app.open(location.hash, '')}
        >
          {words.retry}
        </button>
      )}
    </>
  )
}

function Title({ text }: { text: string }): JSX.Element {
  return (
    <>
      <span class="badge tint" aria-hidden="true">
        <Icon name="lock" />
      </span>
      <h1>{text}</h1>
    </>
  )
}

function Password({ app }: { app: DownloadApp }): JSX.Element {
  const submit = (event: Event): void => {
    event.preventDefault()
    const field = document.getElementById('password')
    if (field instanceof HTMLInputElement && field.value !== '') void app.open(location.hash, field.value)
  }
  return (
    <form onSubmit={submit}>
      <Title text={texts.link.protectedTitle} />
      <Facts facts={app.facts} />
      {app.problem !== undefined && (
        <p class="notice error" id="problem" role="alert">
          {app.problem.title}. {app.problem.text}
        </p>
      )}
      <div class="field password">
        <label for="password">{words.password}</label>
        <input id="password" type="password" required autocomplete="off" aria-describedby="password-hint" />
        <p id="password-hint" class="hint">
          {texts.link.passwordHint}
        </p>
      </div>
      <button class="button primary wide" id="unlock" type="submit">
        {words.unlock}
      </button>
    </form>
  )
}

function Offer({ app, index }: { app: DownloadApp; index: BundleIndex }): JSX.Element {
  const { isOneFile, running } = app
  const bytes = payloadSize(index)
  return (
    <>
      <Title text={isOneFile ? words.titleOne : words.title} />
      {index.name !== pageTexts.upload.bundleName(index.entries.length) && (
        <p class="file-name">{index.name}</p>
      )}
      <p class="soft">{isOneFile ? sizeText(bytes) : words.total(index.entries.length, bytes)}</p>
      {!app.isClaimed && <Facts facts={app.facts} />}
      <Outcome app={app} />
      {running === undefined ? (
        <button
          class="button primary wide"
          id="download"
          type="button"
          onClick={() => void app.download(isOneFile ? 0 : 'all')}
        >
          <Icon name="download" />
          {buttonText(app)}
        </button>
      ) : (
        <ProgressView running={running} onCancel={() => app.cancel()} />
      )}
      <p class="hint" id="next">
        {app.isClaimed ? words.claimed : timesText(app.facts)}
      </p>
      {isLargeHere(bytes) && <p class="notice warning">{words.large(bytes)}</p>}
      {!isConnectionProtected() && (
        <p class="notice warning" id="unprotected">
          <Icon name="warning" />
          <span>{words.unprotected}</span>
        </p>
      )}
      {!isOneFile && <Files app={app} index={index} />}
    </>
  )
}

function buttonText({ isOneFile, saved, isClaimed }: DownloadApp): string {
  if (saved !== undefined || (isClaimed && isOneFile)) return words.again
  return isOneFile ? words.download : words.downloadAll
}

const timesText = ({ downloadsLeft }: LinkFacts): string =>
  downloadsLeft === 1 ? words.once : words.several(downloadsLeft)

/** How the last download went; read out when it is there. */
function Outcome({ app }: { app: DownloadApp }): JSX.Element {
  const { problem, saved } = app
  return (
    <div role="status" id="outcome">
      {saved !== undefined && <p class="notice">{words.saved(saved)}</p>}
      {app.isCancelled && <p class="notice warning">{words.cancelled}</p>}
      {problem !== undefined && (
        <p class="notice error">
          <strong>{problem.title}.</strong> {problem.text}
        </p>
      )}
    </div>
  )
}

function Facts({ facts }: { facts: LinkFacts }): JSX.Element {
  const left = Date.parse(facts.expiresAt) - Date.now()
  const until = new Date(facts.expiresAt).toLocaleString(document.documentElement.lang, {
    dateStyle: 'long',
    timeStyle: 'short'
  })
  return (
    <dl class="facts">
      <div>
        <dt>{texts.link.expires}</dt>
        <dd>
          <time dateTime={facts.expiresAt}>{until}</time>{' '}
          <span class="soft" id="countdown">
            {left > 0 ? words.left(remainingText(left)) : words.leftNone}
          </span>
        </dd>
      </div>
      <div>
        <dt>{texts.link.downloads}</dt>
        <dd>{facts.downloadsLeft}</dd>
      </div>
    </dl>
  )
}

function Files({ app, index }: { app: DownloadApp; index: BundleIndex }): JSX.Element {
  const { entries } = index
  return (
    <section aria-label={words.files} class="bundle">
      <h2>{words.files}</h2>
      <ul class="files" id="files" tabIndex={0} aria-label={words.files}>
        {entries.slice(0, ROWS_MAX).map(({ path, sizeBytes }, at) => (
          <li key={path}>
            <Icon name="file" />
            <span class="file-path" title={path}>
              {path}
            </span>
            <span class="file-size">{sizeText(sizeBytes)}</span>
            <button
              class="icon-button"
              type="button"
              aria-label={words.downloadOne(path)}
              disabled={app.phase === 'running' || sizeBytes === 0}
              onClick={() => void app.download(at)}
            >
              <Icon name="download" />
            </button>
          </li>
        ))}
      </ul>
      {entries.length > ROWS_MAX && <p class="hint">{pageTexts.upload.more(entries.length - ROWS_MAX)}</p>}
    </section>
  )
}
