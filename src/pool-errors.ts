/** Codes of pools: part of the registry in error-codes.ts. */

import { EXIT, spec } from './error-spec.ts'

export const POOL_ERRORS = {
  'pool-unknown': spec(404, false, EXIT.refused, 'There is no such pool, or you are not a member of it.'),
  'pool-conflict': spec(409, false, EXIT.refused, 'The pool was changed by somebody else meanwhile.'),
  'pools-full': spec(409, false, EXIT.refused, 'You may not make any more pools. Please delete one first.'),
  'pool-archived': spec(409, false, EXIT.refused, 'This pool is archived: it takes nothing in any more.'),
  'pool-full': spec(409, false, EXIT.refused, 'This pool has as many members as it may have.'),
  'member-unknown': spec(404, false, EXIT.refused, 'There is no such member of this pool.'),
  'last-owner': spec(409, false, EXIT.refused, 'A pool needs an owner, and this is the last one.'),
  'join-key-invalid': spec(
    403,
    false,
    EXIT.refused,
    'This join key does not exist, has expired, or has been used up. Please ask for a new one.'
  ),
  'join-key-unknown': spec(404, false, EXIT.refused, 'There is no such join key.'),
  'join-keys-full': spec(409, false, EXIT.refused, 'There are too many join keys. Please delete one first.'),
  'batch-unknown': spec(404, false, EXIT.refused, 'There is no such batch.'),
  'batch-conflict': spec(409, false, EXIT.refused, 'Another batch was announced under this id.'),
  'batch-closed': spec(409, false, EXIT.refused, 'This batch has ended already.'),
  'batch-incomplete': spec(409, false, EXIT.refused, 'Not all files of the batch have arrived.'),
  'batch-too-large': spec(413, false, EXIT.refused, 'The batch has more files than one batch may have.'),
  'batches-full': spec(409, false, EXIT.busy, 'Too many batches are open. Please end or give up one first.'),
  'duplicate-file': spec(422, false, EXIT.usage, 'The batch has two files of the same name and timestamp.'),
  'file-conflict': spec(
    409,
    false,
    EXIT.refused,
    'Another file of this name and timestamp was sent before, with other bytes.'
  ),
  'clock-skewed': spec(
    422,
    false,
    EXIT.local,
    'The clock of this machine is too far from the server’s. Please set it.'
  ),
  'timestamp-in-future': spec(422, false, EXIT.usage, 'A file has a timestamp that lies in the future.'),
  'timestamp-too-old': spec(
    422,
    false,
    EXIT.usage,
    'A file has a timestamp that is older than the pool takes.'
  ),
  'group-unknown': spec(404, false, EXIT.refused, 'There is no such group.'),
  'group-state': spec(409, false, EXIT.refused, 'The group is not in a state in which this can be done.'),
  'group-done': spec(409, false, EXIT.refused, 'This group has its result already.'),
  'group-emptied': spec(410, false, EXIT.refused, 'The files of this group are not kept any more.'),
  'lease-lost': spec(
    409,
    false,
    EXIT.refused,
    'Another server works on this group now, or nobody may any more.'
  ),
  'result-missing': spec(409, false, EXIT.refused, 'The result has not arrived.'),
  'result-unknown': spec(404, false, EXIT.refused, 'This group has no result yet.'),
  'result-expired': spec(410, false, EXIT.refused, 'The result of this group is not kept any more.'),
  'work-failed': spec(500, false, EXIT.local, 'The command that works on groups failed.')
} as const
