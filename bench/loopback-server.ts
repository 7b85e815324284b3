/** Answers `/N` with N bytes: what HTTP on this machine can do at best. */

import { createServer } from 'node:http'

const piece = Buffer.alloc(256 * 1024)
const server = createServer((request, response) => {
  const size = Number(request.url?.slice(1))
  response.setHeader('content-length', size)
  let sent = 0
  const more = (): void => {
    while (sent < size) {
      const part = piece.subarray(0, Math.min(piece.length, size - sent))
      sent += part.length
      if (!response.write(part)) {
        response.once('drain', more)
        return
      }
    }
    response.end()
  }
  more()
})
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  process.send?.(typeof address === 'object' ? address?.port : 0)
})
