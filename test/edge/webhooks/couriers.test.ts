/** Whose turn it is at an edge that tells webhooks, by a clock of its own. */

import t from 'tap'
import type { ControllerClient } from '../../../src/client/controller-client.ts'
import { defaultConfig } from '../../../src/config.ts'
import { Couriers } from '../../../src/edge/webhooks/couriers.ts'
import type { RequestOf, ResponseOf, WebhookMessages } from '../../../src/protocol/messages.ts'
import { sleep } from '../../../src/runtime/deadline.ts'
import { silentLogger } from '../../../src/runtime/logger.ts'
import { ManualClock } from '../../kit/manual-clock.ts'
import { seededRandom } from '../../kit/seeded-random.ts'

type Lease = ResponseOf<WebhookMessages, 'leaseWebhooks'>['leases'][number]

const EVENTS = 4

const uuid = (number: number): string => `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`

const lease = {
  webhook: uuid(1),
  courier: uuid(2),
  lease: 1,
  url: 'https://hooks.example/',
  secrets: [],
  isReplay: false,
  events: Array.from({ length: EVENTS }, (_, i) => ({ number: i + 1, id: uuid(10 + i), type: 'file.added' }))
} as unknown as Lease

/** Which events a courier tells of one lease, of whose receiver each takes so long. */
async function toldIn(tellMs: number): Promise<Array<{ number: number; goOn: boolean }>> {
  const clock = new ManualClock()
  const reports: Array<{ number: number; goOn: boolean }> = []
  let leases = [lease]
  const answers = {
    awaitWebhooks: async () => {
      if (leases.length === 0) await sleep(clock, 1000, undefined)
      return { due: leases.length > 0 }
    },
    leaseWebhooks: async () => {
      const answer = { leases, leaseMs: 30_000, epoch: '0123456789' }
      leases = []
      return answer
    },
    reportDelivery: async ({ event, goOn }: RequestOf<WebhookMessages, 'reportDelivery'>) => {
      reports.push({ number: event.number, goOn })
      return { held: goOn }
    }
  }
  const call = async (op: keyof typeof answers, message: never) => await answers[op](message)
  const couriers = new Couriers({
    controller: { call } as unknown as Pick<ControllerClient, 'call'>,
    clock,
    random: seededRandom(1),
    logger: silentLogger,
    config: defaultConfig(),
    tell: async (_target, _event, signal) => {
      await sleep(clock, tellMs, signal)
      return { outcome: 'ok', status: 200, durationMs: tellMs, retryAfterMs: null }
    }
  })
  await couriers.start()
  await clock.advance(EVENTS * tellMs + 100)
  const stopped = couriers.stop()
  await clock.advance(1000)
  await stopped
  return reports
}

t.test('a receiver that takes its time has one turn, and the others theirs', async (t) => {
  t.same(await toldIn(100), [
    { number: 1, goOn: true },
    { number: 2, goOn: true },
    { number: 3, goOn: true },
    { number: 4, goOn: false }
  ])
  t.same(await toldIn(9000), [{ number: 1, goOn: false }])
})
