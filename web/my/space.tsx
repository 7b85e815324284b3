/** How much room somebody has, and uses. */

import type { JSX } from 'preact'
import { accountTexts } from '../../src/edge/account-texts.ts'
import type { Me } from '../account/shapes.ts'

const words = accountTexts.files

/** From here on it is shown that little is left. */
const NEARLY_FULL = 0.9

export function Space({ me }: { me: Pick<Me, 'used_bytes' | 'quota_bytes'> }): JSX.Element | null {
  const { used_bytes: used, quota_bytes: quota } = me
  if (used === undefined) return null
  const share = quota === null ? 0 : used / Math.max(1, quota)
  return (
    <div class="space" data-full={share >= NEARLY_FULL ? '' : undefined}>
      {quota !== null && (
        <meter
          aria-label={words.spaceLabel}
          max={Math.max(1, quota)}
          high={quota * NEARLY_FULL}
          value={Math.min(used, quota)}
        />
      )}
      <p class="hint" id="space">
        {words.space(used, quota)}
      </p>
    </div>
  )
}
