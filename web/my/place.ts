/** Where somebody is among their files: a folder, a search, an order. It stands in the address, so that back, forward and reload work. */

import { useEffect, useState } from 'preact/hooks'
import { accountTexts } from '../../src/edge/account-texts.ts'
import { queryOf } from '../account/api.ts'

export type Sort = keyof typeof accountTexts.files.sorts

export interface Place {
  /** Empty: the top. */
  readonly folder: string
  readonly search: string
  readonly sort: Sort
}

export const DEFAULT_SORT: Sort = 'name:asc'

const isSort = (text: string): text is Sort => Object.hasOwn(accountTexts.files.sorts, text)

function placeInAddress(): Place {
  const query = new URLSearchParams(location.search)
  const sort = query.get('sort') ?? ''
  return {
    folder: query.get('folder') ?? '',
    search: query.get('search') ?? '',
    sort: isSort(sort) ? sort : DEFAULT_SORT
  }
}

export const addressOf = ({ folder, search, sort }: Place): string =>
  `/my${queryOf({ folder, search, ...(sort !== DEFAULT_SORT && { sort }) })}`

/** The place, and a way to another one. A folder is a step back can undo; a search and an order are not. */
export function usePlace(): [Place, (next: Partial<Place>) => void] {
  const [place, setPlace] = useState(placeInAddress)
  useEffect(() => {
    const follow = (): void => setPlace(placeInAddress())
    window.addEventListener('popstate', follow)
    return () => window.removeEventListener('popstate', follow)
  }, [])
  const go = (change: Partial<Place>): void => {
    const next = { ...place, ...change }
    if (next.folder === place.folder) history.replaceState(null, '', addressOf(next))
    else history.pushState(null, '', addressOf(next))
    setPlace(next)
  }
  return [place, go]
}

/** Each folder from the top down, with its whole path. */
export function foldersAbove(folder: string): Array<{ name: string; path: string }> {
  const parts = folder.split('/').filter((part) => part !== '')
  return parts.map((name, i) => ({ name, path: parts.slice(0, i + 1).join('/') }))
}
