import t from 'tap'
import { ServiceStack } from '../../src/compose/service-stack.ts'
import type { Service } from '../../src/interfaces.ts'
import { silentLogger } from '../../src/runtime/logger.ts'

const recording = (
  events: string[],
  name: string,
  fails: { start?: boolean; stop?: boolean } = {}
): Service => ({
  start: async () => {
    events.push(`${name} starts`)
    if (fails.start === true) throw new Error(`${name} does not start`)
  },
  stop: async () => {
    events.push(`${name} stops`)
    if (fails.stop === true) throw new Error(`${name} does not stop`)
  }
})
const stackOf = (events: string[], ...services: Service[]): ServiceStack =>
  new ServiceStack({ services, logger: silentLogger, onStopped: () => void events.push('over') })

t.test('starts in order and stops in reverse, once', async (t) => {
  const events: string[] = []
  const stack = stackOf(events, recording(events, 'a'), recording(events, 'b'))
  await Promise.all([stack.start(), stack.start()])
  await Promise.all([stack.stop(), stack.stop()])
  t.same(events, ['a starts', 'b starts', 'b stops', 'a stops', 'over'])
})

t.test('one that does not start takes the others down', async (t) => {
  const events: string[] = []
  const stack = stackOf(
    events,
    recording(events, 'a'),
    recording(events, 'b', { start: true }),
    recording(events, 'c')
  )
  await t.rejects(stack.start(), { message: 'b does not start' })
  t.same(events, ['a starts', 'b starts', 'c stops', 'b stops', 'a stops', 'over'])
})

t.test('one that does not stop does not keep the others from it', async (t) => {
  const events: string[] = []
  const stack = stackOf(events, recording(events, 'a'), recording(events, 'b', { stop: true }))
  await stack.start()
  await stack.stop()
  t.same(events.slice(2), ['b stops', 'a stops', 'over'])
})

t.test('a stop during the start ends it, and one without a start gives back what was taken', async (t) => {
  const events: string[] = []
  const stack = stackOf(events, recording(events, 'a'), recording(events, 'b'))
  const starting = stack.start()
  const stopping = stack.stop()
  await t.rejects(starting, { code: 'shutting-down' })
  await stopping
  t.notOk(events.includes('b starts'))
  const idle: string[] = []
  await stackOf(idle).stop()
  t.same(idle, ['over'])
})
