/** What views do again and again: load something, do something, and say what became of it. */

import { useCallback, useEffect, useRef, useState } from 'preact/hooks'
import { ApiError, wordsOf } from './api.ts'

export interface Loaded<T> {
  /** Of the latest load that worked; stays while it is loaded again. */
  readonly value: T | undefined
  /** Why the latest load did not work, or empty. */
  readonly problem: string
  /** The same, for programs. */
  readonly code: string
  readonly isLoading: boolean
  /** At once: what is being loaded is dropped. */
  readonly reload: () => void
  /** The same, but once what is being loaded is there: however often something changes, loads come to their end. */
  readonly refresh: () => void
  /** Puts something in its place, until it is loaded again. */
  readonly replace: (value: T) => void
}

interface LoadState<T> {
  readonly value?: T | undefined
  readonly problem: string
  readonly code: string
  readonly isLoading: boolean
}

const LOADED = { problem: '', code: '', isLoading: false }

/** Loads when the view appears and whenever `key` is another one; what was asked for before is dropped then. */
export function useLoaded<T>(key: string, load: (signal: AbortSignal) => Promise<T>): Loaded<T> {
  const [state, setState] = useState<LoadState<T>>({ ...LOADED, isLoading: true })
  const [round, setRound] = useState(0)
  const latest = useRef(load)
  latest.current = load
  const lastKey = useRef(key)
  const running = useRef({ isLoading: true, isDue: false })
  const reload = useCallback(() => setRound((before) => before + 1), [])
  const refresh = useCallback(() => {
    if (running.current.isLoading) running.current.isDue = true
    else reload()
  }, [])
  useEffect(() => {
    const abort = new AbortController()
    const isOther = lastKey.current !== key
    lastKey.current = key
    running.current = { isLoading: true, isDue: false }
    setState((before) => ({ ...LOADED, value: isOther ? undefined : before.value, isLoading: true }))
    const settle = (next: (before: LoadState<T>) => LoadState<T>): void => {
      if (abort.signal.aborted) return
      const { isDue } = running.current
      running.current = { isLoading: false, isDue: false }
      setState(next)
      if (isDue) reload()
    }
    latest.current(abort.signal).then(
      (value) => settle(() => ({ ...LOADED, value })),
      (error: unknown) => {
        const code = error instanceof ApiError ? error.code : 'internal'
        settle(({ value }) => ({ ...LOADED, value, problem: wordsOf(error), code }))
      }
    )
    return () => abort.abort()
  }, [key, round])
  const replace = useCallback((value: T) => setState({ ...LOADED, value }), [])
  return { ...state, value: state.value, reload, refresh, replace }
}

/** What stands in a field: what is known, also when that becomes another one, until somebody types something else. */
export function useFollowing<T extends string>(known: T): [T, (chosen: T) => void] {
  const [state, setState] = useState({ chosen: known, known })
  const isUntouched = state.chosen === state.known
  return [isUntouched ? known : state.chosen, (chosen) => setState({ chosen, known })]
}

export interface Doing {
  readonly isBusy: boolean
  /** Why it did not work, or empty. */
  readonly problem: string
  /** One at a time: while it runs another press does nothing. @param words for errors that have better ones here */
  readonly run: (work: () => Promise<void>, words?: (error: unknown) => string | undefined) => void
  readonly say: (problem: string) => void
}

/** Something that a press of a button does. */
export function useDoing(): Doing {
  const [state, setState] = useState({ isBusy: false, problem: '' })
  const isRunning = useRef(false)
  const run: Doing['run'] = (work, words) => {
    if (isRunning.current) return
    isRunning.current = true
    setState({ isBusy: true, problem: '' })
    work().then(
      () => {
        isRunning.current = false
        setState({ isBusy: false, problem: '' })
      },
      (error: unknown) => {
        isRunning.current = false
        setState({ isBusy: false, problem: words?.(error) ?? wordsOf(error) })
      }
    )
  }
  return { ...state, run, say: (problem) => setState({ isBusy: false, problem }) }
}

export interface Paged<T> extends Omit<Loaded<readonly T[]>, 'replace' | 'value'> {
  readonly rows: readonly T[]
  /** False until the first page is there. */
  readonly isReady: boolean
  readonly hasMore: boolean
  readonly isLoadingMore: boolean
  readonly loadMore: () => void
}

/** A page of a list, and where the next one begins. */
export interface Page<T> {
  readonly rows: readonly T[]
  readonly next: string | null
}

/** Rows asked for at once. */
const PAGE_ROWS = 100
/** Most that one answer of every list gives. */
const PAGE_ROWS_MAX = 200
/** Most that are loaded again: of a list that is longer, the end is left to a press of the button. */
const RELOADED_ROWS_MAX = 2000

type LoadPage<T> = (
  page: { after: string | undefined; limit: number },
  signal: AbortSignal
) => Promise<Page<T>>

/** A list that is loaded page by page. Loaded again, it is as long as it was. */
export function usePaged<T>(key: string, load: LoadPage<T>): Paged<T> {
  const length = useRef(0)
  const lastKey = useRef(key)
  if (lastKey.current !== key) length.current = 0
  lastKey.current = key
  const first = useLoaded(key, (signal) =>
    loadRows(load, Math.min(RELOADED_ROWS_MAX, Math.max(PAGE_ROWS, length.current)), signal)
  )
  const [more, setMore] = useState({ isLoading: false, problem: '' })
  const { value } = first
  const rows = value?.rows ?? []
  useEffect(() => setMore({ isLoading: false, problem: '' }), [key])
  useEffect(() => {
    if (value !== undefined) length.current = rows.length
  }, [value])
  const shown = useRef({ key, value })
  shown.current = { key, value }
  const loadMore = (): void => {
    if (value === undefined || value.next === null || more.isLoading) return
    setMore({ isLoading: true, problem: '' })
    load({ after: value.next, limit: PAGE_ROWS }, new AbortController().signal).then(
      (page) => {
        // of another list: this page belongs to what was before
        if (shown.current.key !== key) return
        setMore({ isLoading: false, problem: '' })
        if (shown.current.value === value)
          return first.replace({ rows: [...value.rows, ...page.rows], next: page.next })
        // loaded anew in the meantime: once more, as long as somebody wants it
        length.current += PAGE_ROWS
        first.refresh()
      },
      (error: unknown) => setMore({ isLoading: false, problem: wordsOf(error) })
    )
  }
  return {
    rows,
    isReady: value !== undefined,
    isLoading: first.isLoading,
    problem: first.problem || more.problem,
    code: first.code,
    reload: first.reload,
    refresh: first.refresh,
    hasMore: value !== undefined && value.next !== null,
    isLoadingMore: more.isLoading,
    loadMore
  }
}

/** So many rows, or all there are. */
async function loadRows<T>(load: LoadPage<T>, wanted: number, signal: AbortSignal): Promise<Page<T>> {
  const rows: T[] = []
  let after: string | undefined
  for (;;) {
    const page = await load({ after, limit: Math.min(PAGE_ROWS_MAX, wanted - rows.length) }, signal)
    rows.push(...page.rows)
    if (page.next === null || rows.length >= wanted) return { rows, next: page.next }
    after = page.next
  }
}
