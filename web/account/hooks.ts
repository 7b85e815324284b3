/** What views do again and again: load something, do something, and say what became of it. */

import { useCallback, useEffect, useRef, useState } from 'preact/hooks'
import { wordsOf } from './api.ts'

export interface Loaded<T> {
  /** Of the latest load that worked; stays while it is loaded again. */
  readonly value: T | undefined
  /** Why the latest load did not work, or empty. */
  readonly problem: string
  readonly isLoading: boolean
  readonly reload: () => void
  /** Puts something in its place, until it is loaded again. */
  readonly replace: (value: T) => void
}

/** Loads when the view appears and whenever `key` is another one; what was asked for before is dropped then. */
export function useLoaded<T>(key: string, load: (signal: AbortSignal) => Promise<T>): Loaded<T> {
  const [state, setState] = useState<{ value?: T | undefined; problem: string; isLoading: boolean }>({
    problem: '',
    isLoading: true
  })
  const [round, setRound] = useState(0)
  const latest = useRef(load)
  latest.current = load
  const lastKey = useRef(key)
  useEffect(() => {
    const abort = new AbortController()
    const isOther = lastKey.current !== key
    lastKey.current = key
    setState((before) => ({ value: isOther ? undefined : before.value, problem: '', isLoading: true }))
    latest.current(abort.signal).then(
      (value) => {
        if (!abort.signal.aborted) setState({ value, problem: '', isLoading: false })
      },
      (error: unknown) => {
        if (!abort.signal.aborted)
          setState((before) => ({ value: before.value, problem: wordsOf(error), isLoading: false }))
      }
    )
    return () => abort.abort()
  }, [key, round])
  const reload = useCallback(() => setRound((before) => before + 1), [])
  const replace = useCallback((value: T) => setState({ value, problem: '', isLoading: false }), [])
  return { value: state.value, problem: state.problem, isLoading: state.isLoading, reload, replace }
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

/** A list that is loaded page by page. Loaded again, it is as long as it was, as far as one answer can be. */
export function usePaged<T>(
  key: string,
  load: (page: { after: string | undefined; limit: number }, signal: AbortSignal) => Promise<Page<T>>
): Paged<T> {
  const length = useRef(0)
  const first = useLoaded(key, (signal) =>
    load(
      { after: undefined, limit: Math.min(PAGE_ROWS_MAX, Math.max(PAGE_ROWS, length.current)) },
      signal
    ).then((page) => ({ page, more: [] as readonly T[], next: page.next }))
  )
  const [more, setMore] = useState({ isLoading: false, problem: '' })
  const { value } = first
  const rows = value === undefined ? [] : [...value.page.rows, ...value.more]
  useEffect(() => {
    length.current = 0
    setMore({ isLoading: false, problem: '' })
  }, [key])
  useEffect(() => {
    if (value !== undefined) length.current = rows.length
  }, [value])
  const shown = useRef(value)
  shown.current = value
  const loadMore = (): void => {
    if (value === undefined || value.next === null || more.isLoading) return
    setMore({ isLoading: true, problem: '' })
    load({ after: value.next, limit: PAGE_ROWS }, new AbortController().signal).then(
      (page) => {
        setMore({ isLoading: false, problem: '' })
        // loaded anew or of something else in the meantime: this page belongs to what was before
        if (shown.current === value)
          first.replace({ ...value, more: [...value.more, ...page.rows], next: page.next })
      },
      (error: unknown) => setMore({ isLoading: false, problem: wordsOf(error) })
    )
  }
  return {
    rows,
    isReady: value !== undefined,
    isLoading: first.isLoading,
    problem: first.problem || more.problem,
    reload: first.reload,
    hasMore: value !== undefined && value.next !== null,
    isLoadingMore: more.isLoading,
    loadMore
  }
}
