/** How an edge asks for work in somebody's name. */

import t from 'tap'
import { parseConfig } from '../../../src/config.ts'
import type { EdgeContext } from '../../../src/edge/context.ts'
import { awaitWork } from '../../../src/edge/pools/await-work.ts'
import { userId } from '../../conformance/account-fixture.ts'
import { POOL } from '../../conformance/pool-fixture.ts'
import { ManualClock } from '../../kit/manual-clock.ts'

t.test(
  'a controller that answers at once, since too many wait there, is not asked without a pause',
  async (t) => {
    const clock = new ManualClock(0)
    const asked: unknown[] = []
    const context = {
      clock,
      config: parseConfig({}),
      sessions: { confirm: async () => {} },
      controller: {
        call: async (_op: string, message: unknown) => {
          asked.push(message)
          if (asked.length > 1000) throw new Error('it asks without end')
          return { group: null, now: 0 }
        }
      }
    } as unknown as EdgeContext
    const actor = { user: userId('sam'), role: 'user' } as Parameters<typeof awaitWork>[1]['actor']
    const request = '3f0f0a3c-6a4f-4b57-9a4c-0d6f6d1f3a10'
    const waiting = awaitWork(
      context,
      { actor, pool: POOL, signal: new AbortController().signal },
      { group: undefined, request, waitMs: 10_000 }
    )
    await clock.advance(11_000)
    t.equal(await waiting, undefined)
    t.ok(asked.length >= 10 && asked.length <= 12, `${asked.length} times in 10 s`)
    t.match(
      asked,
      asked.map(() => ({ request })),
      'and always by the same name'
    )
  }
)
