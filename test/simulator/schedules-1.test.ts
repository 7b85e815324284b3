/** A part of the schedules that run on every change; several files, so that they run beside each other. */

import t from 'tap'
import { trySchedules } from './schedules.ts'

t.test('no schedule of faults violates an invariant: 1 to 12', async (t) => await trySchedules(t, 1, 12))
