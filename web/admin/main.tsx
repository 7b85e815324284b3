/** Script of `/admin`: users, everybody's files, the access log, invitations. */

import type { JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { accountTexts } from '../../src/edge/account-texts.ts'
import { adminTexts } from '../../src/edge/admin-texts.ts'
import { queryOf } from '../account/api.ts'
import { setTitle, startInside } from '../account/start.tsx'
import type { Inside } from '../account/start.tsx'
import { AllFiles } from './all-files.tsx'
import { Invites } from './invites.tsx'
import { Log } from './log.tsx'
import { Users } from './users.tsx'

const words = adminTexts
const TABS = ['users', 'files', 'log', 'invites'] as const
type Tab = (typeof TABS)[number]

/** Which part, and of whom. */
interface View {
  readonly tab: Tab
  /** Id of a user; empty: of all. */
  readonly user: string
}

const isTab = (text: string | null): text is Tab => TABS.some((tab) => tab === text)

function viewInAddress(): View {
  const query = new URLSearchParams(location.search)
  const tab = query.get('tab')
  return { tab: isTab(tab) ? tab : 'users', user: query.get('user') ?? '' }
}

const addressOf = ({ tab, user }: View): string =>
  `/admin${queryOf({ ...(tab !== 'users' && { tab }), user })}`

function AdminView({ inside }: { inside: Inside }): JSX.Element {
  const [view, setView] = useState(viewInAddress)
  useEffect(() => {
    const follow = (): void => setView(viewInAddress())
    window.addEventListener('popstate', follow)
    return () => window.removeEventListener('popstate', follow)
  }, [])
  useEffect(() => setTitle(words[view.tab]), [view.tab])
  const go = (next: View): void => {
    history.pushState(null, '', addressOf(next))
    setView(next)
  }
  return (
    <>
      <h1>{accountTexts.titles.admin}</h1>
      <nav class="tabs" aria-label={words.tabs}>
        {TABS.map((tab) => (
          <a
            key={tab}
            class="tab"
            id={`tab-${tab}`}
            href={addressOf({ tab, user: '' })}
            aria-current={view.tab === tab ? 'page' : undefined}
            onClick={(event) => {
              if (event.ctrlKey || event.metaKey || event.shiftKey) return
              event.preventDefault()
              go({ tab, user: '' })
            }}
          >
            {words[tab]}
          </a>
        ))}
      </nav>
      {view.tab === 'users' && <Users me={inside.me} onGo={(tab, user) => go({ tab, user })} />}
      {view.tab === 'files' && <AllFiles key={view.user} user={view.user} settings={inside.settings} />}
      {view.tab === 'log' && <Log key={view.user} user={view.user} />}
      {view.tab === 'invites' && <Invites />}
    </>
  )
}

const Forbidden = (): JSX.Element => (
  <>
    <h1>{accountTexts.titles.admin}</h1>
    <section class="card">
      <p>{words.forbidden}</p>
      <div class="actions">
        <a class="button primary" href="/my">
          {accountTexts.nav.files}
        </a>
      </div>
    </section>
  </>
)

void startInside(
  (inside) => (inside.me.role === 'admin' ? <AdminView inside={inside} /> : <Forbidden />),
  'everybody'
)
