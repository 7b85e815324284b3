/** What `peerbin pull` does. */

import { createHash } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { PeerbinError } from '../../errors.ts'
import { newClaimSecret } from '../../protocol/secrets.ts'
import type { PullOptions } from '../commands/pull.ts'
import { say } from '../context.ts'
import type { CliContext } from '../context.ts'
import { Progress } from '../progress.ts'
import { fetchRest, lookAt } from './download.ts'
import { safeFileName } from './file-name.ts'
import { LinkPassword } from './link-password.ts'
import { parseLink } from './link.ts'
import type { ShareLink } from './link.ts'
import { findPart, PartFile, refuseExisting } from './part-file.ts'

export async function pull(url: string, options: PullOptions, context: CliContext): Promise<void> {
  const link = parseLink(url)
  const password = new LinkPassword(options, context)
  if (options.output === '-') await pullToOutput(link, password, context)
  else await pullToFile(link, password, options, context)
}

async function pullToFile(
  link: ShareLink,
  password: LinkPassword,
  options: PullOptions,
  context: CliContext
): Promise<void> {
  const part = await openPart(link, password, options, context)
  const resumedAt = part.sizeBytes
  if (resumedAt > 0) say(context, `going on at byte ${resumedAt} of ${part.state.sizeBytes}`)
  try {
    await complete(part, link, password, context)
    if (!part.matches && resumedAt > 0) {
      // the part on disk was damaged, by a power cut for instance; the claim allows to begin again
      say(context, 'the part that was here does not match the file; it is fetched again')
      await part.restart()
      await complete(part, link, password, context)
    }
  } catch (error) {
    await part.close()
    throw error
  }
  if (!part.matches) {
    await part.discard()
    throw new PeerbinError(
      'checksum-mismatch',
      'the bytes that came do not match the SHA-256 of the file; nothing was kept'
    )
  }
  if (part.state.sha256 === null) say(context, 'the server gave no digest: the bytes were not verified')
  await part.finish(options.force === true)
  context.stdout.write(`${part.target}\n`)
}

async function complete(
  part: PartFile,
  link: ShareLink,
  password: LinkPassword,
  context: CliContext
): Promise<void> {
  const progress = new Progress(context.stderr, context.clock, 'pull', part.state.sizeBytes, part.sizeBytes)
  const sink = {
    get sizeBytes() {
      return part.sizeBytes
    },
    append: async (bytes: Uint8Array) => {
      await part.append(bytes)
      progress.update(part.sizeBytes)
    }
  }
  try {
    await fetchRest(link, part.state.claim, part.state, sink, password, context)
  } finally {
    progress.end()
  }
}

/** Goes on with a part of this link if there is one; otherwise begins, with a claim secret of its own. */
async function openPart(
  link: ShareLink,
  password: LinkPassword,
  options: PullOptions,
  context: CliContext
): Promise<PartFile> {
  const where = await outputOf(options, context)
  const begun = await findPart(where, link.tokenHash)
  if (begun !== undefined) {
    if (options.force !== true) await refuseExisting(begun.target)
    return await PartFile.resume(begun.target, begun.state)
  }
  if ('target' in where && options.force !== true) await refuseExisting(where.target)
  const info = await lookAt(link, password, context)
  const target = 'target' in where ? where.target : join(where.folder, safeFileName(info.name))
  if (options.force !== true) await refuseExisting(target)
  return await PartFile.begin(target, {
    version: 1,
    tokenHash: link.tokenHash,
    claim: newClaimSecret(context.random),
    sizeBytes: info.sizeBytes,
    sha256: info.sha256
  })
}

async function outputOf(
  options: PullOptions,
  context: CliContext
): Promise<{ target: string } | { folder: string }> {
  if (options.output === undefined) return { folder: context.cwd }
  const path = resolve(context.cwd, options.output)
  const found = await stat(path).catch(() => undefined) // what cannot be looked at is reported when it is written
  if (found?.isDirectory() === true) return { folder: path }
  if (/[/\\]$/.test(options.output)) throw new PeerbinError('local-file', `there is no folder ${path}`)
  return { target: path }
}

/** Nothing is kept on the way, so a run that breaks cannot be gone on with. The digest is known to match only at the end: exit code 5 says if not. */
async function pullToOutput(link: ShareLink, password: LinkPassword, context: CliContext): Promise<void> {
  const info = await lookAt(link, password, context)
  const hash = createHash('sha256')
  let sizeBytes = 0
  const sink = {
    get sizeBytes() {
      return sizeBytes
    },
    append: async (bytes: Uint8Array) => {
      hash.update(bytes)
      await context.stdout.writeBytes(bytes)
      sizeBytes += bytes.byteLength
    }
  }
  await fetchRest(link, newClaimSecret(context.random), info, sink, password, context)
  if (info.sha256 !== null && hash.digest('hex') !== info.sha256)
    throw new PeerbinError('checksum-mismatch', 'the bytes that came do not match the SHA-256 of the file')
}
