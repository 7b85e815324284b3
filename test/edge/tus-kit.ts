/** Requests of tus 1.0, one by one. */

export const metadataOf = (pairs: Record<string, string>): string =>
  Object.entries(pairs)
    .map(([key, value]) => `${key} ${Buffer.from(value).toString('base64')}`)
    .join(',')

export interface TusRequest {
  headers?: Record<string, string>
  body?: Uint8Array | ReadableStream<Uint8Array>
  signal?: AbortSignal
}

export async function tus(
  method: string,
  url: string,
  { headers = {}, body, signal }: TusRequest = {}
): Promise<Response> {
  return await fetch(url, {
    method,
    signal: signal ?? null,
    headers: { 'tus-resumable': '1.0.0', accept: 'application/json', ...headers },
    ...(body !== undefined && {
      body: body instanceof Uint8Array ? new Uint8Array(body) : body,
      duplex: 'half'
    })
  })
}

export const create = async (
  base: string,
  length: number,
  pairs: Record<string, string> = {},
  headers: Record<string, string> = {}
): Promise<Response> =>
  await tus('POST', `${base}/files/`, {
    headers: {
      'upload-length': String(length),
      ...(Object.keys(pairs).length > 0 && { 'upload-metadata': metadataOf(pairs) }),
      ...headers
    }
  })

/** Opens an upload and answers its path, which is the same at every edge. */
export async function open(
  base: string,
  length: number,
  pairs: Record<string, string> = {}
): Promise<string> {
  const answer = await create(base, length, pairs)
  if (answer.status !== 201) throw new Error(`creation answered ${answer.status}: ${await answer.text()}`)
  return new URL(answer.headers.get('location') ?? '').pathname
}

export const patch = async (
  url: string,
  offset: number,
  body: Uint8Array | ReadableStream<Uint8Array>,
  headers: Record<string, string> = {},
  signal?: AbortSignal
): Promise<Response> =>
  await tus('PATCH', url, {
    headers: {
      'content-type': 'application/offset+octet-stream',
      'upload-offset': String(offset),
      ...headers
    },
    body,
    ...(signal !== undefined && { signal })
  })

export async function offsetAt(url: string): Promise<number> {
  const answer = await tus('HEAD', url)
  if (answer.status !== 200) throw new Error(`HEAD answered ${answer.status}`)
  return Number(answer.headers.get('upload-offset'))
}

/** Code of a refusal. */
export async function codeOf(answer: Response): Promise<string> {
  const { code } = (await answer.json()) as { code: string }
  return `${answer.status} ${code}`
}
