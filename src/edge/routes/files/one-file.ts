/** `GET`, `PATCH /api/files/{id}`, `GET /api/files/find`, `DELETE /api/files/delete/{id}`: what is said of a file, and its end. */

import { z } from 'zod'
import { nameOf } from '../../../client/entry-upload.ts'
import { isForbidden } from '../../../client/forbidden-types.ts'
import { PeerbinError } from '../../../errors.ts'
import * as s from '../../../protocol/schema.ts'
import type { EntryId, EntryRecord } from '../../../types.ts'
import { actorOf, asking } from '../../accounts/actor.ts'
import type { Actor } from '../../accounts/actor.ts'
import type { EdgeContext, Route } from '../../context.ts'
import type { HistoryEntry } from '../../history/recorder.ts'
import { jsonBodyOf, readJson } from '../../http/json-body.ts'
import { fileAnswer, fileSchema, messageSchema } from '../../user-files/answers.ts'
import { EXPIRES_SECONDS_MAX, invalid, parseLifeMs, parsePath } from '../../user-files/fields.ts'
import { entryIdOf, entryParams, json, ownerOf, refusals, tags, versionOf } from './shared.ts'

const query = z.object({
  version: z.string().optional().describe('number of a version; default: the one that counts')
})

export const getFile: Route = (app, context) => {
  app.route({
    method: ['GET', 'HEAD'],
    url: '/api/files/:id',
    schema: {
      summary: 'What is known of a file',
      tags,
      params: entryParams,
      querystring: query,
      response: { 200: json('The file', fileSchema), ...refusals('404 version-unknown') }
    },
    config: { permission: { who: 'user', scope: 'files:read', of: 'entry' } },
    handler: async (request, reply) => {
      const actor = asking(actorOf(request))
      const id = entryIdOf(request.params)
      const wanted = request.query.version
      const found = await context.controller.call('getEntry', {
        actor,
        id,
        ...(wanted !== undefined && { version: versionOf(wanted) })
      })
      return reply.send(fileAnswer(found.entry, found.version))
    }
  })
}

const findQuery = z.object({
  path: z.string().describe('folders and name, in any case'),
  owner: z.string().optional().describe('for administrators: UUID of a user')
})

export const findFile: Route = (app, context) => {
  app.route({
    method: ['GET', 'HEAD'],
    url: '/api/files/find',
    schema: {
      summary: 'The file at a path',
      tags,
      querystring: findQuery,
      response: { 200: json('The file', fileSchema), ...refusals('422 invalid-field') }
    },
    config: { permission: { who: 'user', scope: 'files:read' } },
    handler: async (request, reply) => {
      const actor = actorOf(request)
      const path = parsePath(request.query.path, 'path')
      const owner = ownerOf(request.query.owner, actor)
      const { entry } = await context.controller.call('findEntry', { actor: asking(actor), owner, path })
      if (entry === null) throw new PeerbinError('file-unknown')
      return reply.send(fileAnswer(entry))
    }
  })
}

const changes = z.strictObject({
  base_version: z.int().min(1).optional().describe('the version that must count for anything to change'),
  base_path: z
    .string()
    .optional()
    .describe('with `path`: moved only while the file is here, or is where it is to be already'),
  path: z.string().optional().describe('where it is to be: folders and name'),
  metadata: s.metadata.optional().describe('in place of what there is; at most 16 KiB'),
  expires_in: z
    .int()
    .min(1)
    .max(EXPIRES_SECONDS_MAX)
    .nullable()
    .optional()
    .describe('seconds from now until it is deleted; null: never')
})

async function change(
  { controller, config }: EdgeContext,
  actor: Actor,
  id: EntryId,
  { base_version: version, base_path: from, path, metadata, expires_in: expiresIn }: z.output<typeof changes>,
  noted: HistoryEntry | undefined
): Promise<EntryRecord> {
  const asked = { actor: asking(actor), id }
  const target = path === undefined ? undefined : parsePath(path, 'path')
  if (target === undefined && metadata === undefined && expiresIn === undefined)
    throw invalid('path', 'path, metadata or expires_in is needed')
  if (from !== undefined && target === undefined) throw invalid('base_path', 'it says from where path moves')
  const basePath = from === undefined ? undefined : parsePath(from, 'base_path')
  const { entry, now } = await controller.call('getEntry', asked)
  noted?.set({ owner: entry.owner, path: entry.path, ...(target !== undefined && { detail: target }) })
  // what could not be stored under that name is not called so afterwards; its type was looked at when it came
  const isRenamed = target !== undefined && nameOf(target) !== nameOf(entry.path)
  if (isRenamed && isForbidden(config.edge.forbiddenTypes, { name: target, mediaType: '' }))
    throw new PeerbinError('type-forbidden')
  const based = { ...asked, ...(version !== undefined && { version }) }
  // the one that others can be in the way of comes first: when it is refused, nothing has changed
  const moved =
    target === undefined
      ? undefined
      : await controller.call('moveEntry', {
          ...based,
          ...(basePath !== undefined && { basePath }),
          path: target
        })
  if (moved !== undefined && metadata === undefined && expiresIn === undefined) return moved.entry
  const expiresAt = typeof expiresIn === 'number' ? now + parseLifeMs(expiresIn, 'expires_in') : expiresIn
  const changed = await controller.call('changeEntry', {
    ...based,
    ...(metadata !== undefined && { metadata }),
    ...(expiresAt !== undefined && { expiresAt })
  })
  return changed.entry
}

export const patchFile: Route = (app, context) => {
  app.patch(
    '/api/files/:id',
    {
      schema: {
        summary: 'Rename or move a file; change its metadata or its end',
        tags,
        params: entryParams,
        response: {
          200: json('As it is now', fileSchema),
          ...refusals(
            '409 path-taken, path-conflict, version-conflict; 413 too-large; 415 type-forbidden; 422 invalid-field'
          )
        }
      },
      config: {
        permission: { who: 'user', scope: 'files:write', of: 'entry' },
        history: { action: 'rename' },
        ...jsonBodyOf(changes)
      }
    },
    async (request, reply) => {
      const actor = actorOf(request)
      const id = entryIdOf(request.params)
      const wanted = await readJson(context, request, changes)
      // other changes are not noted
      if (wanted.path === undefined) request.noted?.drop()
      return reply.send(fileAnswer(await change(context, actor, id, wanted, request.noted)))
    }
  )
}

export const deleteFile: Route = (app, context) => {
  app.delete(
    '/api/files/delete/:id',
    {
      schema: {
        summary: 'Delete a file with its versions and its links',
        description: 'Downloads that run go on for a while. Deleting it again does no harm.',
        tags,
        params: entryParams,
        querystring: z.object({
          version: z.string().optional().describe('deleted only while this version counts'),
          path: z.string().optional().describe('deleted only while it is here, in whatever case')
        }),
        response: {
          200: json('Deleted', messageSchema),
          ...refusals('409 version-conflict; 422 invalid-field')
        }
      },
      config: {
        permission: { who: 'user', scope: 'files:write', of: 'entry' },
        history: { action: 'delete' }
      }
    },
    async (request, reply) => {
      const id = entryIdOf(request.params)
      const { version, path } = request.query
      await context.controller.call('deleteEntry', {
        actor: asking(actorOf(request)),
        id,
        ...(version !== undefined && { version: versionOf(version) }),
        ...(path !== undefined && { basePath: parsePath(path, 'path') })
      })
      context.logger.info('a file of a user was deleted', { entry: id })
      return reply.send({ message: 'The file was deleted.' })
    }
  )
}
