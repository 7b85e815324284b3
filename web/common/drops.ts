/** Files that are dropped anywhere on a page. */

import { fromDrop } from '../upload/picked.ts'
import type { Picked } from '../upload/picked.ts'

/** Shows by a class of the root where something can be let go, and gives what was. @param isOpen whether the page takes files now */
export function listenForDrops(take: (picked: readonly Picked[]) => void, isOpen: () => boolean): void {
  let depth = 0
  const over = (isOver: boolean): void => {
    document.documentElement.classList.toggle('dropping', isOver && isOpen())
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
    if (event.dataTransfer !== null && isOpen()) fromDrop(event.dataTransfer).then(take, () => take([]))
  })
}
