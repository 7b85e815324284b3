import { readFileSync } from 'node:fs'
import t from 'tap'
import { ERRORS, EXIT } from '../../src/errors.ts'
import { startEdges } from './edge-cluster.ts'

interface Document {
  openapi: string
  paths: Record<
    string,
    Record<string, { requestBody?: { content: object }; responses: object; summary: string }>
  >
}

t.test('the description lists every route, made from its schemas', async (t) => {
  const { url, edges } = await startEdges(t)
  // those under /api/ and /file/ are named in the table of accounts/authorization.test.ts
  const named = (edges[0]?.edge.permissions ?? []).map(
    ({ method, url: path }) => `${method.toLowerCase()} ${path.replaceAll(/:(\w+)/g, '{$1}')}`
  )
  t.ok(named.length > 30)
  const answer = await fetch(`${url()}/openapi.json`)
  const document = (await answer.json()) as Document
  t.match(document.openapi, /^3\.1/)
  const found = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method} ${path}`)
  )
  const others = [
    'delete /d/{token}',
    'delete /files/{secret}',
    'get /',
    'get /active-nodes',
    'get /d/{token}',
    'get /d/{token}/index',
    'get /download/{token}',
    'get /download/{token}/{entry}',
    'get /files/{secret}',
    'get /healthz',
    'get /readyz',
    'get /s/{secret}',
    'get /status',
    'head /',
    'head /active-nodes',
    'head /d/{token}',
    'head /d/{token}/index',
    'head /download/{token}',
    'head /download/{token}/{entry}',
    'head /files/{secret}',
    'head /healthz',
    'head /readyz',
    'head /s/{secret}',
    'head /status',
    'options /files/',
    'patch /files/{secret}',
    'post /d/{token}',
    'post /files/',
    'post /s/{secret}',
    'post /upload',
    'put /',
    'put /{name}',
    ...[
      '/admin',
      '/my',
      '/my/account',
      '/my/history',
      '/pools',
      '/pools/join',
      '/pools/{pool}',
      '/setup',
      '/sign-in',
      '/sign-up'
    ].flatMap((page) => [`get ${page}`, `head ${page}`])
  ]
  // HEAD is GET without the body, and need not be told twice
  const isTold = (route: string): boolean => !/^head \/(?:api|file)\//.test(route)
  t.same(found.filter(isTold).sort(), [...named, ...others].filter(isTold).sort())
  const upload = document.paths['/upload']?.['post']
  t.match(upload?.requestBody?.content, {
    'multipart/form-data': {
      schema: { properties: { file: { format: 'binary' }, md5: {}, sha256: {}, expires: {}, downloads: {} } }
    }
  })
  t.match(upload?.responses, {
    201: {
      content: {
        'application/json': { schema: { properties: { deleteUrl: {}, directUrl: {}, expiresAt: {} } } }
      }
    }
  })
  for (const [path, methods] of Object.entries(document.paths))
    for (const [method, route] of Object.entries(methods)) t.ok(route.summary, `${method} ${path}`)
})

t.test('the status and the nodes are what they are said to be', async (t) => {
  const { url, cluster } = await startEdges(t)
  const { nodes } = (await (await fetch(`${url()}/active-nodes`)).json()) as {
    nodes: Array<Record<string, unknown>>
  }
  t.same(new Set(nodes.map(({ id }) => id)), new Set(cluster.nodes.map(({ peer }) => peer)))
  for (const node of nodes) {
    t.match(node, { roles: ['node'], state: 'active', capacity: Number, free: Number })
    t.ok(Array.isArray(node['addresses']))
    t.ok(Math.abs(Date.parse(String(node['lastHeartbeat'])) - Date.now()) < 60_000)
  }
  t.match(await (await fetch(`${url()}/status`)).json(), {
    files: 0,
    uploadsOpen: 0,
    nodes: [{ liveness: 'active' }]
  })
})

t.test('docs/errors.md has every code, as the registry has it', async (t) => {
  const text = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8')
  for (const [code, spec] of Object.entries(ERRORS)) {
    const row = text.split('\n').find((line) => line.startsWith(`| \`${code}\` |`))
    t.equal(
      row,
      `| \`${code}\` | ${spec.status} | ${spec.retryable ? 'yes' : 'no'} | ${spec.exit} | ${spec.text} |`,
      code
    )
  }
  const rows = text.split('\n').filter((line) => /^\| `[a-z-]+` \| \d{3}/.test(line))
  t.equal(rows.length, Object.keys(ERRORS).length, 'and no other')
  for (const [name, code] of Object.entries(EXIT)) t.ok(text.includes(`| ${code} | ${name} |`), name)
})
