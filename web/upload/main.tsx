/** Script of the upload page: takes the place of the form that works without it. */

import { render } from 'preact'
import { UploadApp } from './app.ts'
import { fromDrop, fromFiles } from './picked.ts'
import { readSettings } from './settings.ts'
import { UploadView } from './view.tsx'
import { pageTexts } from '../../src/edge/page-texts.ts'

/** Files that are dropped or pasted anywhere on the page. */
function listen(app: UploadApp): void {
  let depth = 0
  const over = (isOver: boolean): void => {
    document.documentElement.classList.toggle('dropping', isOver)
  }
  document.addEventListener('dragenter', (event) => {
    event.preventDefault()
    depth++
    over(true)
  })
  document.addEventListener('dragleave', () => {
    depth--
    if (depth <= 0) over(false)
  })
  document.addEventListener('dragover', (event) => event.preventDefault())
  document.addEventListener('drop', (event) => {
    event.preventDefault()
    depth = 0
    over(false)
    if (event.dataTransfer !== null)
      fromDrop(event.dataTransfer).then(
        (picked) => app.add(picked),
        () => app.add([])
      )
  })
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
