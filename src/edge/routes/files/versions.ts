/** Versions of a file: `GET /api/files/{id}/versions`, `POST …/restore`, `DELETE …/versions/{n}`, `POST …/prune`. */

import { z } from 'zod'
import { ENTRIES_PER_PAGE_MAX, ENTRY_VERSIONS_MAX } from '../../../protocol/limits.ts'
import { actorOf, asking } from '../../accounts/actor.ts'
import type { Route } from '../../context.ts'
import { jsonBodyOf, readJson } from '../../http/json-body.ts'
import {
  fileAnswer,
  fileSchema,
  messageSchema,
  versionAnswer,
  versionsSchema
} from '../../user-files/answers.ts'
import { entryIdOf, entryParams, json, numberOf, refusals, tags, versionOf, versionParams } from './shared.ts'

const LIMIT_DEFAULT = 100

const query = z.object({
  before: z.string().optional().describe('`next` of the page before'),
  limit: z.string().optional().describe(`up to ${ENTRIES_PER_PAGE_MAX}; default: ${LIMIT_DEFAULT}`)
})

export const listVersions: Route = (app, context) => {
  app.route({
    method: ['GET', 'HEAD'],
    url: '/api/files/:id/versions',
    schema: {
      summary: 'Versions of a file',
      tags,
      params: entryParams,
      querystring: query,
      response: { 200: json('One page', versionsSchema), ...refusals('422 invalid-field') }
    },
    config: { permission: { who: 'user', scope: 'files:read', of: 'entry' } },
    handler: async (request, reply) => {
      const { before: after, limit: wanted } = request.query
      const otherwise = LIMIT_DEFAULT
      const limit = numberOf(wanted, 'limit', { min: 1, max: ENTRIES_PER_PAGE_MAX, otherwise })
      const before = numberOf(after, 'before', { min: 1, max: Number.MAX_SAFE_INTEGER, otherwise: 0 })
      const { versions, current } = await context.controller.call('listVersions', {
        actor: asking(actorOf(request)),
        id: entryIdOf(request.params),
        ...(before > 0 && { before }),
        limit
      })
      const last = versions.at(-1)?.number ?? 1
      return reply.send({
        versions: versions.map((version) => versionAnswer(version, current)),
        // of the first there is none before; of others there may be, or they were pruned
        next: last > 1 ? last : null
      })
    }
  })
}

const restored = z.strictObject({
  version: z.int().min(1).describe('number of the version that is to count again')
})

export const restoreVersion: Route = (app, context) => {
  app.post(
    '/api/files/:id/restore',
    {
      schema: {
        summary: 'Make an earlier version count again',
        description:
          'As a new version with the same content. Of the one that counts already nothing is made.',
        tags,
        params: entryParams,
        response: {
          200: json('As the file is now', fileSchema),
          ...refusals('404 version-unknown; 409 upload-failed; 507 quota-exceeded')
        }
      },
      config: {
        permission: { who: 'user', scope: 'files:write', of: 'entry' },
        history: { action: 'restore' },
        ...jsonBodyOf(restored)
      }
    },
    async (request, reply) => {
      const actor = asking(actorOf(request))
      const id = entryIdOf(request.params)
      const { version } = await readJson(context, request, restored)
      request.noted?.set({ detail: String(version) })
      const { entry } = await context.controller.call('restoreVersion', { actor, id, version })
      request.noted?.set({ owner: entry.owner, path: entry.path, version: entry.current.number })
      return reply.send(fileAnswer(entry))
    }
  )
}

export const deleteVersion: Route = (app, context) => {
  app.delete(
    '/api/files/:id/versions/:version',
    {
      schema: {
        summary: 'Delete one version',
        description: 'After the one that counts, the one before does. With the last one the file goes.',
        tags,
        params: versionParams,
        response: { 200: json('Deleted', messageSchema), ...refusals('404 version-unknown') }
      },
      config: {
        permission: { who: 'user', scope: 'files:write', of: 'entry' },
        history: { action: 'delete' }
      }
    },
    async (request, reply) => {
      const actor = asking(actorOf(request))
      const id = entryIdOf(request.params)
      const version = versionOf(request.params.version)
      request.noted?.set({ version })
      const { entry } = await context.controller.call('deleteVersion', { actor, id, version })
      const message =
        entry === null ? 'It was the last version: the file was deleted.' : 'The version was deleted.'
      return reply.send({ message })
    }
  )
}

const kept = z.strictObject({
  keep: z.int().min(1).max(ENTRY_VERSIONS_MAX).describe('how many versions are to stay, the newest')
})
const prunedSchema = messageSchema.extend({ pruned: z.int().describe('how many went') })

export const pruneVersions: Route = (app, context) => {
  app.post(
    '/api/files/:id/prune',
    {
      schema: {
        summary: 'Delete all versions but the newest',
        tags,
        params: entryParams,
        response: { 200: json('Deleted', prunedSchema), ...refusals('422 invalid-field') }
      },
      config: {
        permission: { who: 'user', scope: 'files:write', of: 'entry' },
        history: { action: 'prune' },
        ...jsonBodyOf(kept)
      }
    },
    async (request, reply) => {
      const actor = asking(actorOf(request))
      const id = entryIdOf(request.params)
      const { keep } = await readJson(context, request, kept)
      const { pruned } = await context.controller.call('pruneVersions', { actor, id, keep })
      request.noted?.set({ detail: `${pruned} versions` })
      return reply.send({ message: `${pruned} versions were deleted.`, pruned })
    }
  )
}
