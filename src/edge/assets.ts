/**
 * Style sheets and scripts: what `npm run build:web` made of web/. Their names hold a hash of their content, so that they can be cached for ever; the manifest of the build says which is which.
 */

import { createHash } from 'node:crypto'
import { readFile, readdir } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { PeerbinError } from '../errors.ts'

/** What pages name, and the source of each as the manifest has it. The icon is no part of the build, only beside it. */
const ENTRIES = {
  'style.css': 'style.css',
  'upload.js': 'upload/main.tsx',
  'link.js': 'link/main.tsx',
  'sender.js': 'sender/main.ts',
  'actions.js': 'common/main.ts',
  'account.css': 'account.css',
  'sign-in.js': 'sign-in/main.tsx',
  'my-files.js': 'my/main.tsx',
  'my-history.js': 'history/main.tsx',
  'my-account.js': 'settings/main.tsx',
  'admin.js': 'admin/main.tsx',
  'pools.css': 'pools.css',
  'pools.js': 'pools/main.tsx',
  'pool.js': 'pools/pool.tsx',
  'pool-join.js': 'pools/join.tsx'
} as const
const ICON = 'icon.svg'
export type AssetName = keyof typeof ENTRIES | typeof ICON

/** In a checkout web/dist, in a package dist/web/dist: both stand so to this file. */
const BUILT = new URL('../../web/dist/', import.meta.url)

const TYPES: Record<string, string> = {
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml'
}

export interface Asset {
  readonly body: Buffer
  readonly type: string
}

export interface Assets {
  /** Path of an asset: `/assets/style-1a2b3c4d.css`. */
  path(name: AssetName): string
  /** By the last segment of its path. */
  find(file: string): Asset | undefined
}

/**
 * Reads them all: they are few and small, and a missing one shows at start, not in a visitor's browser.
 * @param folder where the build is; for tests
 * @throws `local-file` when the page was not built
 */
export async function loadAssets(folder: URL = BUILT): Promise<Assets> {
  const files = new Map<string, Asset>()
  const paths = new Map<AssetName, string>()
  try {
    for (const name of await readdir(folder)) {
      const type = TYPES[name.split('.').at(-1) ?? '']
      if (type !== undefined) files.set(name, { body: await readFile(new URL(name, folder)), type })
    }
    const manifest: unknown = JSON.parse(await readFile(new URL('manifest.json', folder), 'utf8'))
    for (const name of Object.keys(ENTRIES) as Array<keyof typeof ENTRIES>)
      paths.set(name, `/assets/${builtName(manifest, ENTRIES[name])}`)
  } catch (error) {
    throw error instanceof Error && 'code' in error && error.code === 'ENOENT'
      ? notBuilt(folder, error)
      : error
  }
  const icon = files.get(ICON)
  for (const path of paths.values()) if (!files.has(path.split('/').at(-1) ?? '')) throw notBuilt(folder)
  if (icon === undefined) throw notBuilt(folder)
  const hash = createHash('sha256').update(icon.body).digest('hex').slice(0, 12)
  files.delete(ICON)
  files.set(`icon.${hash}.svg`, icon)
  paths.set(ICON, `/assets/icon.${hash}.svg`)
  return { path: (name) => paths.get(name) ?? '', find: (file) => files.get(file) }
}

function builtName(manifest: unknown, source: string): string {
  const entry: unknown =
    typeof manifest === 'object' && manifest !== null ? Reflect.get(manifest, source) : undefined
  const file: unknown = typeof entry === 'object' && entry !== null ? Reflect.get(entry, 'file') : undefined
  return typeof file === 'string' ? file : ''
}

const notBuilt = (folder: URL, cause?: unknown): PeerbinError =>
  new PeerbinError(
    'local-file',
    `The web page is not built: ${fileURLToPath(folder)} is missing or incomplete. Run \`npm run build:web\`.`,
    { cause }
  )
