import t from 'tap'
import { html } from '../../src/edge/html.ts'
import { durationText, sizeText } from '../../src/edge/texts.ts'

t.test('what is inserted is escaped unless it is HTML already', async (t) => {
  const name = `<img src=x onerror='alert(1)'>&"`
  t.equal(
    html`<p title="${name}">${name}</p>`.toString(),
    '<p title="&lt;img src=x onerror=&#39;alert(1)&#39;&gt;&amp;&quot;">&lt;img src=x onerror=&#39;alert(1)&#39;&gt;&amp;&quot;</p>'
  )
  const items = [html`<b>${1}</b>`, html`<b>${'<'}</b>`]
  t.equal(html`<p>${items}</p>`.toString(), '<p><b>1</b><b>&lt;</b></p>')
  t.equal(html`a${false}b${undefined}c`.toString(), 'abc')
})

t.test('sizes and times read well', async (t) => {
  t.same([1, 1023, 1024, 10 * 1024 * 1024, 9_000_000, 1.5 * 1024 ** 3].map(sizeText), [
    '1 byte',
    '1023 bytes',
    '1 KB',
    '10 MB',
    '8.6 MB',
    '1.5 GB'
  ])
  t.same([1, 90, 3600, 7200, 86_400, 172_800, 604_800].map(durationText), [
    '1 second',
    '90 seconds',
    '1 hour',
    '2 hours',
    '1 day',
    '2 days',
    '7 days'
  ])
})
