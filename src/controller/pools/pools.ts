/** Pools, as one part of the controller: who is in them, what producers send, and who works on it. This file only puts the parts together. */

import type { Snapshots } from '../snapshots/snapshots.ts'
import type { ControllerPart, PartHandler } from '../part.ts'
import { Acknowledge } from './acknowledge.ts'
import { Batches } from './batches.ts'
import type { PoolDeps, PoolOp, Request, Response } from './deps.ts'
import { Groups } from './groups.ts'
import { PoolKeeping } from './keeping.ts'
import { Members } from './members.ts'
import { admit } from './rights.ts'
import type { Admitted, PoolRightsOp } from './rights.ts'
import { createPoolSettler } from './settler.ts'
import { Work } from './work.ts'
import { WorkQueue } from './work-queue.ts'

export type { PoolOp } from './deps.ts'
export type Pools = ControllerPart<PoolOp>

export interface PoolsDeps extends PoolDeps {
  readonly snapshots: Pick<Snapshots, 'covered'>
  /** Told when files ended, so that they need not wait for the settler's round. */
  readonly onEnded: () => void
}

export function createPools(deps: PoolsDeps): Pools {
  const acknowledge = new Acknowledge(deps)
  const keeping = new PoolKeeping({ ...deps, acknowledge })
  const members = new Members({ ...deps, acknowledge })
  const batches = new Batches({ ...deps, acknowledge })
  const groups = new Groups(deps)
  const work = new Work({ ...deps, acknowledge, queue: new WorkQueue(deps) })
  /** Nothing about a pool is looked at before the table of rights was. */
  const may =
    <K extends PoolRightsOp>(
      op: K,
      answer: (who: Admitted, message: Request<K>, signal: AbortSignal) => Promise<Response<K>>
    ): PartHandler<K> =>
    async (message, signal) =>
      await answer(await admit(deps.store, op, message), message, signal)
  return {
    workers: [createPoolSettler(deps)],
    handlers: {
      createPool: (message, signal) => keeping.create(message, signal),
      listPools: (message) => keeping.list(message),
      getPool: may('getPool', (who) => keeping.get(who)),
      changePool: may('changePool', (who, message) => keeping.change(who, message)),
      deletePool: may('deletePool', (who, _message, signal) => keeping.delete(who, signal)),
      listMembers: may('listMembers', (who, message) => members.list(who, message)),
      addMember: may('addMember', (who, message, signal) => members.add(who, message, signal)),
      changeMember: may('changeMember', (who, message, signal) => members.change(who, message, signal)),
      removeMember: may('removeMember', (who, message, signal) => members.remove(who, message, signal)),
      createJoinKey: may('createJoinKey', (who, message) => members.createKey(who, message)),
      listJoinKeys: may('listJoinKeys', (who) => members.keys(who)),
      deleteJoinKey: may('deleteJoinKey', (who, message, signal) => members.deleteKey(who, message, signal)),
      findJoinKey: (message) => members.findKey(message),
      joinPool: (message, signal) => members.join(message, signal),
      openBatch: may('openBatch', (who, message, signal) => batches.open(who, message, signal)),
      declareFiles: may('declareFiles', (who, message, signal) => batches.declare(who, message, signal)),
      getBatch: may('getBatch', (who, message, signal) => batches.get(who, message, signal)),
      getBatchFile: may('getBatchFile', (who, message) => batches.file(who, message)),
      commitBatch: may('commitBatch', (who, message, signal) => batches.commit(who, message, signal)),
      abandonBatch: may('abandonBatch', (who, message) => batches.abandon(who, message)),
      listGroups: may('listGroups', (who, message) => groups.list(who, message)),
      getGroup: may('getGroup', (who, message) => groups.get(who, message)),
      listGroupFiles: may('listGroupFiles', (who, message) => groups.files(who, message)),
      listGroupProducers: may('listGroupProducers', (who, message) => groups.producers(who, message)),
      openPoolFile: may('openPoolFile', (who, message) => groups.open(who, message)),
      closeGroup: may('closeGroup', (who, message) => groups.close(who, message)),
      leaseGroup: may('leaseGroup', (who, message, signal) => work.lease(who, message, signal)),
      renewLease: may('renewLease', (who, message) => work.renew(who, message)),
      finishGroup: may('finishGroup', (who, message, signal) => work.finish(who, message, signal)),
      failGroup: may('failGroup', (who, message) => work.fail(who, message)),
      retryGroup: may('retryGroup', (who, message) => groups.retry(who, message))
    }
  }
}
