/** The examples of docs/accounts.md do what the page says. */

import t from 'tap'
import { newAdmin } from '../edge/accounts/accounts-kit.ts'
import { startEdges } from '../edge/edge-cluster.ts'
import { STEADY, examplesOf, runExamples, shapeOf } from './examples.ts'

t.test('every example of docs/accounts.md answers as it is shown', async (t) => {
  const edges = await startEdges(t, { nodes: 1 })
  const { token } = await newAdmin(edges, 'the admin')
  const examples = examplesOf('accounts.md')
  t.ok(examples.length > 15)
  const answers = await runExamples(examples, { HOST: edges.url(), ADMIN: token })
  t.equal(answers.length, examples.length)
  for (const [index, { command, shown }] of examples.entries()) {
    const answer = answers[index] ?? ''
    if (shown === undefined) {
      t.equal(answer, '', command)
      continue
    }
    const expected = JSON.parse(shown) as Record<string, unknown>
    const found = JSON.parse(answer) as Record<string, unknown>
    t.same(shapeOf(found), shapeOf(expected), command)
    for (const field of STEADY) t.equal(found[field], expected[field], `${field} of ${command}`)
  }
})
