import { createServer } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { memoryRoleState, openRoleState } from '../../src/compose/data-folder.ts'
import { chooseListen, joinAddresses, listenHost, multiaddrOf } from '../../src/compose/listening.ts'
import type { Address } from '../../src/types.ts'
import { testFolder } from '../kit/test-folder.ts'

const loopback = ['/ip4/127.0.0.1/tcp/4811/p2p/x' as Address]
const remote = ['/ip4/192.0.2.7/tcp/4811/p2p/x' as Address]

t.test('a process listens where those can reach it that it joins', async (t) => {
  t.equal(listenHost({}, '', []), '127.0.0.1')
  t.equal(listenHost({}, '', loopback), '127.0.0.1')
  t.equal(listenHost({}, '', remote), '0.0.0.0', 'a cluster on other machines')
  t.equal(listenHost({}, '', ['/dns4/lab1.example.org/tcp/1' as Address]), '0.0.0.0')
  t.equal(listenHost({}, '10.0.0.1', remote), '10.0.0.1', 'what was chosen before stays')
  t.equal(listenHost({ network: { host: '127.0.0.1' } }, '10.0.0.1', remote), '127.0.0.1', 'a setting wins')
})

t.test('the port of the last start is taken again, and another when somebody has it', async (t) => {
  const folder = join(testFolder(t), 'node')
  const state = await openRoleState(folder)
  t.teardown(() => state.close())
  const first = await chooseListen(state, {}, [])
  t.ok(first.port > 0)
  t.same(await chooseListen(state, {}, []), first)
  const server = createServer().listen(first.port, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const second = await chooseListen(state, {}, [])
  t.not(second.port, first.port)
  t.equal(state.listening.get().port, second.port, 'and that one is remembered')
  await t.rejects(chooseListen(state, { network: { port: first.port } }, []), {
    code: 'address-in-use',
    message: new RegExp(String(first.port))
  })
  await t.rejects(chooseListen(state, { network: { host: '192.0.2.1', port: first.port } }, []), {
    code: 'config-invalid',
    message: /does not have that address/
  })
  await new Promise((resolve) => server.close(resolve))
})

t.test('a join string says how others reach a peer', async (t) => {
  const { self } = await memoryRoleState()
  t.same(joinAddresses({ host: '127.0.0.1', port: 1, announce: [] }, self), [
    `/ip4/127.0.0.1/tcp/1/p2p/${self}`
  ])
  t.same(joinAddresses({ host: '0.0.0.0', port: 1, announce: ['/dns4/lab1/tcp/1'] }, self), [
    `/dns4/lab1/tcp/1/p2p/${self}`
  ])
  for (const address of joinAddresses({ host: '0.0.0.0', port: 1, announce: [] }, self))
    t.notMatch(address, '0.0.0.0', 'nobody can dial that')
  t.equal(multiaddrOf('::1', 2), '/ip6/::1/tcp/2')
  t.equal(multiaddrOf('lab1.example.org', 2), '/dns4/lab1.example.org/tcp/2')
})

t.test('what init advertises is announced', async (t) => {
  const state = await memoryRoleState()
  await state.listening.set({ host: '127.0.0.1', port: 0, advertise: 'lab1.example.org' })
  const listen = await chooseListen(state, {}, [])
  t.same(listen.announce, [`/dns4/lab1.example.org/tcp/${listen.port}`])
  const config = { network: { announce: ['/ip4/203.0.113.1/tcp/9'] } }
  t.same(
    (await chooseListen(state, config, [])).announce,
    ['/ip4/203.0.113.1/tcp/9'],
    'unless the settings say otherwise'
  )
})
