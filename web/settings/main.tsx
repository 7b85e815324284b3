/** Script of `/my/account`: name, password, sessions, keys. */

import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { accountTexts } from '../../src/edge/account-texts.ts'
import { ask } from '../account/api.ts'
import { useLoaded } from '../account/hooks.ts'
import { startInside } from '../account/start.tsx'
import type { Inside } from '../account/start.tsx'
import type { Me } from '../account/shapes.ts'
import { isAboutSpace, useLive } from '../live/use-live.ts'
import { Space } from '../my/space.tsx'
import { Keys } from './keys.tsx'
import { Name, Password } from './profile.tsx'
import { Sessions } from './sessions.tsx'
import { Webhooks } from './webhooks.tsx'

const words = accountTexts.account

function AccountView({ inside }: { inside: Inside }): JSX.Element {
  const loaded = useLoaded('me', (signal) => ask<Me>('/api/me', { signal }))
  const me = loaded.value ?? inside.me
  const [round, setRound] = useState(0)
  useLive(loaded, isAboutSpace)
  return (
    <>
      <h1>{accountTexts.titles.account}</h1>
      <p class="lead">{words.lead(me.username, me.role)}</p>
      <div class="columns">
        <div>
          <section class="card" aria-labelledby="space-title">
            <h2 id="space-title">{words.space}</h2>
            <Space me={me} />
          </section>
          <Name me={me} onChange={loaded.replace} />
          <Password limits={inside.settings} onChange={() => setRound((n) => n + 1)} />
        </div>
        <div>
          <Sessions key={`sessions:${round}`} />
          <Keys key={`keys:${round}`} me={me} />
          <Webhooks key={`webhooks:${round}`} />
        </div>
      </div>
    </>
  )
}

void startInside((inside) => <AccountView inside={inside} />)
