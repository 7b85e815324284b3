/** Fastify with everything that holds for all routes: errors, headers, limits, and the routes themselves. */

import cookie from '@fastify/cookie'
import multipart from '@fastify/multipart'
import swagger from '@fastify/swagger'
import { fastify } from 'fastify'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { PeerbinError } from '../errors.ts'
import { addPermissions } from './accounts/permissions.ts'
import type { PermissionRow } from './accounts/permissions.ts'
import type { App, EdgeContext, Route } from './context.ts'
import { createHttpServer, onClientError, pathOf } from './http-server.ts'
import { addHistory, noteFailure } from './history/noted-routes.ts'
import { headerOf } from './http/accept.ts'
import { senderPath } from './http/origin.ts'
import { bodyUnread, lingering } from './http/linger.ts'
import { clientAddress } from './limits/client-address.ts'
import { MethodTable } from './methods.ts'
import { swaggerOptions } from './openapi.ts'
import { errorPage } from './pages/error-page.ts'
import { hasSession } from './pages/account-nav.ts'
import { uploadPage } from './pages/upload-page.ts'
import { asEdgeError, detailOf, sendProblem } from './problem.ts'
import { asLocked } from './tus/tus-errors.ts'
import { invites } from './routes/accounts/invites.ts'
import { keys } from './routes/accounts/keys.ts'
import { me } from './routes/accounts/me.ts'
import { sessions } from './routes/accounts/sessions.ts'
import { space } from './routes/accounts/space.ts'
import { signIn } from './routes/accounts/sign-in.ts'
import { signUp } from './routes/accounts/sign-up.ts'
import { users } from './routes/accounts/users.ts'
import { events } from './routes/events/get-events.ts'
import { poolEvents } from './routes/events/get-pool-events.ts'
import { history } from './routes/history/get-history.ts'
import { deleteLink } from './routes/delete-link.ts'
import { blockRoutes } from './routes/blocks/routes.ts'
import { fileRoutes } from './routes/files/routes.ts'
import { getActiveNodes, getHealth, getStatus } from './routes/get-cluster.ts'
import { getDownload, getEntry } from './routes/get-download.ts'
import { getAccountPages } from './routes/get-account-pages.ts'
import { getAsset, getHome } from './routes/get-home.ts'
import { getIndex } from './routes/get-index.ts'
import { getLink } from './routes/get-link.ts'
import { getOpenapi } from './routes/get-openapi.ts'
import { poolRoutes } from './routes/pools/routes.ts'
import { postLink } from './routes/post-link.ts'
import { getAsyncapi, getSocket } from './routes/get-socket.ts'
import { getSent } from './routes/get-sent.ts'
import { postSent } from './routes/post-sent.ts'
import { getUpload, postUpload } from './routes/post-upload.ts'
import { putFile } from './routes/put-file.ts'
import { tusUpload } from './routes/tus-upload.ts'
import { deliveryRoutes } from './routes/webhooks/deliveries.ts'
import { webhookRoutes } from './routes/webhooks/webhooks.ts'
import { SocketGateway } from './socket/gateway.ts'
import { NO_POLICY, PAGE_POLICY, SECURITY_HEADERS } from './security-headers.ts'
import type { Certificate } from './tls.ts'
import { requestOrigin } from './upload-answer.ts'

/** Every route of the edge. */
const ROUTES: readonly Route[] = [
  getHome,
  getAsset,
  getAccountPages,
  getUpload,
  postUpload,
  putFile,
  tusUpload,
  getLink,
  getIndex,
  postLink,
  deleteLink,
  getSent,
  postSent,
  getDownload,
  getEntry,
  getActiveNodes,
  getHealth,
  getStatus,
  signUp,
  signIn,
  me,
  sessions,
  keys,
  users,
  invites,
  space,
  ...fileRoutes,
  ...blockRoutes,
  history,
  events,
  poolEvents,
  ...webhookRoutes,
  ...deliveryRoutes,
  ...poolRoutes,
  getOpenapi,
  getAsyncapi
]

/** Request lines are at most 16 KiB (Node's limit for headers); a longer parameter than Fastify's default is for us to judge. */
const PARAM_LENGTH_MAX = 16 * 1024

/** The server with all its routes, and what each of those asks for that has to do with accounts. */
export interface CreatedApp {
  readonly app: App
  readonly permissions: readonly PermissionRow[]
  readonly gateway: SocketGateway
}

