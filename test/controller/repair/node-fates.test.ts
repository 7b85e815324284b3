import t from 'tap'
import { fateOf, pauseOf } from '../../../src/controller/repair/node-fates.ts'
import type { FateConfig, Observation } from '../../../src/controller/repair/node-fates.ts'

const SECOND = 1000
const MINUTE = 60 * SECOND
const config: FateConfig = {
  downAfterMs: 30 * SECOND,
  delayMs: 2 * MINUTE,
  drainedDelayMs: 30 * MINUTE,
  lostShare: 25,
  lostWindowMs: 10 * MINUTE,
  pauseMs: 60 * MINUTE
}
const NOW = 1000 * MINUTE

const active: Observation = { silentSince: NOW, active: true, drained: false }
const silentFor = (ms: number, more: Partial<Observation> = {}): Observation => ({
  silentSince: NOW - ms,
  active: false,
  drained: false,
  ...more
})

t.test('a silent node is waited for, and then given up', async (t) => {
  t.equal(fateOf(active, NOW, config), 'alive')
  t.equal(fateOf(silentFor(29 * SECOND), NOW, config), 'alive')
  t.equal(fateOf(silentFor(30 * SECOND), NOW, config), 'waiting')
  t.equal(fateOf(silentFor(119 * SECOND), NOW, config), 'waiting')
  t.equal(fateOf(silentFor(120 * SECOND), NOW, config), 'gone')
})

t.test('one that was being emptied is waited for longer: its operator is at work', async (t) => {
  t.equal(fateOf(silentFor(29 * MINUTE, { drained: true }), NOW, config), 'waiting')
  t.equal(fateOf(silentFor(30 * MINUTE, { drained: true }), NOW, config), 'gone')
})

t.test('two of five lost together are an outage; two of eight are not', async (t) => {
  const lost = [silentFor(3 * MINUTE), silentFor(4 * MINUTE)]
  const pause = pauseOf([...lost, active, active, active], NOW, config)
  t.same(pause, { lost: 2, nodes: 5, untilMs: NOW - 3 * MINUTE + config.pauseMs })
  t.equal(pauseOf([...lost, active, active, active, active, active, active], NOW, config), undefined)
})

t.test('a single node is never an outage', async (t) => {
  t.equal(pauseOf([silentFor(3 * MINUTE), active, active], NOW, config), undefined)
})

t.test('nodes lost one after the other, further apart than the window, are not one either', async (t) => {
  const lost = [silentFor(3 * MINUTE), silentFor(14 * MINUTE)]
  t.equal(pauseOf([...lost, active, active, active], NOW, config), undefined)
})

t.test('the worst moment counts, however long ago the first was lost', async (t) => {
  const lost = [
    silentFor(300 * MINUTE),
    silentFor(50 * MINUTE),
    silentFor(45 * MINUTE),
    silentFor(3 * MINUTE)
  ]
  t.match(pauseOf([...lost, active, active, active], NOW, config), {
    lost: 2,
    untilMs: NOW - 45 * MINUTE + config.pauseMs
  })
})

t.test('a pause ends by itself, and when they return', async (t) => {
  const lost = [silentFor(60 * MINUTE), silentFor(61 * MINUTE)]
  t.equal(pauseOf([...lost, active, active, active], NOW, config), undefined)
  const returned = [silentFor(3 * MINUTE), active]
  t.equal(pauseOf([...returned, active, active, active], NOW, config), undefined)
})

t.test('nodes that were being emptied were meant to go, and a silent moment is no loss', async (t) => {
  const meant = [silentFor(3 * MINUTE, { drained: true }), silentFor(3 * MINUTE, { drained: true })]
  t.equal(pauseOf([...meant, active, active, active], NOW, config), undefined)
  const blink = [silentFor(20 * SECOND), silentFor(20 * SECOND)]
  t.equal(pauseOf([...blink, active, active, active], NOW, config), undefined)
})
