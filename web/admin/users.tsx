/** Users: who there is, and what each may do. */

import type { JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { accountTexts } from '../../src/edge/account-texts.ts'
import { adminTexts } from '../../src/edge/admin-texts.ts'
import { ask, queryOf } from '../account/api.ts'
import { timeWords } from '../account/format.ts'
import { usePaged } from '../account/hooks.ts'
import { Badge, Loading, More, Problem } from '../account/parts.tsx'
import type { Me, User } from '../account/shapes.ts'
import { isAboutSessions, isAboutSpace, useLive } from '../live/use-live.ts'
import { SearchField } from '../my/toolbar.tsx'
import { AllSpace } from './all-space.tsx'
import { NewUser } from './new-user.tsx'
import { UserSheet } from './user-sheet.tsx'

const words = adminTexts

export function Users(props: {
  me: Me
  /** To another part, of one user. */
  onGo: (tab: 'files' | 'log', user: string) => void
}): JSX.Element {
  const { me, onGo } = props
  const [search, setSearch] = useState('')
  const [opened, setOpened] = useState<User>()
  const [isMaking, setMaking] = useState(false)
  const users = usePaged<User>(search, async ({ after, limit }, signal) => {
    const query = queryOf({ search, after, limit })
    const page = await ask<{ users: User[]; next: string | null }>(`/api/users${query}`, { signal })
    return { rows: page.users, next: page.next }
  })
  // whoever is new signs in, too
  useLive(users, (news) => isAboutSpace(news) || isAboutSessions(news))
  useEffect(() => {
    setOpened((before) => users.rows.find((user) => user.user_id === before?.user_id) ?? before)
  }, [users.rows])
  return (
    <>
      <div class="toolbar">
        <button
          class="button primary"
          type="button"
          id="new-user"
          aria-haspopup="dialog"
          onClick={() => setMaking(true)}
        >
          {words.newUser}
        </button>
        <SearchField id="search" label={words.userSearch} value={search} onSearch={setSearch} />
      </div>
      <AllSpace />
      <Problem text={users.problem} onRetry={users.reload} />
      {!users.isReady && users.problem === '' && <Loading />}
      {users.isReady && users.rows.length === 0 && !users.hasMore && (
        <p class="card empty">{words.noUsers}</p>
      )}
      {(users.rows.length > 0 || users.hasMore) && (
        <section class="card list" aria-label={words.userList} aria-busy={users.isLoading}>
          <ul class="rows" id="users">
            {users.rows.map((user) => (
              <Row key={user.user_id} user={user} isMe={user.user_id === me.user_id} onOpen={setOpened} />
            ))}
          </ul>
          <More of={users} />
        </section>
      )}
      {opened !== undefined && (
        <UserSheet
          user={opened}
          isMe={opened.user_id === me.user_id}
          onGo={onGo}
          onClose={() => setOpened(undefined)}
          onChange={(user) => {
            setOpened(user)
            users.reload()
          }}
        />
      )}
      {isMaking && <NewUser onMade={users.reload} onClose={() => setMaking(false)} />}
    </>
  )
}

function Row(props: { user: User; isMe: boolean; onOpen: (user: User) => void }): JSX.Element {
  const { user, isMe, onOpen } = props
  const { username, role, state, used_bytes: used, quota_bytes: quota, created_at: since } = user
  return (
    <li data-user={username} data-state={state}>
      <div class="row-text">
        <button
          class="row-name"
          type="button"
          aria-haspopup="dialog"
          title={words.manage(username)}
          onClick={() => onOpen(user)}
        >
          {username}
        </button>
        <span class="row-facts">
          {isMe && <Badge kind="current">{words.you}</Badge>}
          {role === 'admin' && <Badge kind="current">{words.roles.admin}</Badge>}
          {state === 'disabled' && <Badge kind="failed">{words.states.disabled}</Badge>}
          {used !== undefined && <span>{accountTexts.files.space(used, quota)}</span>}
          {user.quota_of === 'user' && <span>{words.quotaOf.user}</span>}
          <span>{words.since(timeWords(since, 'day'))}</span>
        </span>
      </div>
    </li>
  )
}
