/** What the tests of the history look for. */

import type { RecordAnswer } from '../../../src/edge/history/answers.ts'
import { until } from '../../kit/until.ts'
import type { Answer } from '../accounts/accounts-kit.ts'

export const recordsOf = ({ json }: Answer): RecordAnswer[] => json['records'] as RecordAnswer[]

/** Waits for a record to arrive that is like this one. */
export async function findRecord(
  like: Partial<RecordAnswer>,
  ask: () => Promise<Answer>
): Promise<RecordAnswer> {
  const found: RecordAnswer[] = []
  await until(`a record like ${JSON.stringify(like)}`, async () => {
    const fits = recordsOf(await ask()).find((each) =>
      Object.entries(like).every(([key, value]) => each[key as keyof RecordAnswer] === value)
    )
    if (fits !== undefined) found.push(fits)
    return fits !== undefined
  })
  const [record] = found
  if (record === undefined) throw new Error('it was found')
  return record
}
