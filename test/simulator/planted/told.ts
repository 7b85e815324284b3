/** Mistakes with events. */

import type { EventBatch, Events } from '../../../src/edge/events/listening.ts'
import type { StoredEvent } from '../../../src/events.ts'
import type { MetadataStore } from '../../../src/metadata-store.ts'
import { randomUuid } from '../../../src/runtime/random.ts'
import type { EventId } from '../../../src/types.ts'
import type { SimEdge } from '../edge.ts'
import type { PlantedBug } from './planted.ts'
import { withOperations } from './with-operations.ts'

const EVENTS = {
  scenario: 'events',
  users: 1,
  personsPerUser: 2,
  actsPerPerson: 12,
  faultEveryMs: 4000
} as const

/** A change was made durable before its event, and somebody died in between: another one has its number. */
function loseEvents(store: MetadataStore): MetadataStore {
  const lost = (event: StoredEvent): StoredEvent =>
    event.number % 4 === 0 ? { ...event, type: 'account.changed', subject: event.stream, data: {} } : event
  return withOperations(store, {
    async listEvents(request) {
      const page = await store.listEvents(request)
      return { ...page, events: page.events.map(lost) }
    },
    async tailEvents(request) {
      const page = await store.tailEvents(request)
      return { ...page, events: page.events.map(lost) }
    }
  })
}

/** Changes batches on their way from an edge to whoever listens. */
const retell =
  (change: (batch: EventBatch, edge: SimEdge) => EventBatch | undefined) =>
  (edge: SimEdge): void => {
    const { events } = edge
    const tell = events.events.bind(events)
    const changed: Events['events'] = async function* (...args) {
      for await (const batch of tell(...args)) {
        const other = change(batch, edge)
        if (other !== undefined) yield other
      }
    }
    events.events = changed
  }

export const PLANTED_EVENTS: Readonly<Record<string, PlantedBug>> = {
  'event-outside-transaction': {
    breaks: ['events'],
    plant: () => ({ metadata: loseEvents, plan: EVENTS })
  },
  /** Between what was missed and what is new a page is not told. */
  'skip-a-page': {
    breaks: ['events'],
    plant: () => ({
      plan: EVENTS,
      edge: retell((batch, { process }) => (process.chance.happens(0.1) ? undefined : batch))
    })
  },
  /** Whoever goes on after it misses what was not told before. */
  'cursor-too-far': {
    breaks: ['events'],
    plant: () => ({
      plan: EVENTS,
      edge: retell((batch) => ({
        ...batch,
        events: batch.events.slice(0, Math.ceil(batch.events.length / 2))
      }))
    })
  },
  /** What is told again looks like something new. */
  'new-id-for-a-repeat': {
    breaks: ['events'],
    plant: () => ({
      plan: EVENTS,
      edge: retell((batch, { process }) => ({
        ...batch,
        events: batch.events.map((event) => ({ ...event, id: randomUuid(process.chance) as EventId }))
      }))
    })
  }
}
