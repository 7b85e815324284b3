/** One version of a file of an account, on its way to this machine. */

import { PeerbinError } from '../../errors.ts'
import { sha256Hex } from '../../protocol/schema.ts'
import { hashSecret } from '../../protocol/secrets.ts'
import type { CliContext } from '../context.ts'
import { completePart } from '../pull/complete-part.ts'
import { ACCEPT_FILE } from '../pull/download.ts'
import type { Source } from '../pull/download.ts'
import { layoutFeed } from '../pull/feed.ts'
import { plainLayout } from '../pull/layout.ts'
import { beginPart, resumePart } from '../pull/part.ts'
import { readState, refuseExisting, refuseFolder, STATE } from '../pull/part-state.ts'
import type { PartState } from '../pull/part-state.ts'
import type { FileAnswer } from './answers.ts'
import type { AccountApi } from './api.ts'
import { fileAt } from './find-file.ts'
import type { FileOptions } from './open-files.ts'
import { shown, tell } from './tables.ts'

export interface GetOptions extends FileOptions {
  output?: string
  force?: boolean
  recursive?: boolean
  version?: number
}

/** One version of a file, as it is fetched. */
export interface Wanted {
  readonly id: string
  readonly path: string
  readonly version: number
  readonly sizeBytes: number
  readonly sha256: string | null
}

/** @param number undefined: the newest version @throws `not-found` for one that never arrived */
export async function wantedOf(
  file: FileAnswer,
  number: number | undefined,
  api: AccountApi
): Promise<Wanted> {
  const { file_id: id, path } = file
  const isOther = number !== undefined && number !== file.version
  const from = isOther ? await fileAt(api, id, number) : file
  const { version, file_size: sizeBytes } = from
  if (from.status === 'upload_failed')
    throw new PeerbinError('not-found', `version ${version} of ${shown(path)} never arrived`)
  return { id, path, version, sizeBytes, sha256: sha256Hex.safeParse(from.sha256).data ?? null }
}

/** A file that is there is no part; one that was begun of an earlier version is begun anew. */
export async function fetchTo(
  target: string,
  wanted: Wanted,
  force: boolean,
  api: AccountApi,
  context: CliContext
): Promise<void> {
  await refuseFolder(target)
  if (!force) await refuseExisting(target)
  const state = stateOf(wanted)
  const begun = await readState(target + STATE)
  const isSame = begun?.tokenHash === state.tokenHash
  const part = isSame ? await resumePart(target, state) : await beginPart(target, state)
  await completePart(part, async () => sourceOf(wanted, api), force, context)
}

const stateOf = ({ id, version, sizeBytes, sha256 }: Wanted): PartState => ({
  tokenHash: hashSecret(['file', id, version, sizeBytes, sha256].join('\n')),
  claim: null,
  sizeBytes,
  sha256,
  shape: 'file',
  encryption: null,
  indexText: null
})

export function sourceOf({ id, version, sizeBytes }: Wanted, api: AccountApi): Source {
  return {
    feed: layoutFeed(plainLayout(sizeBytes)),
    sizeBytes,
    ask: (from) =>
      api.answer(
        {
          method: 'GET',
          path: `api/files/download/${encodeURIComponent(id)}`,
          // by its number: a newer one may come while this one is fetched
          query: { version },
          headers: { accept: ACCEPT_FILE, ...(from === 0 ? {} : { range: `bytes=${from}-` }) }
        },
        [200, 206]
      )
  }
}

export const report = (target: string, wanted: Wanted, options: GetOptions, context: CliContext): void =>
  tell(
    options,
    context,
    {
      saved: target,
      file_id: wanted.id,
      path: wanted.path,
      version: wanted.version,
      file_size: wanted.sizeBytes,
      sha256: wanted.sha256
    },
    target
  )
