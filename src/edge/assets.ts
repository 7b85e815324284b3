/** Style sheets and scripts: files beside this one, served under a name that changes with their content, so that they can be cached for ever. */

import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'

/** Every file of src/edge/assets; a page names them by these keys. */
const NAMES = ['style.css', 'upload.js', 'actions.js', 'sender.js', 'icon.svg'] as const
export type AssetName = (typeof NAMES)[number]

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
  /** Path of an asset: `/assets/style.1a2b3c4d5e6f.css`. */
  path(name: AssetName): string
  /** By the last segment of its path. */
  find(file: string): Asset | undefined
}

/** Reads them all: they are few and small, and a missing one shows at start, not in a visitor's browser. */
export async function loadAssets(): Promise<Assets> {
  const paths = new Map<AssetName, string>()
  const files = new Map<string, Asset>()
  for (const name of NAMES) {
    const body = await readFile(new URL(`./assets/${name}`, import.meta.url))
    const [stem = '', extension = ''] = name.split('.')
    const hash = createHash('sha256').update(body).digest('hex').slice(0, 12)
    const file = `${stem}.${hash}.${extension}`
    paths.set(name, `/assets/${file}`)
    files.set(file, { body, type: TYPES[extension] ?? 'application/octet-stream' })
  }
  return { path: (name) => paths.get(name) ?? '', find: (file) => files.get(file) }
}
