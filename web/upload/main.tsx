/** Script of the upload page: takes the place of the form that works without it. */

import { render } from 'preact'
import { listenForDrops } from '../common/drops.ts'
import { UploadApp } from './app.ts'
import { fromFiles } from './picked.ts'
import { readSettings } from './settings.ts'
import { UploadView } from './view.tsx'
import { pageTexts } from '../../src/edge/page-texts.ts'

/** Files that are dropped or pasted anywhere on the page. */
function listen(app: UploadApp): void {
  listenForDrops(
    (picked) => app.add(picked),
    () => true
  )
  document.addEventListener('paste', (event) => {
    const transfer = event.clipboardData
    if (transfer === null) return
    const text = transfer.getData('text/plain')
    const isInField =
      event.target instanceof Element && event.target.closest('input:not([type=file]), select') !== null
    if (transfer.files.length > 0) app.add(fromFiles(transfer.files))
    else if (text !== '' && !isInField)
      app.add(fromFiles([new File([text], pageTexts.upload.pastedName, { type: 'text/plain' })]))
  })
  window.addEventListener('beforeunload', (event) => {
    if (app.phase === 'sending') event.preventDefault()
  })
}

const root = document.getElementById('app')
if (root !== null) {
  const draw = (): void => render(<UploadView app={app} />, root)
  const app = new UploadApp(readSettings(root), draw)
  document.documentElement.classList.add('scripted')
  root.replaceChildren()
  draw()
  listen(app)
  void app.askStored()
}
