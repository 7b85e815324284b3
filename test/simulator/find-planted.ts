/** Whether the checks find planted mistakes, as a test. */

import type { Test } from 'tap'
import { PLANTED } from './planted/planted.ts'
import { runSchedule } from './schedule.ts'
import { SEED } from './schedules.ts'

/** Schedules within which a mistake must have been found; most are in the first ten. */
const SCHEDULES_MAX = 60

/** A test for each mistake of one part, of so many parts. The check that finds it must be one that is for it. */
export function findPlanted(t: Test, part: number, parts: number): void {
  const mine = Object.entries(PLANTED).filter((_bug, index) => index % parts === part)
  for (const [name, bug] of mine) {
    t.test(`${name} is found`, async (t) => {
      const { clean = false, from = 1 } = bug
      for (let schedule = from; schedule < from + SCHEDULES_MAX; schedule++) {
        const { violation } = await runSchedule({ seed: SEED, schedule, clean, planted: bug.plant() })
        if (violation === undefined) continue
        const found = `schedule ${schedule}: ${violation.invariant}: ${violation.text}`
        t.ok(bug.breaks.includes(violation.invariant), found)
        return
      }
      t.fail(`not in ${SCHEDULES_MAX} schedules`)
    })
  }
}
