import { Socket } from 'node:net'
import t from 'tap'
import { clientAddress, clientHash } from '../../../src/edge/limits/client-address.ts'

/** A request that came over a connection from `remoteAddress`, for a client that proxies call `ip`. */
const from = (ip: string, remoteAddress: string | undefined): { ip: string; socket: Socket } => ({
  ip,
  socket: Object.defineProperty(new Socket(), 'remoteAddress', { value: remoteAddress })
})

t.test('what is no address counts for the connection it came over', async (t) => {
  t.equal(clientAddress(from('192.0.2.1', '10.0.0.1')), '192.0.2.1')
  t.equal(clientAddress(from('anything', '10.0.0.1')), '10.0.0.1')
  t.equal(clientAddress(from('anything', undefined)), 'unknown')
})

t.test('the hash is the same for all ways to write an address, and does not say it', async (t) => {
  const hash = clientHash(from('10.0.0.7', '10.0.0.1'))
  t.match(hash, /^[0-9a-f]{64}$/)
  t.equal(clientHash(from('::ffff:10.0.0.7', '10.0.0.1')), hash)
  t.not(clientHash(from('10.0.0.8', '10.0.0.1')), hash)
  t.equal(
    clientHash(from('made up', '10.0.0.1')),
    clientHash(from('10.0.0.1', undefined)),
    'nobody gets more attempts at passwords by writing something else each time'
  )
})
