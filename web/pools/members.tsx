/** Who is in a pool, when each sent last, and who is silent since when. */

import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { poolTexts } from '../../src/edge/pool-texts.ts'
import { ask, segment } from '../account/api.ts'
import { Dialog } from '../account/dialog.tsx'
import { useDoing, usePaged } from '../account/hooks.ts'
import type { Doing } from '../account/hooks.ts'
import { Badge, Field, Form, Loading, More, Problem, Select, When } from '../account/parts.tsx'
import { tell } from '../account/toast.ts'
import { useLive } from '../live/use-live.ts'
import { Ask } from './ask.tsx'
import { isAboutMembers, listMembers, poolPath } from './pool-api.ts'
import type { MemberFilter } from './pool-api.ts'
import { ROLES } from './shapes.ts'
import type { Member, Pool, PoolRole } from './shapes.ts'

const words = poolTexts.members
const FILTERS = Object.entries(words.filters).map(([value, label]) => ({
  value: value as MemberFilter,
  label
}))
export const ROLE_CHOICES = ROLES.map((value) => ({ value, label: poolTexts.roles[value] }))
/** With what each of them may do. */
export const ROLE_SENTENCES = ROLES.map((value) => ({
  value,
  label: poolTexts.join.meaning(poolTexts.roles[value], poolTexts.roleTexts[value])
}))

export function Members(props: { pool: Pool; me: string; manages: boolean }): JSX.Element {
  const { pool, me, manages } = props
  const [filter, setFilter] = useState<MemberFilter>('all')
  const [isAdding, setAdding] = useState(false)
  const doing = useDoing()
  const members = usePaged<Member>(`members:${filter}`, (page, signal) =>
    listMembers(pool.pool, page, filter, signal)
  )
  useLive(members, isAboutMembers)
  return (
    <section class="card" aria-labelledby="members-title" aria-busy={members.isLoading}>
      <div class="section-head">
        <h2 id="members-title">{words.title}</h2>
        <Select
          id="member-filter"
          label={words.filter}
          value={filter}
          choices={FILTERS}
          onChoose={setFilter}
          isInline
        />
      </div>
      {manages && pool.state === 'active' && (
        <button
          class="button secondary small"
          type="button"
          id="add-member"
          aria-haspopup="dialog"
          onClick={() => setAdding(true)}
        >
          {words.add}
        </button>
      )}
      <Problem text={members.problem || doing.problem} onRetry={members.reload} />
      {!members.isReady && members.problem === '' && <Loading />}
      {members.isReady && members.rows.length === 0 && (
        <p class="hint">{filter === 'silent' ? words.noneSilent : words.none}</p>
      )}
      <ul class="plain-rows" id="members">
        {members.rows.map((member) => (
          <Row
            key={member.user}
            pool={pool.pool}
            member={member}
            isMe={member.user === me}
            manages={manages}
            doing={doing}
            onChange={members.reload}
          />
        ))}
      </ul>
      <More of={members} />
      {isAdding && <AddMember pool={pool.pool} onAdded={members.reload} onClose={() => setAdding(false)} />}
    </section>
  )
}

interface RowProps {
  readonly pool: string
  readonly member: Member
  readonly isMe: boolean
  readonly manages: boolean
  readonly doing: Doing
  readonly onChange: () => void
}

function Row(props: RowProps): JSX.Element {
  const { member, isMe, manages } = props
  const { name, role, program, last_sent_at: last, silent_since: silent } = member
  return (
    <li data-member={name} data-silent={silent === null ? undefined : ''}>
      <div class="row-text">
        <span class="row-name">{name}</span>
        <span class="row-facts">
          {!manages && <Badge kind="current">{poolTexts.roles[role]}</Badge>}
          {program && <Badge kind="neutral">{words.program}</Badge>}
          {isMe && <Badge kind="live">{words.you}</Badge>}
          {silent !== null && (
            <Badge kind="suspended">
              {words.silentSince} <When at={silent} />
            </Badge>
          )}
          <Sent role={role} last={last} joined={member.joined_at} />
        </span>
        {manages && <Change {...props} />}
      </div>
    </li>
  )
}

function Sent({ role, last, joined }: { role: PoolRole; last: string | null; joined: string }): JSX.Element {
  if (last !== null)
    return (
      <span>
        {words.lastSent} <When at={last} />
      </span>
    )
  return (
    <>
      {role === 'producer' && <span>{words.neverSent}</span>}
      <span>
        {words.joined} <When at={joined} />
      </span>
    </>
  )
}

function Change({ pool, member, isMe, doing, onChange }: RowProps): JSX.Element {
  const { user, name, role, program } = member
  const path = `${poolPath(pool)}/members/${segment(user)}`
  const change = (chosen: PoolRole): void =>
    doing.run(async () => {
      // also where it is refused: what is shown is what is so
      try {
        await ask(path, { method: 'PATCH', body: { role: chosen } })
        tell(words.changed(name, poolTexts.roles[chosen]))
      } finally {
        onChange()
      }
    })
  const remove = (): void =>
    doing.run(async () => {
      await ask(path, { method: 'DELETE' })
      tell(words.removed(name))
      onChange()
    })
  return (
    <span class="row-facts">
      <Select
        id={`role-${user}`}
        label={words.roleOf(name)}
        value={role}
        choices={ROLE_CHOICES}
        onChoose={change}
        isInline
      />
      {!isMe && (
        <Ask
          name={words.remove}
          label={words.removeOf(name)}
          question={program ? words.removeProgramSure(name) : words.removeSure(name)}
          onYes={remove}
        />
      )}
    </span>
  )
}

function AddMember(props: { pool: string; onAdded: () => void; onClose: () => void }): JSX.Element {
  const { pool, onAdded, onClose } = props
  const [name, setName] = useState('')
  const [role, setRole] = useState<PoolRole>('producer')
  const doing = useDoing()
  const submit = (): void =>
    doing.run(async () => {
      const body = { name: name.trim(), role }
      const member = await ask<Member>(`${poolPath(pool)}/members`, { method: 'POST', body })
      onAdded()
      onClose()
      tell(words.added(member.name))
    })
  return (
    <Dialog title={words.addTitle} id="member-adding" onClose={onClose}>
      <Form id="add" doing={doing} onSubmit={submit} submit={words.addSubmit}>
        <Field
          id="member-name"
          label={words.addName}
          value={name}
          onInput={setName}
          hint={words.addNameHint}
          required
          autoFocus
        />
        <Select
          id="member-role"
          label={words.addRole}
          value={role}
          choices={ROLE_SENTENCES}
          onChoose={setRole}
        />
      </Form>
    </Dialog>
  )
}
