/** Where somebody is signed in. */

import type { JSX } from 'preact'
import { accountTexts } from '../../src/edge/account-texts.ts'
import { ask, segment } from '../account/api.ts'
import { timeWords } from '../account/format.ts'
import { useDoing, useLoaded } from '../account/hooks.ts'
import { Badge, Problem, Show } from '../account/parts.tsx'
import type { Session } from '../account/shapes.ts'
import { tell } from '../account/toast.ts'
import { isAboutSessions, useLive } from '../live/use-live.ts'
import { agentWords } from './agent-words.ts'

const words = accountTexts.account

export function Sessions(): JSX.Element {
  const sessions = useLoaded('sessions', (signal) =>
    ask<{ sessions: Session[] }>('/api/me/sessions', { signal }).then((answer) => answer.sessions)
  )
  useLive(sessions, isAboutSessions)
  const doing = useDoing()
  const end = (id: string): void =>
    doing.run(async () => {
      await ask(`/api/me/sessions/${segment(id)}`, { method: 'DELETE' })
      tell(words.sessionEnded)
      sessions.reload()
    })
  return (
    <section class="card" aria-labelledby="sessions-title">
      <h2 id="sessions-title">{words.sessions}</h2>
      <p class="hint">{words.sessionsText}</p>
      <Problem text={doing.problem} />
      <Show of={sessions}>
        {(rows) => (
          <ul class="plain-rows" id="sessions">
            {rows.map((row) => (
              <li key={row.session_id}>
                <div class="row-text">
                  <span class="row-name" title={row.name}>
                    {agentWords(row.name)} {row.current && <Badge kind="current">{words.thisSession}</Badge>}
                  </span>
                  <span class="row-facts">
                    <span>{words.since(timeWords(row.created_at))}</span>
                    {row.last_used_at !== null && <span>{words.lastUsed(timeWords(row.last_used_at))}</span>}
                  </span>
                </div>
                {!row.current && (
                  <button
                    class="text-button danger"
                    type="button"
                    aria-label={words.endSessionOf(agentWords(row.name))}
                    onClick={() => end(row.session_id)}
                  >
                    {words.endSession}
                  </button>
                )}
              </li>
            ))}
          </ul>
        )}
      </Show>
    </section>
  )
}
