import t from 'tap'
import { visitorOf } from '../../../src/edge/http/visitor.ts'
import { formatOf } from '../../../src/edge/http/accept.ts'

const FIREFOX = {
  'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
  accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'
}

t.test('programs redeem', async (t) => {
  const programs: Array<Record<string, string>> = [
    { 'user-agent': 'curl/8.5.0', accept: '*/*' },
    { 'user-agent': 'Wget/1.21.4', accept: '*/*', 'accept-encoding': 'identity' },
    { 'user-agent': 'aria2/1.37.0', accept: '*/*' },
    { 'user-agent': 'python-requests/2.32', accept: '*/*' },
    { 'user-agent': 'Go-http-client/1.1' },
    { 'user-agent': 'node', accept: '*/*', 'sec-fetch-mode': 'cors' },
    {
      'user-agent': 'Mozilla/5.0 (Windows NT; Windows NT 10.0; en-US) WindowsPowerShell/5.1.19041.1',
      accept: '*/*'
    },
    { 'user-agent': 'peerbin', accept: 'application/problem+json, application/json;q=0.9, */*;q=0.1' },
    {}
  ]
  for (const headers of programs) t.equal(visitorOf(headers), 'program', JSON.stringify(headers))
})

t.test('browsers that follow or embed a link do not', async (t) => {
  t.equal(visitorOf({ ...FIREFOX, 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }), 'browser')
  t.equal(visitorOf(FIREFOX), 'browser', 'an old browser says it by Accept')
  t.equal(
    visitorOf({ accept: 'image/avif,*/*', 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' }),
    'browser'
  )
  t.equal(visitorOf({ accept: '*/*', 'sec-fetch-mode': 'cors', 'sec-fetch-site': 'cross-site' }), 'browser')
})

t.test('programs that pretend to be a browser do not: mail scanners are such', async (t) => {
  const { 'user-agent': firefox } = FIREFOX
  const chrome =
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/97.0.4692.99 Safari/537.36'
  const explorer = 'Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.0)'
  for (const agent of [firefox, chrome, explorer]) {
    t.equal(visitorOf({ 'user-agent': agent, accept: '*/*' }), 'browser')
    t.equal(visitorOf({ 'user-agent': agent }), 'browser')
    t.equal(
      visitorOf({ 'user-agent': agent, accept: '*/*', 'sec-fetch-mode': 'cors' }),
      'browser',
      'fetch in Node'
    )
    const script = { 'sec-fetch-mode': 'cors', 'sec-fetch-site': 'same-origin' }
    t.equal(
      visitorOf({ 'user-agent': agent, accept: '*/*', ...script }),
      'program',
      'a script of our own page'
    )
  }
})

t.test('prefetches do not', async (t) => {
  t.equal(visitorOf({ 'x-purpose': 'preview', accept: '*/*' }), 'prefetch')
  t.equal(visitorOf({ 'sec-purpose': '', purpose: 'prefetch' }), 'prefetch')
  t.equal(visitorOf({ 'sec-purpose': 'prefetch;prerender' }), 'prefetch')
  t.equal(visitorOf({ purpose: 'prefetch' }), 'prefetch')
  t.equal(visitorOf({ 'x-moz': 'prefetch' }), 'prefetch')
})

t.test('those who look at links for others do not', async (t) => {
  const agents = [
    'Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)',
    'Slack-ImgProxy (+https://api.slack.com/robots)',
    'facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)',
    'Mozilla/5.0 (Macintosh) AppleWebKit/601.2.4 (KHTML, like Gecko) Version/9.0.1 Safari/601.2.4 facebookexternalhit/1.1 Facebot Twitterbot/1.0',
    'WhatsApp/2.23.20.0',
    'TelegramBot (like TwitterBot)',
    'Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)',
    'mattermost-9.0 OpenGraph',
    'SkypeUriPreview Preview/0.5',
    'LinkedInBot/1.0 (compatible; Mozilla/5.0)',
    'Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)',
    'Iframely/1.3.1',
    'Synapse (bot; +https://github.com/matrix-org/synapse)',
    'Microsoft Office/16.0 (Windows NT 10.0)',
    'Barracuda Sentinel (EE)',
    'meta-externalfetcher/1.1',
    'meta-externalagent/1.1',
    'facebookcatalog/1.0',
    'GoogleOther',
    'Mozilla/5.0 (compatible; GoogleOther)',
    'Mozilla/5.0 (compatible; Google-InspectionTool/1.0;)',
    'Mozilla/5.0 (compatible; nobody has heard of it)'
  ]
  for (const agent of agents) t.equal(visitorOf({ 'user-agent': agent, accept: '*/*' }), 'preview', agent)
})

t.test('the form of an answer follows Accept; programs without a wish get text', async (t) => {
  t.equal(formatOf(undefined), 'text')
  t.equal(formatOf(''), 'text')
  t.equal(formatOf('*/*'), 'text')
  t.equal(formatOf(FIREFOX.accept), 'html')
  t.equal(formatOf('application/json'), 'json')
  t.equal(formatOf('application/problem+json'), 'json')
  t.equal(formatOf('application/json, text/plain, */*'), 'json', 'axios')
  t.equal(formatOf('image/png'), 'text')
  t.equal(formatOf('text/html;q=0.2, application/json;q=0.9'), 'json')
})
