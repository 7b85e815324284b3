import type { NodeDecision, NodeRecord } from '../../metadata-store.ts'
import type { Generation, PeerId, Term } from '../../types.ts'
import { byDigest, byText, forgetChunk, isRetired } from './state.ts'
import type { State } from './state.ts'

export function advanceTerm(state: State, atLeast: Term): Term {
  state.term = (Math.max(state.term, atLeast) + 1) as Term
  return state.term
}

export function advanceTime(state: State, now: number): number {
  state.time = Math.max(state.time, now)
  return state.time
}

export function raiseCounters(state: State, atLeast: { term: Term; generation: Generation }): void {
  state.term = Math.max(state.term, atLeast.term) as Term
  state.generation = Math.max(state.generation, atLeast.generation) as Generation
}

export const lastGeneration = (state: State): Generation => state.generation

export function writeSetting(state: State, key: string, value: string | null): void {
  if (value === null) state.settings.delete(key)
  else state.settings.set(key, value)
}

export const readSetting = (state: State, key: string): string | null => state.settings.get(key) ?? null

export function recordNodes(state: State, nodes: readonly NodeRecord[]): void {
  for (const node of nodes) {
    const known = state.nodes.get(node.peer)
    const isNewer =
      known === undefined ||
      known.boot < node.boot ||
      (known.boot === node.boot && known.sequence < node.sequence)
    if (isNewer && !isRetired(state, node.peer)) state.nodes.set(node.peer, structuredClone(node))
  }
}

export const listNodes = (state: State): NodeRecord[] =>
  structuredClone([...state.nodes.values()].toSorted((a, b) => byText(a.peer, b.peer)))

/** A decision that stands already keeps its time. */
export function decideNode(
  state: State,
  peer: PeerId,
  decision: NodeDecision['decision'] | null,
  now: number
): void {
  const known = state.decisions.get(peer)?.decision
  if (known === 'retired' || known === decision) return
  if (decision === null) state.decisions.delete(peer)
  else state.decisions.set(peer, { peer, decision, decidedAt: now })
}

export const listDecisions = (state: State): NodeDecision[] =>
  [...state.decisions.values()].map((each) => ({ ...each })).toSorted((a, b) => byText(a.peer, b.peer))

/** Nothing of a peer that was not retired. */
export function forgetNode(state: State, peer: PeerId, limit: number): number {
  if (limit <= 0 || !isRetired(state, peer)) return 0
  let gone = state.nodes.delete(peer) ? 1 : 0
  const held = [...state.chunks].filter(([, chunk]) => chunk.copies.has(peer))
  for (const [id, chunk] of held.toSorted(([a], [b]) => byDigest(a, b)).slice(0, limit - gone)) {
    chunk.copies.delete(peer)
    forgetChunk(state, id)
    gone++
  }
  for (const rows of [state.orders.get(peer), state.unknown.get(peer)]) {
    const ids = [...(rows?.keys() ?? [])].toSorted(byDigest).slice(0, limit - gone)
    for (const id of ids) rows?.delete(id)
    gone += ids.length
  }
  return gone
}
