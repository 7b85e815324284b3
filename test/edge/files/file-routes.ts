/** Rows of users' files for the table of authorization.test.ts. */

import { api, textOf } from '../accounts/accounts-kit.ts'
import type { Table, World } from '../accounts/authorization-world.ts'
import { formOf, stored } from './files-kit.ts'

const bytes = Buffer.from('what the owner keeps')

/** A file of the owner, for one column. */
const newFile = async (world: World): Promise<string> =>
  await stored(world.url, world.owner.token, bytes, `${world.freshName()}.txt`)

const at =
  (path: (id: string) => string) =>
  async (world: World): Promise<string> =>
    path(await newFile(world))

/** A folder of the owner with a file, for one column. */
async function newFolder(world: World): Promise<{ from: string; owner: string }> {
  const from = world.freshName()
  await stored(world.url, world.owner.token, bytes, `${from}/a.txt`)
  return { from, owner: world.owner.id }
}

async function sharePath(world: World): Promise<string> {
  const id = await newFile(world)
  const shared = await api(world.url, `POST /api/files/${id}/share`, { token: world.owner.token, body: {} })
  return `/api/files/${id}/shares/${textOf(shared, 'share')}`
}

//                                       anonymous, other, owner, admin, revoked, key without the scope
export const FILE_ROUTES: Table = {
  'POST /api/files/upload': {
    answers: [401, 201, 201, 201, 401, 403],
    body: (world) => formOf(bytes, { name: `${world.freshName()}.txt` })
  },
  'POST /api/blocks/query': {
    answers: [401, 200, 200, 200, 401, 403],
    body: () => ({ digests: ['0'.repeat(64)] })
  },
  // what is sent is no block, and what is committed is missing: whoever may call them gets that far
  'POST /api/upload': { answers: [401, 422, 422, 422, 401, 403] },
  'POST /api/files/commit': {
    answers: [401, 409, 409, 409, 401, 403],
    body: (world) => ({
      commit_id: '00000000-0000-4000-8000-000000000001',
      path: world.freshName(),
      blocks: [{ block_id: '0'.repeat(64), size: 1 }],
      sha256: '0'.repeat(64)
    })
  },
  'GET /api/files/list': { answers: [401, 200, 200, 200, 401, 403] },
  'GET /api/files/find': {
    answers: [401, 403, 200, 200, 401, 403],
    path: async (world) => {
      const name = `${world.freshName()}.txt`
      await stored(world.url, world.owner.token, bytes, name)
      return `/api/files/find?owner=${world.owner.id}&path=${encodeURIComponent(name)}`
    }
  },
  'POST /api/folders/move': {
    answers: [401, 403, 200, 200, 401, 403],
    body: async (world) => ({ ...(await newFolder(world)), to: world.freshName() })
  },
  'POST /api/folders/delete': {
    answers: [401, 403, 200, 200, 401, 403],
    body: async (world) => {
      const { from: path, owner } = await newFolder(world)
      return { path, owner }
    }
  },
  'GET /api/files/:id': { answers: [401, 403, 200, 200, 401, 403], path: at((id) => `/api/files/${id}`) },
  'PATCH /api/files/:id': {
    answers: [401, 403, 200, 200, 401, 403],
    path: at((id) => `/api/files/${id}`),
    body: () => ({ metadata: { a: 'b' } })
  },
  'DELETE /api/files/delete/:id': {
    answers: [401, 403, 200, 200, 401, 403],
    path: at((id) => `/api/files/delete/${id}`)
  },
  'GET /api/files/download/:id': {
    answers: [401, 403, 200, 200, 401, 403],
    path: at((id) => `/api/files/download/${id}`)
  },
  'GET /api/files/:id/versions': {
    answers: [401, 403, 200, 200, 401, 403],
    path: at((id) => `/api/files/${id}/versions`)
  },
  'POST /api/files/:id/restore': {
    answers: [401, 403, 200, 200, 401, 403],
    path: at((id) => `/api/files/${id}/restore`),
    body: () => ({ version: 1 })
  },
  'DELETE /api/files/:id/versions/:version': {
    answers: [401, 403, 200, 200, 401, 403],
    path: at((id) => `/api/files/${id}/versions/1`)
  },
  'POST /api/files/:id/prune': {
    answers: [401, 403, 200, 200, 401, 403],
    path: at((id) => `/api/files/${id}/prune`),
    body: () => ({ keep: 1 })
  },
  'POST /api/files/:id/share': {
    answers: [401, 403, 201, 201, 401, 403],
    path: at((id) => `/api/files/${id}/share`),
    body: () => ({})
  },
  'GET /api/files/:id/shares': {
    answers: [401, 403, 200, 200, 401, 403],
    path: at((id) => `/api/files/${id}/shares`)
  },
  'DELETE /api/files/:id/shares/:share': { answers: [401, 403, 200, 200, 401, 403], path: sharePath },
  'GET /file/:id': { answers: [401, 403, 200, 200, 401, 403], path: at((id) => `/file/${id}`) }
}
