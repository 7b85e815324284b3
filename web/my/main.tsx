/** Script of `/my`: one's files. */

import { startInside } from '../account/start.tsx'
import { FilesView } from './files-view.tsx'

void startInside((inside) => <FilesView inside={inside} />)
