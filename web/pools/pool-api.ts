/** Asks for things of pools. */

import { ask, queryOf, segment } from '../account/api.ts'
import type { Page } from '../account/hooks.ts'
import type { News } from '../live/event-text.ts'
import type { Group, Member, Pool, PoolRole, PoolRow, Producer } from './shapes.ts'

/** Most rows of one answer about pools. */
const ROWS_MAX = 100

export const poolPath = (pool: string): string => `/api/pools/${segment(pool)}`
export const groupPath = (pool: string, group: string): string => `${poolPath(pool)}/groups/${segment(group)}`

interface PageAsked {
  readonly after?: string | undefined
  readonly limit: number
}

const limitOf = ({ limit }: PageAsked): number => Math.min(limit, ROWS_MAX)

export const getPool = (pool: string, signal: AbortSignal): Promise<Pool> =>
  ask<Pool>(poolPath(pool), { signal })

/** @param all everybody's, for administrators */
export async function listPools(asked: PageAsked, all: boolean, signal: AbortSignal): Promise<Page<PoolRow>> {
  const query = queryOf({ after: asked.after, limit: limitOf(asked), ...(all && { all: 1 }) })
  const { pools, next } = await ask<{ pools: PoolRow[]; next: string | null }>(`/api/pools${query}`, {
    signal
  })
  return { rows: pools, next }
}

export type MemberFilter = 'all' | 'silent' | PoolRole

export async function listMembers(
  pool: string,
  asked: PageAsked,
  filter: MemberFilter,
  signal: AbortSignal
): Promise<Page<Member>> {
  const query = queryOf({
    after: asked.after,
    limit: limitOf(asked),
    ...(filter === 'silent' ? { silent: 1 } : filter !== 'all' && { role: filter })
  })
  const path = `${poolPath(pool)}/members${query}`
  const { members, next } = await ask<{ members: Member[]; next: string | null }>(path, { signal })
  return { rows: members, next }
}

interface GroupsAnswer {
  readonly groups: Group[]
  readonly next: string | null
}

/** Those that are done, the newest window first. */
export async function listResults(pool: string, asked: PageAsked, signal: AbortSignal): Promise<Page<Group>> {
  const query = queryOf({ before: asked.after, limit: limitOf(asked) })
  const { groups, next } = await ask<GroupsAnswer>(`${poolPath(pool)}/results${query}`, { signal })
  return { rows: groups, next }
}

/** The newest window first. @param from windows that begin then or later, ms @param to or before */
export async function listGroups(
  pool: string,
  range: { from?: number; to?: number; before?: string; limit?: number },
  signal: AbortSignal
): Promise<Page<Group>> {
  const query = queryOf({ limit: ROWS_MAX, ...range })
  const { groups, next } = await ask<GroupsAnswer>(`${poolPath(pool)}/groups${query}`, { signal })
  return { rows: groups, next }
}

/** The first of them, and whether that is all. */
export async function listProducers(
  pool: string,
  group: string,
  signal: AbortSignal
): Promise<{ producers: Producer[]; next: string | null }> {
  return await ask(`${groupPath(pool, group)}/producers${queryOf({ limit: ROWS_MAX })}`, { signal })
}

export const isAboutMembers = ({ type }: News): boolean =>
  type.startsWith('member.') || type === 'producers.silent' || type === 'batch.committed'
export const isAboutGroups = ({ type }: News): boolean =>
  type.startsWith('group.') || type === 'batch.committed'
export const isAboutResults = ({ type }: News): boolean => type === 'group.done'
/** What the pool itself shows: settings, own membership, space. */
export const isAboutPool = (news: News): boolean =>
  news.type.startsWith('pool.') || isAboutMembers(news) || isAboutResults(news)
