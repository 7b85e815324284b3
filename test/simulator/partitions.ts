/** Which links are cut: full, one-way, bridge, one machine alone, and each link in random order. */

import type { Chance } from './chance.ts'
import type { Machine } from './machine.ts'
import type { World } from './world.ts'

type Links = Array<readonly [Machine, Machine]>

/** Every pair of machines once. */
export const linksOf = (machines: readonly Machine[]): Links =>
  machines.flatMap((a, index) => machines.slice(index + 1).map((b) => [a, b] as const))

/** Two sides that cannot reach each other; with `bridge` one machine reaches both. */
export function partition(world: World, chance: Chance, bridge = false): Links {
  const machines = chance.shuffled(world.machines)
  const between = bridge ? machines.splice(0, 1) : []
  const cut = chance.whole(1, Math.max(1, machines.length - 1))
  const left = new Set(machines.slice(0, cut))
  return linksOf(machines).filter(
    ([a, b]) => left.has(a) !== left.has(b) && !between.includes(a) && !between.includes(b)
  )
}

export function cutOneWay(world: World, chance: Chance): Links {
  const [a, ...others] = chance.shuffled(world.machines)
  if (a === undefined) return []
  const count = chance.happens(0.5) ? 1 : others.length
  const pairs = others.slice(0, count).map((b) => [a, b] as const)
  return chance.happens(0.5) ? pairs : pairs.map(([from, to]) => [to, from] as const)
}

export function isolate(world: World, chance: Chance): Links {
  const alone = chance.pick(world.machines)
  return world.machines.filter((other) => other !== alone).map((other) => [alone, other] as const)
}

/** Cuts links; without `both` only from the first to the second, which no connection notices. */
export function cutBothWays(world: World, links: Links, options: { silent: boolean; both: boolean }): void {
  for (const [a, b] of links) {
    if (options.both) world.hub.cut(a.peer, b.peer, options)
    else world.hub.setLink(a.peer, b.peer, { cut: true })
  }
}

/** One machine's links are cut one after another in random order, then healed in another. Answers how to heal them all at once. */
export function swizzle(world: World, chance: Chance): () => void {
  const machine = chance.pick(world.machines)
  const others = world.machines.filter((other) => other !== machine)
  const [step, back] = [chance.between(200, 2000), chance.between(200, 2000)]
  let over = false
  world.trace.note(`the links of ${machine.name} are cut one by one`)
  for (const [index, other] of chance.shuffled(others).entries())
    world.time.schedule(step * index, () => {
      if (!over) world.hub.cut(machine.peer, other.peer, { silent: chance.happens(0.5) })
    })
  for (const [index, other] of chance.shuffled(others).entries())
    world.time.schedule(step * others.length + back * (index + 1), () => {
      if (!over) world.hub.heal(machine.peer, other.peer)
    })
  return () => {
    over = true
  }
}
