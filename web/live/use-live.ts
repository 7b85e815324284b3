/** Views that are up to date by what the server tells. */

import { useEffect, useRef } from 'preact/hooks'
import type { News } from './event-text.ts'
import { watch } from './live.ts'

/** What can look again without being in the way of a look that is under way. */
interface Refreshable {
  readonly refresh: () => void
  readonly problem: string
}

/** @param wants whether it may be different after this event @param lateMs it is so only after so long; default: at once */
export function useLive(of: Refreshable, wants: (news: News) => boolean, lateMs?: number): void {
  const latest = useRef({ of, wants })
  latest.current = { of, wants }
  useEffect(
    () =>
      watch({
        wants: (news) => latest.current.wants(news),
        look: () => latest.current.of.refresh(),
        hasFailed: () => latest.current.of.problem !== '',
        lateMs
      }),
    []
  )
}

/** What the list of files is made of: links are not. */
const CONTENT: ReadonlySet<string> = new Set([
  'file.added',
  'file.edited',
  'file.moved',
  'file.changed',
  'file.removed',
  'file.expired',
  'version.removed',
  'upload.status'
])

export const isAboutFiles = ({ type }: News): boolean => CONTENT.has(type)

export const isAboutLinks = ({ type }: News): boolean =>
  type === 'file.shared' || type === 'file.unshared' || type === 'link.redeemed'

/** What takes up space, or may take up. */
export const isAboutSpace = (news: News): boolean =>
  (isAboutFiles(news) && news.type !== 'file.moved' && news.type !== 'file.changed') ||
  news.type === 'account.changed'

export const isAboutSessions = ({ type }: News): boolean =>
  type === 'session.started' || type === 'session.revoked'

export const isAboutFile = ({ data }: News, id: string): boolean => data['file_id'] === id

/** Whether a file came to, left or changed in a folder or below it. */
export function isIn(folder: string, { data }: News): boolean {
  const isBelow = (path: unknown): boolean =>
    typeof path === 'string' && (folder === '' || path.startsWith(`${folder}/`))
  return isBelow(data['path']) || isBelow(data['old_path'])
}
