/** What `peerbin pull` does. */

import { stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { LinkKeys } from '../../encryption/link-keys.ts'
import { PeerbinError } from '../../errors.ts'
import { newClaimSecret } from '../../protocol/secrets.ts'
import type { PullOptions } from '../commands/pull.ts'
import type { CliContext } from '../context.ts'
import { completePart } from './complete-part.ts'
import { fetchRest, linkSource } from './download.ts'
import type { Sink, Source } from './download.ts'
import { layoutFeed, sealedFeed } from './feed.ts'
import type { Feed } from './feed.ts'
import { safeFileName } from './file-name.ts'
import { indexOf, isBundle } from './index-text.ts'
import { keysOf } from './keys.ts'
import { plainLayout, zipLayout } from './layout.ts'
import type { Layout } from './layout.ts'
import { LayoutWriter } from './layout-writer.ts'
import { LinkPassword } from './link-password.ts'
import { parseLink } from './link.ts'
import type { ShareLink } from './link.ts'
import { lookAt } from './look.ts'
import type { LinkInfo } from './look.ts'
import { beginPart, resumePart } from './part.ts'
import type { Part } from './part.ts'
import { findPart, refuseExisting, refuseFolder } from './part-state.ts'
import type { Shape } from './part-state.ts'
import { payloadCheck } from './payload-check.ts'

export async function pull(url: string, options: PullOptions, context: CliContext): Promise<void> {
  const link = parseLink(url)
  const password = new LinkPassword(options, context)
  if (options.output === '-') await pullToOutput(link, password, context)
  else await pullToDisk(link, password, options, context)
}

async function pullToDisk(
  link: ShareLink,
  password: LinkPassword,
  options: PullOptions,
  context: CliContext
): Promise<void> {
  const part = await openPart(link, password, options, context)
  const { claim } = part.state
  // of a link it always has one
  if (claim === null) throw new PeerbinError('internal', 'the part is not of a link')
  const sourceOf = (): Promise<Source> => redemptionOf(link, claim, part.state, password, context)
  await completePart(part, sourceOf, options.force === true, context)
  context.stdout.write(`${part.target}\n`)
}

/** What the link leads to, as it is fetched: an archive, or sealed, or as it is. @throws `key-missing` */
async function redemptionOf(
  link: ShareLink,
  claim: string,
  info: Pick<LinkInfo, 'sizeBytes' | 'encryption' | 'indexText'>,
  password: LinkPassword,
  context: CliContext
): Promise<Source> {
  const keys = info.encryption === null ? undefined : await keysOf(link)
  const { sizeBytes } = info
  const redemption = { link, claim, proof: keys?.proof, password, feed: feedOf(info, keys), sizeBytes }
  return linkSource(redemption, context)
}

function feedOf(info: Pick<LinkInfo, 'sizeBytes' | 'indexText'>, keys: LinkKeys | undefined): Feed {
  return keys === undefined ? layoutFeed(archiveOf(info)) : sealedFeed(keys.payload, info.sizeBytes)
}

/** A bundle as one file is a zip. */
function archiveOf(info: Pick<LinkInfo, 'sizeBytes' | 'indexText'>): Layout {
  const index = indexOf(info)
  return isBundle(index) ? zipLayout(index) : plainLayout(info.sizeBytes)
}

/** Goes on with a part of this link if there is one; otherwise begins, with a claim secret of its own. */
async function openPart(
  link: ShareLink,
  password: LinkPassword,
  options: PullOptions,
  context: CliContext
): Promise<Part> {
  const where = await outputOf(options, context)
  const begun = await findPart(where, link.tokenHash)
  if (begun !== undefined) {
    const { target, state } = begun
    if (options.zip === true && state.shape === 'folder')
      throw new PeerbinError('usage', `${target} was begun as a folder; go on without --zip`)
    await refuseTarget(target, state.shape, options)
    // before anything is read back
    if (state.encryption !== null) await keysOf(link)
    return await resumePart(target, state)
  }
  if ('target' in where && options.force !== true) await refuseExisting(where.target)
  const info = await lookAt(link, password, context)
  const shape: Shape = !isBundle(indexOf(info)) ? 'file' : options.zip === true ? 'zip' : 'folder'
  const name = safeFileName(shape === 'zip' ? `${info.name}.zip` : info.name)
  const target = 'target' in where ? where.target : join(where.folder, name)
  await refuseTarget(target, shape, options)
  const { sizeBytes, sha256, encryption, indexText } = info
  const claim = newClaimSecret(context.random)
  return await beginPart(target, {
    tokenHash: link.tokenHash,
    claim,
    sizeBytes,
    sha256,
    shape,
    encryption,
    indexText
  })
}

/** @throws `local-file` */
async function refuseTarget(target: string, shape: Shape, options: PullOptions): Promise<void> {
  if (shape === 'folder') await refuseFolder(target)
  if (shape === 'folder' || options.force !== true) await refuseExisting(target)
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

/**
 * Nothing is kept on the way, so a run that breaks cannot be gone on with. A bundle comes as a zip. Whether a digest matches is known only at its end: exit code 5 says if not; what was
 * encrypted is never given out unverified.
 */
async function pullToOutput(link: ShareLink, password: LinkPassword, context: CliContext): Promise<void> {
  const info = await lookAt(link, password, context)
  const source = await redemptionOf(link, newClaimSecret(context.random), info, password, context)
  const writer = new LayoutWriter(archiveOf(info), 0, (bytes) => context.stdout.writeBytes(bytes))
  const check = payloadCheck(info.sizeBytes, info.sha256, indexOf(info))
  const sink: Sink = {
    get position() {
      return check.position
    },
    append: async (bytes) => {
      await writer.append(bytes)
      check.update(bytes)
    }
  }
  await fetchRest(source, sink, context)
  await writer.end()
}
