/**
 * Checks what ARCHITECTURE.md says about structure: which folder may import which, who may use libp2p, and who may read the clock.
 * `npm run layers` runs it over the repository; test/scripts/check-layers.test.ts shows that it bites.
 */

import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, relative, sep } from 'node:path'
import { pathToFileURL } from 'node:url'

/** Folders of src/ and what they may import beside themselves and the vocabulary. */
export const LAYERS: Readonly<Record<string, readonly string[]>> = {
  runtime: [],
  // QR codes: text in, modules out
  qr: [],
  // formats that the edge, the command line and the page share; they run in browsers too
  bundle: [],
  encryption: [],
  protocol: ['bundle', 'runtime'],
  // a folder kept in step with files at a server: what is on either side comes by seams
  sync: ['bundle', 'runtime'],
  // what programs do with pools over HTTP: senders, servers, listeners
  'pool-client': ['bundle', 'runtime'],
  cluster: ['protocol', 'runtime'],
  client: ['bundle', 'cluster', 'protocol', 'runtime'],
  node: ['client', 'cluster', 'protocol', 'runtime'],
  controller: ['bundle', 'client', 'cluster', 'protocol', 'runtime'],
  edge: ['bundle', 'client', 'cluster', 'encryption', 'protocol', 'qr', 'runtime'],
  // implementations of seams: they see what they implement, nobody but compose sees them
  'node/store': ['protocol', 'runtime'],
  metadata: ['bundle', 'protocol', 'runtime'],
  network: ['protocol', 'runtime'],
  compose: [
    'client',
    'cluster',
    'controller',
    'edge',
    'metadata',
    'network',
    'node',
    'node/store',
    'protocol',
    'runtime'
  ],
  // the scripts of pages run in browsers: formats, and words
  web: ['bundle', 'encryption', 'qr'],
  // commands start roles through what bin hands them, and speak HTTP to a cluster
  cli: ['bundle', 'compose', 'encryption', 'pool-client', 'protocol', 'qr', 'runtime', 'sync']
}

/** Files directly in src/ that everybody may import. */
const VOCABULARY = new Set([
  'types',
  'account-store',
  'interfaces',
  'errors',
  'error-codes',
  'error-spec',
  'pool-errors',
  'config',
  'config-accounts',
  'config-blocks',
  'config-events',
  'config-history',
  'config-kinds',
  'config-lists',
  'config-socket',
  'config-pools',
  'config-user-transfers',
  'config-webhooks',
  'metadata-store',
  'metadata-records',
  'metadata-blocks',
  'metadata-entries',
  'events',
  'history',
  'metadata-events',
  'metadata-pools',
  'metadata-webhooks',
  'pools',
  'version',
  'webhooks'
])

/** Files of src/ that scripts of pages may import beside their layers. */
const FOR_PAGES = new Set([
  'src/errors.ts',
  'src/edge/texts.ts',
  'src/edge/page-texts.ts',
  'src/edge/account-texts.ts',
  'src/edge/admin-texts.ts',
  'src/edge/history-texts.ts',
  'src/edge/webhook-texts.ts',
  'src/edge/pool-texts.ts'
])

interface Ban {
  what: string
  pattern: RegExp
  /** Where it may be. */
  allowed: RegExp
}

const BANS: readonly Ban[] = [
  {
    what: 'libp2p is imported outside src/network',
    pattern: /from '(?:libp2p|@libp2p\/|@chainsafe\/|@multiformats\/)/,
    allowed: /^src\/network\//
  },
  {
    what: 'the clock, timers or chance are used outside src/runtime',
    pattern:
      /\b(?:Date\.now|Math\.random|setTimeout|setInterval|AbortSignal\.timeout|performance\.now)\(|\bnew Date\(\)/,
    allowed: /^(?:src\/runtime|web)\//
  },
  {
    what: 'level is imported outside the chunk store',
    pattern: /from '(?:level|classic-level)'/,
    allowed: /^src\/node\/store\//
  },
  {
    what: 'SQL is used outside src/metadata',
    pattern: /from '(?:kysely|node:sqlite)'/,
    // compose locks folders with it; a synced folder, and a queue for a pool, have memories of their own
    allowed: /^src\/(?:metadata|compose|cli\/sync|pool-client\/queue)\//
  },
  {
    what: 'fastify is imported outside src/edge',
    pattern: /from '(?:fastify|@fastify\/)/,
    allowed: /^src\/edge\//
  },
  {
    what: 'Node is used in code that runs in browsers too',
    pattern: /from 'node:|\bBuffer\./,
    allowed:
      /^(?!web\/|src\/(?:bundle|encryption)\/|src\/qr\/(?!terminal)|src\/errors\.ts|src\/edge\/(?:page-|account-|admin-|pool-)?texts\.ts)/
  }
]

const IMPORT = /(?:from|import)\s*\(?\s*'(\.[^']*)'/g

const layerOf = (path: string): string => {
  const parts = path.split('/')
  if (parts[0] !== 'src') return parts[0] ?? ''
  if (parts.length === 2) return `src:${parts[1]?.replace(/\.ts$/, '') ?? ''}`
  const nested = `${parts[1]}/${parts[2]}`
  return nested in LAYERS ? nested : (parts[1] ?? '')
}

function importAllowed(from: string, target: string): boolean {
  const source = layerOf(from)
  const goal = layerOf(target)
  if (source === goal) return true
  if (source === 'web') return LAYERS['web']?.includes(goal) === true || FOR_PAGES.has(target)
  if (goal.startsWith('src:') && VOCABULARY.has(goal.slice(4))) return true
  if (source === 'bin') return goal === 'cli' || goal === 'compose'
  if (source === 'src:index') return true
  if (source.startsWith('src:')) return goal === 'protocol' && source.startsWith('src:config')
  return LAYERS[source]?.includes(goal) === true
}

/** Problems of one file of src/, bin/ or web/, one sentence each. `path` is relative to the repository, with forward slashes. */
export function checkFile(path: string, text: string): string[] {
  const problems: string[] = []
  for (const [, specifier] of text.matchAll(IMPORT)) {
    if (specifier === undefined) continue
    const target = normalize(join(dirname(path), specifier))
      .split(sep)
      .join('/')
    if (!importAllowed(path, target)) problems.push(`${path} must not import ${target}`)
  }
  const code = text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/\/\/.*$/gm, '')
  for (const ban of BANS) {
    if (!ban.allowed.test(path) && ban.pattern.test(code)) problems.push(`${path}: ${ban.what}`)
  }
  return problems
}

function sourceFiles(root: string): string[] {
  return ['src', 'bin', 'web'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name))
      .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join('/'))
  )
}

/** Problems of the whole repository. */
export const checkRepository = (root: string): string[] =>
  sourceFiles(root).flatMap((path) => checkFile(path, readFileSync(join(root, path), 'utf8')))

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const problems = checkRepository(process.cwd())
  for (const problem of problems) console.error(problem)
  console.log(
    problems.length === 0 ? 'layers: every import points down' : `layers: ${problems.length} problems`
  )
  process.exitCode = problems.length === 0 ? 0 : 1
}
