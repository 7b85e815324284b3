import type { SuspendedLink } from '../../metadata-store.ts'
import type { SecretHash } from '../../types.ts'
import { endLink } from './links.ts'
import { byText } from './state.ts'
import type { LinkRow, State } from './state.ts'

const byToken = (a: LinkRow, b: LinkRow): number => byText(a.record.tokenHash, b.record.tokenHash)

export function suspendLinks(
  state: State,
  tokenHashes: readonly SecretHash[] | undefined,
  limit: number
): number {
  const links =
    tokenHashes === undefined
      ? [...state.links.values()].toSorted((a, b) => a.record.expiresAt - b.record.expiresAt || byToken(a, b))
      : [...new Set(tokenHashes)].flatMap((token) => state.links.get(token) ?? [])
  const live = links.filter(({ record }) => record.state === 'live')
  const page = tokenHashes === undefined ? live.slice(0, limit) : live
  for (const { record } of page) record.state = 'suspended'
  return page.length
}

export function resumeLinks(state: State, tokenHashes: readonly SecretHash[]): number {
  let resumed = 0
  for (const link of tokenHashes.flatMap((token) => state.links.get(token) ?? [])) {
    const { record } = link
    if (record.state !== 'suspended') continue
    resumed++
    if (link.ended >= record.downloads) endLink(state, link, 'consumed', state.time)
    else if (record.expiresAt <= state.time && link.ended === record.claimed)
      endLink(state, link, 'expired', state.time)
    else record.state = 'live'
  }
  return resumed
}

export const listSuspended = (state: State, after: SecretHash | undefined, limit: number): SuspendedLink[] =>
  [...state.links.values()]
    .filter(({ record }) => record.state === 'suspended' && (after === undefined || record.tokenHash > after))
    .toSorted(byToken)
    .slice(0, limit)
    .flatMap(({ record: { tokenHash, fileId, expiresAt } }) => {
      const file = state.files.get(fileId)?.record
      if (file === undefined) return []
      const { name, sizeBytes, uploadedAt } = file
      return [{ tokenHash, fileId, name, sizeBytes, uploadedAt, expiresAt }]
    })
