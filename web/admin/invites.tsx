/** Invitations: each makes one account. */

import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { accountTexts } from '../../src/edge/account-texts.ts'
import { adminTexts } from '../../src/edge/admin-texts.ts'
import { ask, segment } from '../account/api.ts'
import { timeWords } from '../account/format.ts'
import { useDoing, useLoaded } from '../account/hooks.ts'
import type { Loaded } from '../account/hooks.ts'
import { CopyField, Form, Problem, Select, Show } from '../account/parts.tsx'
import type { Invite, Role } from '../account/shapes.ts'
import { tell } from '../account/toast.ts'
import { isAboutSessions, useLive } from '../live/use-live.ts'

const words = adminTexts
const ROLES: ReadonlyArray<{ value: Role; label: string }> = [
  { value: 'user', label: words.roles.user },
  { value: 'admin', label: words.roles.admin }
]
const DEFAULT_LIFE_S = 7 * 86_400

export function Invites(): JSX.Element {
  const invites = useLoaded('invites', (signal) =>
    ask<{ invites: Invite[] }>('/api/invites', { signal }).then(({ invites: all }) =>
      all.filter(({ used_by: user }) => user === null)
    )
  )
  // whoever used one is signed in
  useLive(invites, isAboutSessions)
  return (
    <div class="columns">
      <NewInvite onMade={invites.reload} />
      <section class="card" aria-labelledby="invites-title">
        <h2 id="invites-title">{words.invites}</h2>
        <Show of={invites}>
          {(rows) =>
            rows.length === 0 ? <p class="hint">{words.noInvites}</p> : <Rows rows={rows} invites={invites} />
          }
        </Show>
      </section>
    </div>
  )
}

function NewInvite({ onMade }: { onMade: () => void }): JSX.Element {
  const [role, setRole] = useState<Role>('user')
  const [expires, setExpires] = useState<number>(DEFAULT_LIFE_S)
  const [link, setLink] = useState<string>()
  const doing = useDoing()
  const submit = (): void =>
    doing.run(async () => {
      const body = { role, expires_in: expires }
      const made = await ask<{ invite_url: string }>('/api/invites', { method: 'POST', body })
      setLink(made.invite_url)
      onMade()
    })
  return (
    <section class="card" aria-labelledby="invite-title">
      <h2 id="invite-title">{words.inviteSubmit}</h2>
      <p class="hint">{words.inviteLead}</p>
      <Form id="invite" doing={doing} onSubmit={submit} submit={words.inviteSubmit}>
        <Select id="invite-role" label={words.inviteRole} value={role} choices={ROLES} onChoose={setRole} />
        <Select
          id="invite-expires"
          label={words.inviteExpires}
          value={expires}
          choices={words.inviteLifetimes}
          onChoose={setExpires}
        />
      </Form>
      {link !== undefined && (
        <div class="made" id="made">
          <CopyField
            id="invite-link"
            hasFocus
            label={words.inviteLink}
            value={link}
            copy={accountTexts.share.copy}
          />
          <p class="notice warning">{words.inviteOnce}</p>
        </div>
      )}
    </section>
  )
}

function Rows({ rows, invites }: { rows: readonly Invite[]; invites: Loaded<Invite[]> }): JSX.Element {
  const doing = useDoing()
  const remove = (id: string): void =>
    doing.run(async () => {
      await ask(`/api/invites/${segment(id)}`, { method: 'DELETE' })
      tell(words.inviteDeleted)
      invites.reload()
    })
  return (
    <>
      <Problem text={doing.problem} />
      <ul class="plain-rows" id="invites">
        {rows.map((row) => {
          const text = words.inviteUntil(words.roles[row.role], timeWords(row.expires_at))
          return (
            <li key={row.invite_id}>
              <div class="row-text">
                <span class="row-name">{text}</span>
              </div>
              <button
                class="text-button danger"
                type="button"
                aria-label={words.inviteDeleteOf(text)}
                onClick={() => remove(row.invite_id)}
              >
                {words.inviteDelete}
              </button>
            </li>
          )
        })}
      </ul>
    </>
  )
}
