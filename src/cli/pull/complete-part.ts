/** From a part on disk, or none, to the whole file under its name. */

import { basename } from 'node:path'
import { hasCode, PeerbinError } from '../../errors.ts'
import { say } from '../context.ts'
import type { CliContext } from '../context.ts'
import { Progress } from '../progress.ts'
import { fetchRest } from './download.ts'
import type { Sink, Source } from './download.ts'
import type { Part } from './part.ts'

/**
 * Fetches what is missing, compares, and gives the part its name. After a break the part stays, to go on with; bytes that are wrong do not.
 * @param force a file of that name is replaced
 * @throws `checksum-mismatch`, `local-file`, and what `sourceOf` and fetchRest throw
 */
export async function completePart(
  part: Part,
  sourceOf: () => Promise<Source>,
  force: boolean,
  context: CliContext
): Promise<void> {
  const resumedAt = part.position
  if (resumedAt > 0) say(context, `going on at byte ${resumedAt} of ${part.state.sizeBytes}`)
  try {
    await fetchAll(part, resumedAt, await sourceOf(), context)
  } catch (error) {
    if (!hasCode(error, 'checksum-mismatch')) {
      await part.close()
      throw error
    }
    await part.discard()
    throw new PeerbinError('checksum-mismatch', `${error.message}; nothing was kept`)
  }
  if (part.state.sha256 === null && part.state.indexText === null)
    say(context, 'the server gave no digest: the bytes were not verified')
  await part.finish(force)
}

/** All bytes, once more where those that an earlier run left turn out to be wrong. */
async function fetchAll(part: Part, resumedAt: number, source: Source, context: CliContext): Promise<void> {
  const { target, state } = part
  const label = basename(target)
  const progress = new Progress(context.stderr, context.clock, label, state.sizeBytes, part.position)
  const sink: Sink = {
    get position() {
      return part.position
    },
    append: async (bytes) => {
      await part.append(bytes)
      progress.update(part.position)
    }
  }
  try {
    await fetchRest(source, sink, context)
  } catch (error) {
    if (!hasCode(error, 'checksum-mismatch') || part.goodTo >= resumedAt) throw error
    // the part on disk was damaged, by a power cut for instance; its source gives it again
    progress.end()
    say(context, 'the part that was here does not match the file; it is fetched again')
    await part.rewind()
    await fetchRest(source, sink, context)
  } finally {
    progress.end()
  }
}
