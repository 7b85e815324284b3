/** What the account page says of webhooks. */

export const webhookTexts = {
  title: 'Webhooks',
  text: 'Other servers that are told what happens to your files, as it happens.',
  none: 'You have no webhooks.',
  make: 'New webhook',
  url: 'Address',
  urlHint: 'https://…, where events are posted to.',
  description: 'What it is for',
  submit: 'Create the webhook',
  ready: 'Your new webhook',
  secret: 'Secret',
  secretCopy: 'Copy secret',
  once: 'With it the receiver knows what comes from here. Copy it now: it is shown only once.',
  allTypes: 'all events',
  enabled: 'active',
  failing: (time: string) => `the last attempt failed, the next is ${time}`,
  disabled: {
    asked: 'paused',
    gone: 'disabled: the receiver wants no more',
    'dead-letters': 'disabled: too many events were not taken',
    failing: 'disabled: nothing was taken for days'
  },
  disable: 'Pause',
  enable: 'Go on',
  deliveries: 'Deliveries',
  deliveriesOf: (url: string) => `Deliveries to ${url}`,
  noDeliveries: 'Nothing was sent yet.',
  taken: 'taken',
  notTaken: (why: string) => `not taken: ${why}`,
  givenUp: (count: number) =>
    count === 1
      ? '1 event was given up. `peerbin webhooks replay` sends it again.'
      : `${count} events were given up. \`peerbin webhooks replay\` sends them again.`,
  again: (time: string) => `again ${time}`,
  missed: (count: number) => `${count} events were forgotten before they could be sent`,
  test: 'Test',
  testTaken: 'The receiver took the test.',
  testFailed: (why: string) => `The receiver did not take the test: ${why}`,
  remove: 'Remove',
  removeSure: 'It is told nothing any more, and what it was told is forgotten.',
  removed: 'The webhook was removed.'
} as const
