/** What `peerbin get` does with one file. */

import { stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { PeerbinError } from '../../errors.ts'
import type { CliContext } from '../context.ts'
import { fetchRest } from '../pull/download.ts'
import { safeFileName } from '../pull/file-name.ts'
import { payloadCheck } from '../pull/payload-check.ts'
import type { AccountApi } from './api.ts'
import { fetchTo, report, sourceOf, wantedOf } from './fetch-file.ts'
import type { GetOptions, Wanted } from './fetch-file.ts'
import { findFile } from './find-file.ts'
import { getFolder } from './get-folder.ts'
import { openFiles } from './open-files.ts'

export async function get(path: string, options: GetOptions, context: CliContext): Promise<void> {
  const { api, owner } = await openFiles(options, context)
  if (options.recursive === true) return await getFolder(path, options, { api, owner }, context)
  const file = await findFile(api, path, owner)
  const wanted = await wantedOf(file, options.version, api)
  if (options.output === '-') return await toOutput(wanted, api, context)
  const target = await targetOf(wanted, options, context)
  await fetchTo(target, wanted, options.force === true, api, context)
  report(target, wanted, options, context)
}

/** Nothing is kept on the way; whether the digest matches is known at the end, and the exit code says it. */
async function toOutput(wanted: Wanted, api: AccountApi, context: CliContext): Promise<void> {
  const check = payloadCheck(wanted.sizeBytes, wanted.sha256, undefined)
  await fetchRest(
    sourceOf(wanted, api),
    {
      get position() {
        return check.position
      },
      append: async (bytes) => {
        await context.stdout.writeBytes(bytes)
        check.update(bytes)
      }
    },
    context
  )
}

async function targetOf({ path }: Wanted, options: GetOptions, context: CliContext): Promise<string> {
  const name = safeFileName(path)
  if (options.output === undefined) return join(context.cwd, name)
  const output = resolve(context.cwd, options.output)
  const found = await stat(output).catch(() => undefined) // what cannot be looked at is reported when it is written
  if (found?.isDirectory() === true) return join(output, name)
  if (/[/\\]$/.test(options.output)) throw new PeerbinError('local-file', `there is no folder ${output}`)
  return output
}
