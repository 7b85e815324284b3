/** Begins a page of an account: who is there, the ways in the header, and an eye on the session. */

import { render } from 'preact'
import type { ComponentChildren } from 'preact'
import { accountTexts } from '../../src/edge/account-texts.ts'
import { listen, placeNow } from '../live/live.ts'
import type { Whose } from '../live/live.ts'
import type { Settings } from '../upload/settings.ts'
import { ApiError, ask, expectEnd, leaveForSignIn, wordsOf } from './api.ts'
import { Problem } from './parts.tsx'
import type { Me } from './shapes.ts'
import { tell } from './toast.ts'

export type AccountSettings = Pick<Settings, 'passwordBytesMax' | 'downloads' | 'lifetimes'>

/** Keys of this browser's storage that belong to whoever is signed in. */
const PERSONAL = ['peerbin:my-uploads']

interface Frame {
  readonly root: HTMLElement
  readonly path: string
  readonly settings: AccountSettings
}

/** The frame that the server wrote. */
export function frameOf(): Frame | undefined {
  const root = document.getElementById('app')
  if (root === null) return undefined
  document.documentElement.classList.add('scripted')
  const toast = document.createElement('p')
  toast.className = 'toast'
  toast.setAttribute('role', 'status')
  toast.dataset['toast'] = ''
  document.body.append(toast)
  // written by src/edge/pages/account-page.ts of the same build, so its shape is known
  const settings = JSON.parse(root.dataset['settings'] ?? '{}') as AccountSettings
  return { root, path: root.dataset['path'] ?? '', settings }
}

export interface Inside extends Frame {
  readonly me: Me
}

/** Begins a page of somebody who is signed in; everybody else is led to signing in. @param whose of events: what the page shows */
export async function startInside(
  view: (inside: Inside) => ComponentChildren,
  whose: Whose = 'own'
): Promise<void> {
  const frame = frameOf()
  if (frame === undefined) return
  const { root } = frame
  try {
    // the place is taken first: what changes while the page is loading is told afterwards
    const [me, place] = await Promise.all([ask<Me>('/api/me'), placeNow(whose)])
    showWays(me)
    listen(me.user_id, whose === 'everybody' && me.role !== 'admin' ? 'own' : whose, place)
    root.replaceChildren()
    render(view({ ...frame, me }), root)
  } catch (error) {
    const again = (): void => location.reload()
    root.querySelector('[data-problem]')?.remove()
    const place = document.createElement('div')
    place.dataset['problem'] = ''
    root.append(place)
    render(<Problem text={wordsOf(error)} onRetry={again} />, place)
  }
}

function showWays(me: Me): void {
  const admin = document.getElementById('admin-link')
  if (admin !== null) admin.hidden = me.role !== 'admin'
  const out = document.getElementById('sign-out')
  if (out === null) return
  out.hidden = false
  out.title = me.username
  out.addEventListener('click', () => void signOut())
}

async function signOut(): Promise<void> {
  expectEnd(true)
  try {
    await ask('/api/logout', { method: 'POST', stays: true })
  } catch (error) {
    // it may have ended already; then there is nothing left to do
    if (!(error instanceof ApiError) || error.status !== 401) {
      expectEnd(false)
      tell(wordsOf(error))
      return
    }
  }
  for (const key of PERSONAL) forget(key)
  leaveForSignIn('out')
}

function forget(key: string): void {
  try {
    window.localStorage.removeItem(key)
  } catch {
    // a browser that keeps nothing has nothing to forget
  }
}

/** Says in the title of the window what the page shows now. */
export function setTitle(text: string): void {
  document.title = `${text} · ${document.title.split(' · ').at(-1) ?? ''}`
}

export const titles = accountTexts.titles
