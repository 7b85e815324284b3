/** Schedules of one seed, as a test. */

import type { Test } from 'tap'
import type { Scenario } from './plan.ts'
import { runSchedule } from './schedule.ts'
import type { ScheduleReport } from './schedule.ts'

/** What fails is seen again with `npm run simulate -- --seed 3 --schedule K`, and `--scenario`. */
export const SEED = 3

const story = ({ seed, schedule, violation, events }: ScheduleReport): string =>
  [
    `seed ${seed}, schedule ${schedule}: ${violation?.invariant}: ${violation?.text}`,
    ...events.slice(-100)
  ].join('\n')

/** Runs schedules `first` to `last`; the test fails with the story of each that violated an invariant. */
export async function trySchedules(
  t: Test,
  first: number,
  last: number,
  scenario: Scenario = 'share'
): Promise<void> {
  let done = 0
  let faults = 0
  for (let schedule = first; schedule <= last; schedule++) {
    const report = await runSchedule({ seed: SEED, schedule, scenario })
    done += report.acknowledged + Object.values(report.played).reduce((sum, count) => sum + count, 0)
    faults += Object.values(report.faults).reduce((sum, count) => sum + count, 0)
    if (report.violation !== undefined) t.fail(story(report))
  }
  const schedules = last - first + 1
  t.ok(done > schedules, `${done} things were done: enough to lose one`)
  t.ok(faults >= schedules, `${faults} faults`)
}
