/** Script of pages that need nothing of their own: the one after an upload by form. */

import { startActions } from './actions.ts'

startActions()
