/** `GET /api/files/list`: files and folders of a user, page by page. */

import { z } from 'zod'
import { ENTRIES_PER_PAGE_MAX, ENTRY_SEARCH_LENGTH_MAX } from '../../../protocol/limits.ts'
import type { ControlMessages, RequestOf, ResponseOf } from '../../../protocol/messages.ts'
import { actorOf, asking } from '../../accounts/actor.ts'
import type { Actor } from '../../accounts/actor.ts'
import type { EdgeContext, Route } from '../../context.ts'
import { fileAnswer, listSchema } from '../../user-files/answers.ts'
import { decodeEntryCursor, encodeEntryCursor } from '../../user-files/cursors.ts'
import { invalid, parseFlag, parseFolder } from '../../user-files/fields.ts'
import { json, numberOf, ownerOf, refusals, tags } from './shared.ts'

const LIMIT_DEFAULT = 100
/** Further pages of the controller in one answer. */
const ROUNDS_MAX = 4
/** Whose: for administrators. */
const EVERYBODY = '*'

const query = z.object({
  folder: z.string().optional().describe('what is in this folder; default: the root'),
  recursive: z.string().optional().describe('true: and in all folders below'),
  search: z
    .string()
    .optional()
    .describe('files whose name has this text in it, in any case; in all folders below'),
  sort: z.string().optional().describe('name (default), date or size'),
  order: z.string().optional().describe('asc (default) or desc'),
  limit: z
    .string()
    .optional()
    .describe(`most files in the answer, up to ${ENTRIES_PER_PAGE_MAX}; default: ${LIMIT_DEFAULT}`),
  after: z.string().optional().describe('`next` of the page before'),
  folders_after: z.string().optional().describe('`folders_next` of the answer before'),
  owner: z.string().optional().describe('for administrators: UUID of a user, or * for all')
})
type Query = z.output<typeof query>
type ListRequest = RequestOf<ControlMessages, 'listEntries'>
type EntryPage = Pick<ResponseOf<ControlMessages, 'listEntries'>, 'entries' | 'next'>

/** One of the words. @throws `invalid-field` */
function wordOf<T>(
  text: string | undefined,
  field: string,
  words: Readonly<Record<string, T>>,
  otherwise: T
): T {
  if (text === undefined || text === '') return otherwise
  const value = Object.hasOwn(words, text) ? words[text] : undefined
  if (value === undefined) throw invalid(field, `${Object.keys(words).join(' or ')} is needed`)
  return value
}

const SORTS = { name: 'name', date: 'date', size: 'size' } as const
const ORDERS = { asc: 'ascending', desc: 'descending' } as const

/** What the controller is asked. @throws `invalid-field` */
function requestOf(given: Query, actor: Actor): ListRequest {
  const order = {
    sort: wordOf<ListRequest['sort']>(given.sort, 'sort', SORTS, 'name'),
    order: wordOf<ListRequest['order']>(given.order, 'order', ORDERS, 'ascending')
  }
  const { after = '' } = given
  const search = given.search?.normalize('NFC').trim() ?? ''
  if (search.length > ENTRY_SEARCH_LENGTH_MAX) throw invalid('search', 'the text is too long')
  const folder = parseFolder(given.folder, 'folder')
  const owner = given.owner === EVERYBODY ? undefined : ownerOf(given.owner, actor)
  return {
    actor: asking(actor),
    ...order,
    ...(owner !== undefined && { owner }),
    ...(folder !== undefined && { folder }),
    ...(search !== '' && { search }),
    // a search that stayed in one folder, or everybody's files without their folders, would find what nobody looks for
    recursive: parseFlag(given.recursive, 'recursive') || search !== '' || owner === undefined,
    ...(after !== '' && { after: decodeEntryCursor(order, after, 'after') }),
    limit: numberOf(given.limit, 'limit', { min: 1, max: ENTRIES_PER_PAGE_MAX, otherwise: LIMIT_DEFAULT })
  }
}

/** One page of the controller ends early where it would not fit into a message: a few of them make one of ours. One that is empty has looked at many files in vain, and ends ours too. */
async function entriesOf({ controller }: EdgeContext, wanted: ListRequest): Promise<EntryPage> {
  const entries: EntryPage['entries'] = []
  let { after } = wanted
  for (let round = 0; ; round++) {
    const limit = wanted.limit - entries.length
    const page = await controller.call('listEntries', {
      ...wanted,
      limit,
      ...(after !== undefined && { after })
    })
    entries.push(...page.entries)
    const isFull = entries.length >= wanted.limit || page.entries.length === 0
    if (page.next === null || isFull || round >= ROUNDS_MAX) return { entries, next: page.next }
    after = page.next
  }
}

interface Folders {
  readonly folders: string[]
  readonly folders_next: string | null
}

/** Folders come with the first page of a single folder, and as far as they are asked for. */
async function foldersOf(
  { controller }: EdgeContext,
  { actor, owner, folder, recursive, after }: ListRequest,
  foldersAfter: string | undefined
): Promise<Folders> {
  if (owner === undefined || recursive || (after !== undefined && foldersAfter === undefined))
    return { folders: [], folders_next: null }
  const from = parseFolder(foldersAfter, 'folders_after')
  const { folders, more } = await controller.call('listFolders', {
    actor,
    owner,
    limit: ENTRIES_PER_PAGE_MAX,
    ...(folder !== undefined && { folder }),
    ...(from !== undefined && { after: from })
  })
  return { folders, folders_next: more ? (folders.at(-1) ?? null) : null }
}

export const listFiles: Route = (app, context) => {
  app.route({
    method: ['GET', 'HEAD'],
    url: '/api/files/list',
    schema: {
      summary: 'Files and folders of a user',
      description:
        'Pages are by key: what comes or goes between two pages is seen once or not at all, and nothing else twice. A page may have fewer files than asked for, and still have a `next`.',
      tags,
      querystring: query,
      response: { 200: json('One page', listSchema), ...refusals('422 invalid-field') }
    },
    config: { permission: { who: 'user', scope: 'files:read' } },
    handler: async (request, reply) => {
      const actor = actorOf(request)
      const wanted = requestOf(request.query, actor)
      const { entries, next } = await entriesOf(context, wanted)
      const folders = await foldersOf(context, wanted, request.query.folders_after)
      return reply.send({
        files: entries.map((entry) => fileAnswer(entry)),
        ...folders,
        next: next && encodeEntryCursor(wanted, next)
      })
    }
  })
}
