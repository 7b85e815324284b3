/** What went wrong, in words, and what to do now. */

import { html } from '../html.ts'
import type { Html } from '../html.ts'
import { ERRORS } from '../../errors.ts'
import type { PeerbinError } from '../../errors.ts'
import type { Assets } from '../assets.ts'
import { detailOf } from '../problem.ts'
import { texts } from '../texts.ts'
import { page } from './layout.ts'

const words = texts.error

/** Its heading, and what to say below it. */
export function errorWords(error: PeerbinError): { title: string; text: Html } {
  const title = words.titles[error.code] ?? words.otherTitle
  const hint = words.hints[error.code]
  // the title says it already, unless there is more to say than the registry's sentence
  const detail =
    words.titles[error.code] !== undefined && error.message === ERRORS[error.code].text
      ? undefined
      : detailOf(error)
  return {
    title,
    text: html`${detail !== undefined && html`<p>${detail}</p>`} ${hint !== undefined && html`<p>${hint}</p>`}`
  }
}

/** @param retryPath where trying again starts, if that can help */
export function errorPage(assets: Assets, error: PeerbinError, retryPath?: string): string {
  const { title, text } = errorWords(error)
  const content = html`<section class="card">
    <h1>${title}</h1>
    ${text}
    <div class="actions">
      ${error.retryable && retryPath !== undefined && html`<a class="button primary" href="${retryPath}">${words.retry}</a>`}
      <a class="button secondary" href="/">${words.back}</a>
    </div>
    <p class="hint">${words.code}: <code>${error.code}</code> (${error.status})</p>
  </section>`
  return page({ assets, title, content })
}
