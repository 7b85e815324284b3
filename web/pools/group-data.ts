/** Groups of a stretch of time, and who sent for each. */

import { useEffect, useRef, useState } from 'preact/hooks'
import { useLoaded } from '../account/hooks.ts'
import type { Loaded } from '../account/hooks.ts'
import { useLive } from '../live/use-live.ts'
import { isAboutGroups, listGroups, listProducers } from './pool-api.ts'
import type { Group, Producer } from './shapes.ts'
import { turn } from './turns.ts'

const PAGES_MAX = 3

export interface Groups {
  readonly groups: readonly Group[]
  /** There are more than these. */
  readonly isCut: boolean
}

/** The oldest window first; follows what happens. @param from ms @param to ms, exclusive */
export function useGroups(pool: string, from: number, to: number): Loaded<Groups> {
  const loaded = useLoaded(`groups:${pool}`, async (signal): Promise<Groups> => {
    const groups: Group[] = []
    let before: string | undefined
    for (let pages = 0; pages < PAGES_MAX; pages++) {
      const range = { from, to: to - 1, ...(before !== undefined && { before }) }
      const page = await listGroups(pool, range, signal)
      groups.push(...page.rows)
      if (page.next === null) return { groups: groups.toReversed(), isCut: false }
      before = page.next
    }
    return { groups: groups.toReversed(), isCut: true }
  })
  useLive(loaded, isAboutGroups)
  const isFirst = useRef(true)
  useEffect(() => {
    if (!isFirst.current) loaded.reload()
    isFirst.current = false
  }, [from, to])
  return loaded
}

interface Known {
  readonly mark: string
  readonly producers: readonly Producer[]
}

/** Of groups that are not shown any more nothing is kept beyond so many. */
const KNOWN_MAX = 500

/** Another number of files has other producers; what has not changed is not asked for again. */
const markOf = ({ files, bytes, producers }: Group): string => `${files}:${bytes}:${producers}`

/** By group. Of each its first hundred producers; those that are on their way are not there yet. */
export function useProducers(
  pool: string,
  groups: readonly Group[]
): ReadonlyMap<string, readonly Producer[]> {
  const known = useRef(new Map<string, Known>())
  const [producers, setProducers] = useState<ReadonlyMap<string, readonly Producer[]>>(new Map())
  useEffect(() => {
    const abort = new AbortController()
    const { signal } = abort
    const load = async (group: Group): Promise<void> => {
      const answer = await turn(() => listProducers(pool, group.group, signal), signal)
      if (known.current.size > KNOWN_MAX) known.current.clear()
      known.current.set(group.group, { mark: markOf(group), producers: answer.producers })
      setProducers(new Map([...known.current].map(([id, each]) => [id, each.producers])))
    }
    for (const group of groups)
      // without an answer the bar is shown without its parts
      if (known.current.get(group.group)?.mark !== markOf(group)) load(group).catch(() => undefined)
    return () => abort.abort()
  }, [pool, groups])
  return producers
}
