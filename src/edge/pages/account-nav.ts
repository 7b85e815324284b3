/** Ways between the upload page and the pages of an account. */

import type { FastifyRequest } from 'fastify'
import { accountTexts } from '../account-texts.ts'
import { html } from '../html.ts'
import type { Html } from '../html.ts'

const words = accountTexts.nav

/** The cookie of a browser's session. */
const SESSION_COOKIE = 'peerbin_session'

/** Whether the browser brings a session. It is not verified here: what the page asks for next is. */
export const hasSession = (request: FastifyRequest): boolean => (request.cookies[SESSION_COOKIE] ?? '') !== ''

/** For the upload page: one way, to the files or to signing in. */
export const accountLink = (isSignedIn: boolean): Html =>
  isSignedIn
    ? html`<a class="bar-link" href="/my">${words.files}</a>`
    : html`<a class="bar-link" href="/sign-in">${words.signIn}</a>`

/** The pages of an account, in order. */
const PLACES = [
  { path: '/my', text: words.files },
  { path: '/pools', text: words.pools },
  { path: '/my/history', text: words.history },
  { path: '/my/account', text: words.account }
] as const

/** Shown to administrators, by the script: the frame of a page is the same for everybody. */
const ADMIN = '/admin'

/** For the pages of an account. @param current path of the page */
export function accountNav(current: string): Html {
  const link = (path: string, text: string): Html =>
    path === current
      ? html`<a href="${path}" aria-current="page">${text}</a>`
      : html`<a href="${path}">${text}</a>`
  return html`<nav class="places" aria-label="${words.label}">
    ${PLACES.map(({ path, text }) => link(path, text))}
    <span class="place-admin" id="admin-link" ${current !== ADMIN && html`hidden`}
      >${link(ADMIN, words.admin)}</span
    >
    <button class="text-button" id="sign-out" type="button" hidden>${words.signOut}</button>
  </nav>`
}