/** Not started, not listening. @param stopping tells that no new request is to be begun */
export async function createApp(
  context: EdgeContext,
  certificate: Certificate | undefined,
  stopping: () => boolean
): Promise<CreatedApp> {
  const { config, version } = context
  const app: App = fastify({
    logger: false, // ours is told in onResponse, without addresses
    serverFactory: (listener) => createHttpServer(config.edge, certificate, listener),
    clientErrorHandler: (error, socket) => onClientError(error, socket),
    trustProxy: config.edge.trustedProxies.length > 0 ? config.edge.trustedProxies : false,
    exposeHeadRoutes: false, // HEAD is named where it is taken: of a download it must not be a GET without a body
    return503OnClosing: false, // answered below, in the form the client asked for
    forceCloseConnections: 'idle',
    frameworkErrors: (error, request, reply) => {
      // a path that cannot be decoded: no route and no hook sees it, and Fastify's own answer would repeat it
      reply.headers({ ...SECURITY_HEADERS, 'content-security-policy': PAGE_POLICY, connection: 'close' })
      void sendProblem(request, reply, new PeerbinError('bad-request', '', { cause: error }), () =>
        errorPage(context.assets, new PeerbinError('bad-request'))
      )
    },
    routerOptions: { maxParamLength: PARAM_LENGTH_MAX }
  }).withTypeProvider<ZodTypeProvider>()
  app.setValidatorCompiler(validatorCompiler)
  app.setSerializerCompiler(serializerCompiler)
  // bodies are read by the routes, as streams
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (_request, payload, done) => done(null, payload))
  await app.register(cookie)
  await app.register(multipart, { throwFileSizeLimit: false })
  await app.register(swagger, swaggerOptions(version))
  addHooks(app, context, stopping)
  const permissions = addPermissions(app, context)
  addHistory(app, context)
  const methods = new MethodTable()
  // `PUT /{name}` takes any name: it says nothing about what else an address could be
  app.addHook('onRoute', ({ url, method }) => {
    if (url !== '/:name') methods.add(url, method)
  })
  addErrorHandlers(app, context, methods)
  const gateway = new SocketGateway(context)
  for (const route of [...ROUTES, getSocket(gateway)]) route(app, context)
  await app.ready()
  return { app, permissions, gateway }
}

function addHooks(app: App, context: EdgeContext, stopping: () => boolean): void {
  const { addresses, clock, config, logger } = context
  app.addHook('onRequest', async (request) => {
    if (stopping()) throw new PeerbinError('shutting-down', '', { retryAfterMs: config.edge.stopMs })
    if (request.routeOptions.config?.unlimited !== true) addresses.request(clientAddress(request))
  })
  app.addHook('onSend', async (request, reply, payload: unknown) => {
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) reply.header(name, value)
    if (!reply.hasHeader('cache-control')) reply.header('cache-control', 'no-store')
    const isPage = String(reply.getHeader('content-type') ?? '').startsWith('text/html')
    if (!reply.hasHeader('content-security-policy'))
      reply.header('content-security-policy', isPage ? PAGE_POLICY : NO_POLICY)
    if (!bodyUnread(request.raw) || (typeof payload !== 'string' && !Buffer.isBuffer(payload))) return payload
    const bytes = Buffer.from(payload)
    reply.header('connection', 'close').header('content-length', bytes.byteLength)
    return lingering(bytes, request.raw, clock, config.edge.stallMs)
  })
  app.addHook('onResponse', async (request, reply) => {
    // the pattern, never the address: addresses hold tokens, claims and names
    logger.debug('answered', {
      method: request.method,
      route: request.routeOptions.url ?? 'none',
      status: reply.statusCode,
      ms: Math.round(reply.elapsedTime)
    })
  })
}

function addErrorHandlers(app: App, context: EdgeContext, methods: MethodTable): void {
  const page = (error: PeerbinError, request: FastifyRequest): string => {
    const { assets, config } = context
    if (request.routeOptions.config?.failurePage === 'upload')
      return uploadPage({
        assets,
        config,
        origin: requestOrigin(context, request),
        isSignedIn: hasSession(request),
        message: detailOf(error)
      })
    return errorPage(assets, error, retryPath(request))
  }
  app.setErrorHandler(async (thrown, request, reply) => {
    const { config: routeConfig } = request.routeOptions
    const locks = routeConfig?.locksWhenBusy === true
    const error = locks ? asLocked(asEdgeError(thrown), request.method) : asEdgeError(thrown)
    noteFailure(request, error)
    const isLogged = routeConfig?.logsFailures === true
    if (error.status >= 500 && error.code !== 'shutting-down' && !isLogged) {
      context.logger.warn('a request failed', {
        method: request.method,
        route: request.routeOptions.url ?? 'none',
        code: error.code,
        ...(error.code === 'internal' && { err: error.cause ?? error })
      })
    }
    return sendProblem(request, reply, error, page)
  })
  const notFound = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const allowed = methods.allowed(pathOf(request.raw))
    const error =
      allowed.length === 0
        ? new PeerbinError('not-found')
        : new PeerbinError('method-not-allowed', '', { details: { allow: allowed.join(', ') } })
    return sendProblem(request, reply, error, page)
  }
  app.setNotFoundHandler(notFound)
}

/** Where a person starts over: the download of a claim that was made, the page of the link that was pressed or of its sender, or the page itself. */
function retryPath(request: FastifyRequest): string | undefined {
  const { params, query } = request
  const isClaimed = typeof query === 'object' && query !== null && 'claim' in query
  // the claim still holds its slot: the link's page would say that it is used
  if (isClaimed && request.raw.url?.startsWith('/download/') === true) return request.raw.url
  const token = typeof params === 'object' && params !== null && 'token' in params ? params.token : undefined
  if (typeof token === 'string') return `/d/${encodeURIComponent(token)}`
  const secret =
    typeof params === 'object' && params !== null && 'secret' in params ? params.secret : undefined
  if (typeof secret === 'string') return senderPath(secret)
  return headerOf(request.headers, 'sec-fetch-mode') === 'navigate' && request.method === 'GET'
    ? pathOf(request.raw)
    : undefined
}
