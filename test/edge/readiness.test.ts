import t from 'tap'
import type { Logger } from '../../src/interfaces.ts'
import { silentLogger } from '../../src/runtime/logger.ts'
import { startEdges } from './edge-cluster.ts'

t.test(
  'who asks again and again whether an edge is ready fills no log: changes are told, once',
  async (t) => {
    const lines: string[] = []
    const note =
      (level: string) =>
      (message: string, fields: Record<string, unknown> = {}): void => {
        if (/upload/.test(message) || /failed/.test(message))
          lines.push(`${level} ${message} ${typeof fields['code'] === 'string' ? fields['code'] : ''}`.trim())
      }
    const logger: Logger = {
      ...silentLogger,
      info: note('info'),
      warn: note('warn'),
      error: note('error'),
      child: () => logger
    }
    const { cluster, url } = await startEdges(t, { nodes: 1, logger })
    const ask = async (): Promise<number> => (await fetch(`${url()}/readyz`)).status
    for (let i = 0; i < 5; i++) t.equal(await ask(), 503)
    t.same(lines, ['warn no upload would be taken not-enough-nodes'])
    await cluster.addNode()
    await cluster.meet()
    for (let i = 0; i < 5; i++) t.equal(await ask(), 200)
    t.same(lines, ['warn no upload would be taken not-enough-nodes', 'info uploads are taken again'])
  }
)
