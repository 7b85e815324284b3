/** `POST /api/folders/move`, `POST /api/folders/delete`: a folder with everything in it. */

import { z } from 'zod'
import { ERRORS, PeerbinError } from '../../../errors.ts'
import { FOLDER_FILES_DELETED_MAX, FOLDER_FILES_MOVED_MAX } from '../../../protocol/limits.ts'
import { foldPath } from '../../../bundle/paths.ts'
import { actorOf, asking } from '../../accounts/actor.ts'
import type { Route } from '../../context.ts'
import { jsonBodyOf, readJson } from '../../http/json-body.ts'
import { messageSchema } from '../../user-files/answers.ts'
import { invalid, parseFolder } from '../../user-files/fields.ts'
import { json, ownerOf, refusals, tags } from './shared.ts'

const owner = z.string().optional().describe('for administrators: UUID of a user')

/** @throws `invalid-field` for the top, which is no folder */
function folderOf(text: string, field: string): string {
  const folder = parseFolder(text, field)
  if (folder === undefined) throw invalid(field, 'a folder is needed')
  return folder
}

const count = (n: number): string => (n === 1 ? '1 file' : `${n} files`)

const moveBody = z.strictObject({
  from: z.string().describe('path of the folder'),
  to: z.string().describe('its path from then on; a folder that is there has what was in both'),
  owner
})
const movedSchema = messageSchema.extend({ moved: z.int().describe('how many files') })

export const moveFolder: Route = (app, context) => {
  app.post(
    '/api/folders/move',
    {
      schema: {
        summary: 'Move or rename a folder with everything in it',
        description: `All of it moves, or nothing: \`path\` of a refusal is the first that something is in the way of. At most ${FOLDER_FILES_MOVED_MAX} files.`,
        tags,
        response: {
          200: json('Moved', movedSchema),
          ...refusals('409 path-taken, path-conflict, folder-too-large; 422 invalid-field')
        }
      },
      config: {
        permission: { who: 'user', scope: 'files:write' },
        history: { action: 'rename' },
        ...jsonBodyOf(moveBody)
      }
    },
    async (request, reply) => {
      const actor = actorOf(request)
      const body = await readJson(context, request, moveBody)
      const from = folderOf(body.from, 'from')
      const to = folderOf(body.to, 'to')
      if (foldPath(to).startsWith(`${foldPath(from)}/`))
        throw invalid('to', 'a folder cannot be moved into itself')
      const whose = ownerOf(body.owner, actor)
      request.noted?.set({ owner: whose, path: from, detail: to })
      const asked = { actor: asking(actor), owner: whose, from, to }
      const { moved, conflict } = await context.controller.call('moveFolder', asked)
      if (conflict !== undefined) {
        const { code, path } = conflict
        throw new PeerbinError(code, `${ERRORS[code].text} Nothing was moved because of ${path}.`, {
          details: { path }
        })
      }
      return reply.send({ message: `${count(moved)} moved.`, moved })
    }
  )
}

const deleteBody = z.strictObject({ path: z.string().describe('path of the folder'), owner })
const deletedSchema = messageSchema.extend({
  deleted: z.int().describe('how many files went'),
  more: z.boolean().describe('true: some are left, and the same request deletes further ones')
})

export const deleteFolder: Route = (app, context) => {
  app.post(
    '/api/folders/delete',
    {
      schema: {
        summary: 'Delete a folder with everything in it',
        description: `Files with their versions and links, ${FOLDER_FILES_DELETED_MAX} at most in one request: to be sent again while \`more\` is true. 404 file-unknown: there is no such folder, or no more.`,
        tags,
        response: { 200: json('Deleted', deletedSchema), ...refusals('422 invalid-field') }
      },
      config: {
        permission: { who: 'user', scope: 'files:write' },
        history: { action: 'delete' },
        ...jsonBodyOf(deleteBody)
      }
    },
    async (request, reply) => {
      const actor = actorOf(request)
      const body = await readJson(context, request, deleteBody)
      const folder = folderOf(body.path, 'path')
      const whose = ownerOf(body.owner, actor)
      request.noted?.set({ owner: whose, path: folder })
      const { deleted, more } = await context.controller.call('deleteFolder', {
        actor: asking(actor),
        owner: whose,
        folder,
        limit: FOLDER_FILES_DELETED_MAX
      })
      request.noted?.set({ detail: count(deleted) })
      context.logger.info('files of a folder of a user were deleted', { deleted })
      return reply.send({
        message: `${count(deleted)} deleted${more ? ', and there are more' : ''}.`,
        deleted,
        more
      })
    }
  )
}
