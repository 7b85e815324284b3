/** Where a process spent its time: the functions of a V8 CPU profile, by what they took themselves. */

import { z } from 'zod'

const profileShape = z.object({
  nodes: z.array(
    z.object({
      id: z.number(),
      callFrame: z.object({ functionName: z.string(), url: z.string(), lineNumber: z.number() })
    })
  ),
  samples: z.array(z.number()),
  timeDeltas: z.array(z.number())
})

export interface SelfTime {
  where: string
  ms: number
  /** Of the time in which anything ran. */
  percent: number
}

/** @param text content of a .cpuprofile */
export function selfTimes(text: string, count: number): SelfTime[] {
  const { nodes, samples, timeDeltas } = profileShape.parse(JSON.parse(text))
  const names = new Map(
    nodes.map(({ id, callFrame: { functionName, url, lineNumber } }) => {
      const file = url.split('/').slice(-2).join('/')
      return [id, `${functionName || '(anonymous)'}${file === '' ? '' : ` ${file}:${lineNumber + 1}`}`]
    })
  )
  const times = new Map<string, number>()
  for (const [i, id] of samples.entries()) {
    const name = names.get(id) ?? '?'
    if (name === '(idle)') continue
    times.set(name, (times.get(name) ?? 0) + (timeDeltas[i] ?? 0) / 1000)
  }
  const all = [...times.values()].reduce((sum, ms) => sum + ms, 0)
  return [...times]
    .toSorted(([, a], [, b]) => b - a)
    .slice(0, count)
    .map(([where, ms]) => ({
      where,
      ms: Math.round(ms),
      percent: Math.round((1000 * ms) / all) / 10
    }))
}
