/** Some schedules of users' files, events, pools and synced folders that run on every change; `npm run simulate` plays as many as one likes. */

import t from 'tap'
import { trySchedules } from './schedules.ts'

t.test('users lose nothing', async (t) => await trySchedules(t, 1, 1, 'files'))
t.test('listeners miss nothing', async (t) => await trySchedules(t, 2, 2, 'events'))
t.test('no file of a pool is lost or doubled', async (t) => await trySchedules(t, 5, 6, 'pools'))
t.test('synced folders are equal in the end', async (t) => await trySchedules(t, 1, 2, 'sync'))
