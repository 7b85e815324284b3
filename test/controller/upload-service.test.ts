import t from 'tap'
import { isPresent } from '../../src/controller/upload-service.ts'
import { copyOn, generation, member } from './members.ts'

const [a, b, c] = [member('A'), member('B'), member('C')]
const rule = { generation: generation(1), copiesMin: 2, hostsMin: 2, staying: [a, b, c] }

t.test('two copies on living nodes of two hosts stand for the bytes', async (t) => {
  t.ok(isPresent([copyOn(a), copyOn(b)], rule))
})

t.test('one copy does not', async (t) => {
  t.notOk(isPresent([copyOn(a)], rule))
})

t.test('a copy on a node that is not active does not count', async (t) => {
  t.notOk(isPresent([copyOn(a), copyOn(b)], { ...rule, staying: [a, c] }))
})

t.test(
  'a copy from an earlier life of its node does not count: it may have come back with an empty disk',
  async (t) => {
    const again = { ...b, boot: 2 }
    t.notOk(isPresent([copyOn(a), copyOn(b)], { ...rule, staying: [a, again, c] }))
    t.ok(isPresent([copyOn(a), copyOn(again)], { ...rule, staying: [a, again, c] }))
  }
)

t.test(
  'a copy of an earlier generation does not count: an order to delete it may be on its way',
  async (t) => {
    t.notOk(isPresent([copyOn(a), copyOn(b, { generation: generation(0) })], rule))
  }
)

t.test('two nodes of one host do not do where there are more hosts', async (t) => {
  const neighbour = member('N', { host: a.host })
  const staying = [a, neighbour, c]
  t.notOk(isPresent([copyOn(a), copyOn(neighbour)], { ...rule, staying }))
  t.ok(isPresent([copyOn(a), copyOn(neighbour)], { ...rule, staying, hostsMin: 1 }))
})
