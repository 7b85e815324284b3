import t, { type Test } from 'tap'
import { FAULTS } from './faults.ts'
import { planFaults } from './plan.ts'
import { reportPage } from './page/report-page.ts'
import { type ChaosReport, reportText } from './report.ts'
import { runChaos } from './run.ts'
import type { ChaosOptions } from './scene.ts'

// eight processes start, are killed and heal, on a machine that may be busy
t.setTimeout(900_000)

/** The same faults each time; `npm run chaos` takes others. */
const SEED = 7

const run = async (t: Test, options: Partial<ChaosOptions>): Promise<ChaosReport> => {
  const report = await runChaos({
    seed: SEED,
    seconds: 45,
    nodes: 5,
    edges: 2,
    uploaders: 3,
    log: (line) => {
      t.comment(line)
      if (line.startsWith('SKIPPED')) process.stderr.write(`${line}\n`)
    },
    ...options
  })
  for (const line of reportText(report).split('\n')) t.comment(line)
  return report
}

t.test('a plan follows from its seed, and every fault has its turn', async (t) => {
  const plan = planFaults(SEED, 60, FAULTS)
  t.same(planFaults(SEED, 60, FAULTS), plan)
  t.notSame(planFaults(SEED + 1, 60, FAULTS), plan)
  t.same(new Set(plan.map(({ kind }) => kind)), new Set(FAULTS.map(({ kind }) => kind)))
})

t.test(
  `nothing acknowledged is lost, no link has two winners, nothing deleted stays, whatever happens (seed ${SEED})`,
  async (t) => {
    // a figure for quiet machines is not held against one that runs other tests
    const report = await run(t, { healTimeoutMs: 300_000 })
    t.same(report.violations, [])
    for (const kind of ['kill-node', 'kill-edge', 'kill-controller', 'pause-controller', 'cut-clients'])
      t.ok((report.faults[kind] ?? 0) > 0, `${kind} happened`)
    if (process.env['CI'] !== undefined)
      t.same(Object.keys(report.leftOut), ['lose-controller'], 'CI allows every fault there is')
    t.ok(report.uploads.acknowledged > 0, 'files were acknowledged')
    t.ok(report.redeemers >= report.uploads.acknowledged - report.revoked, 'and all of them asked for')
    t.ok(report.timeline.samples.length > 10, 'the cluster was asked how it is')
    t.ok(reportPage(report).endsWith('</html>\n'), 'there is a page to look at')
  }
)

/** A small cluster without faults: what is found then was planted. */
const PLANTED = { faults: [], keep: false, seconds: 5, nodes: 3, edges: 1 }
const invariantsOf = (report: ChaosReport): string[] => [
  ...new Set(report.violations.map(({ invariant }) => invariant))
]

t.test('a run finds links that work twice', async (t) => {
  const planted = { ...PLANTED, settings: ['link.downloads=2'], goneTimeoutMs: 1 }
  // and a file with a slot left is not deleted
  const others = invariantsOf(await run(t, planted)).filter((name) => name !== 'deleted bytes')
  t.same(others, ['C'])
})

t.test('a run finds files that are gone before anybody got them', async (t) => {
  const found = invariantsOf(await run(t, { ...PLANTED, settings: ['link.ttlMs=1000'] }))
  t.ok(found.includes('A') || found.includes('link lost'), found.join())
})

t.test('a run finds answers with wrong bytes', async (t) => {
  const found = invariantsOf(await run(t, { ...PLANTED, plant: 'damaged answers' }))
  t.ok(found.includes('B'), found.join())
})

t.test('a run finds bytes that should have been deleted', async (t) => {
  const found = await run(t, { ...PLANTED, plant: 'forgotten bytes', goneTimeoutMs: 5000 })
  t.same(invariantsOf(found), ['deleted bytes'])
})

t.test('a run finds a process that dies without a reason', async (t) => {
  t.same(invariantsOf(await run(t, { ...PLANTED, plant: 'a death' })), ['died by itself'])
})

t.test('a run finds copies that are not made again', async (t) => {
  const found = await run(t, { ...PLANTED, plant: 'a node that stays away', healTimeoutMs: 8000 })
  t.same(invariantsOf(found), ['copies'])
})
