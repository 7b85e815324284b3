/** What everything takes up, and the reader's own part of it. */

import type { JSX } from 'preact'
import { accountTexts } from '../../src/edge/account-texts.ts'
import { adminTexts } from '../../src/edge/admin-texts.ts'
import { sizeText } from '../../src/edge/texts.ts'
import { ask } from '../account/api.ts'
import { useLoaded } from '../account/hooks.ts'
import type { AllSpace as Answer, Me } from '../account/shapes.ts'
import { isAboutSpace, useLive } from '../live/use-live.ts'

const words = adminTexts

export function AllSpace(): JSX.Element | null {
  const space = useLoaded('space', async (signal) => {
    const [all, me] = await Promise.all([
      ask<Answer>('/api/space', { signal }),
      ask<Me>('/api/me', { signal })
    ])
    return { all, me }
  })
  useLive(space, isAboutSpace)
  // without it the page is no less of use: what is wrong the list of users says
  if (space.value === undefined) return null
  const { all, me } = space.value
  return (
    <dl class="totals" id="all-space">
      <Total name={words.spaceOfUsers}>{sizeText(all.users_bytes)}</Total>
      <Total name={words.spaceOfLinks}>{sizeText(all.links_bytes)}</Total>
      <Total name={words.spaceOfMe}>
        {me.used_bytes === undefined ? '' : accountTexts.files.space(me.used_bytes, me.quota_bytes)}
      </Total>
    </dl>
  )
}

const Total = ({ name, children }: { name: string; children: string }): JSX.Element => (
  <div>
    <dt>{name}</dt>
    <dd>{children}</dd>
  </div>
)
