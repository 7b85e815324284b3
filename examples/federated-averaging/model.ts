/** What is learned here: a handful of numbers. Each client has measurements of its own that it shows nobody; what it sends is how far they pull the model. */

export const ROUNDS = 3
export const CLIENTS = 20
const SIZE = 8
/** Length of a pool's window, the shortest there is. Each round has a window of its own, which its number decides. */
export const WINDOW_MS = 60_000

export interface Model {
  /** How many rounds are in it. */
  readonly round: number
  readonly weights: readonly number[]
}

/** What a client sends in a round. */
export interface Update extends Model {
  readonly client: number
  /** Measurements that stand behind it. */
  readonly samples: number
}

export const FIRST: Model = { round: 0, weights: Array.from({ length: SIZE }, () => 0) }

/** The same measurements each time a client is started. */
function measurements(client: number): number[][] {
  let state = client * 2654435761
  const draw = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
  return Array.from({ length: 10 + client }, () =>
    Array.from({ length: SIZE }, (_, i) => i + client * draw())
  )
}

/** Some steps from the model towards one's own measurements. */
export function train(model: Model, client: number): Update {
  const own = measurements(client)
  let { weights } = model
  for (const sample of own) weights = weights.map((weight, i) => weight + 0.1 * ((sample[i] ?? 0) - weight))
  return { round: model.round, client, samples: own.length, weights }
}

/** The average, by the number of measurements: always in the same order, so that the same updates make the same bits. */
export function average(updates: readonly Update[]): Model {
  const sorted = updates.toSorted((a, b) => a.client - b.client)
  const total = sorted.reduce((sum, { samples }) => sum + samples, 0)
  const [first] = sorted
  if (first === undefined) throw new Error('there is nothing to average')
  const weights = first.weights.map((_, i) =>
    sorted.reduce((sum, { samples, weights: own }) => sum + (samples / total) * (own[i] ?? 0), 0)
  )
  return { round: first.round + 1, weights }
}

/** What must come of it, without any cluster. */
export function expected(): Model {
  let model = FIRST
  for (let round = 0; round < ROUNDS; round++)
    model = average(Array.from({ length: CLIENTS }, (_, i) => train(model, i + 1)))
  return model
}

export const fromJson = <T extends Model>(bytes: Uint8Array): T =>
  JSON.parse(Buffer.from(bytes).toString('utf8')) as T
