/** Headers of every answer, and of every page. */

export const SECURITY_HEADERS: Record<string, string> = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'x-robots-tag': 'noindex'
}

/** Pages load nothing from elsewhere, run nothing inline, and cannot be framed. */
export const PAGE_POLICY = [
  "default-src 'none'",
  "style-src 'self'",
  "script-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  // encryption beside the page; a decrypted download is handed to the browser in a frame
  "worker-src 'self'",
  "frame-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'"
].join('; ')

/** What has no policy of its own can do nothing at all, should a browser take it for a page. */
export const NO_POLICY = "default-src 'none'; frame-ancestors 'none'"
