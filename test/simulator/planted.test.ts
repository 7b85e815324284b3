/** The checks bite: each planted mistake is found, by a check that is for it. */

import t from 'tap'
import { PLANTED } from './planted/planted.ts'
import { runSchedule } from './schedule.ts'
import { SEED } from './schedules.ts'

/** Schedules within which a mistake must have been found; most are in the first ten. */
const SCHEDULES_MAX = 60

for (const [name, bug] of Object.entries(PLANTED)) {
  t.test(`${name} is found`, async (t) => {
    const clean = bug.clean ?? false
    for (let schedule = 1; schedule <= SCHEDULES_MAX; schedule++) {
      const { violation } = await runSchedule({ seed: SEED, schedule, clean, planted: bug.plant() })
      if (violation === undefined) continue
      t.ok(bug.breaks.includes(violation.invariant), `${violation.invariant}: ${violation.text}`)
      return
    }
    t.fail(`not in ${SCHEDULES_MAX} schedules`)
  })
}
