/** Takes the place of what the server says of an encrypted link. */

import { render } from 'preact'
import { DownloadApp } from './app.ts'
import type { LinkFacts } from './app.ts'
import { DownloadView } from './view.tsx'

/** Written by src/edge/pages of the same build. */
const factsOf = ({ dataset }: HTMLElement): LinkFacts => ({
  token: dataset['token'] ?? '',
  claim: dataset['claim'] ?? '',
  isClaimed: dataset['isClaimed'] === 'true',
  isProtected: dataset['isProtected'] === 'true',
  expiresAt: dataset['expires'] ?? '',
  downloadsLeft: Number(dataset['downloadsLeft'] ?? '0')
})

export function startDownload(root: HTMLElement): void {
  const draw = (): void => render(<DownloadView app={app} />, root)
  const app = new DownloadApp(factsOf(root), draw)
  root.replaceChildren()
  // with this script the command is only one of two ways
  for (const shell of document.querySelectorAll<HTMLDetailsElement>('details.shell')) shell.open = false
  draw()
  void app.open(location.hash, '')
  // somebody who was told that the key is missing pastes the whole link
  window.addEventListener('hashchange', () => {
    if (app.phase !== 'running') void app.open(location.hash, '')
  })
  window.addEventListener('beforeunload', (event) => {
    if (app.phase === 'running') event.preventDefault()
  })
}
