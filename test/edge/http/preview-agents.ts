/**
 * User agents of those who look at links that others were sent, as they call themselves. The strings of chat programs and crawlers are those seen in the wild that
 * monperrus/crawler-user-agents lists (crawler-user-agents.json of 2026-07-02, MIT), which names the pages of their makers: api.slack.com/robots,
 * developers.facebook.com/docs/sharing/webmasters/crawler, developers.google.com/search/docs/crawling-indexing/overview-google-crawlers. Those of Outlook's Safe Links are
 * from logs in public issues: nextauthjs/next-auth 1840, opencollective/opencollective 3656, edalzell/laravel-passwordless-login 79.
 */

export const PREVIEW_AGENTS: Readonly<Record<string, readonly string[]>> = {
  Slack: [
    'Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)',
    'Slackbot 1.0 (+https://api.slack.com/robots)',
    'Slack-ImgProxy 1.138 (+https://api.slack.com/robots)'
  ],
  Discord: ['Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)'],
  Teams: ['Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5'],
  WhatsApp: ['WhatsApp', 'WhatsApp/2.12.15/i', 'WhatsApp/0.3.4941 N'],
  Telegram: ['TelegramBot (like TwitterBot)'],
  Twitter: ['Twitterbot/1.0'],
  Facebook: [
    'facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)',
    'facebookexternalhit/1.1',
    'Facebot/1.0'
  ],
  LinkedIn: ['LinkedInBot/1.0 (compatible; Mozilla/5.0; Apache-HttpClient +http://www.linkedin.com)'],
  'Outlook Safe Links': [
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/97.0.4692.99 Safari/537.36',
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/72.0.3626.109 Safari/537.36',
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/117.0.0.0 Safari/537.36 Edg/117.0.2045.47 OneOutlook/1.2023.927.100',
    'Mozilla/5.0 (Windows NT 6.1; WOW64) AppleWebKit/534+ (KHTML, like Gecko) BingPreview/1.0b',
    'MicrosoftPreview/2.0; +https://aka.ms/MicrosoftPreview'
  ],
  Googlebot: [
    'Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)',
    'Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X Build/MMB29P) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/27.0.1453 Mobile Safari/537.36 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)',
    'Googlebot-Image/1.0'
  ]
}
