/** Script of a link's page. What is encrypted is opened here; anything else is the server's page, made more comfortable. */

import { startActions } from '../common/actions.ts'

startActions()
const root = document.getElementById('link')
// most links are not: their page is small
if (root?.dataset['encryption'] !== undefined && root.dataset['encryption'] !== '')
  void import('./start.tsx').then(({ startDownload }) => startDownload(root))
