import { PeerbinError } from '../../errors.ts'

interface Page<T> {
  readonly items: T
  /** `after` of the next one. */
  readonly next: string | number | null | undefined
}

/** What every page of a list has, one after the other. @throws `protocol-violation` for a list that leads back to where it was */
export async function* pages<T>(
  ask: (after: string | number | undefined) => Promise<Page<T>>
): AsyncGenerator<T, void, undefined> {
  let after: string | number | undefined
  do {
    const { items, next } = await ask(after)
    yield items
    if (next !== null && next !== undefined && next === after)
      throw new PeerbinError('protocol-violation', 'the list does not go on')
    after = next ?? undefined
  } while (after !== undefined)
}
