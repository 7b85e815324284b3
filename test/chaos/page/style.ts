/** Looks of the report: light and dark by the reader's own setting, nothing from outside. */

export const STYLE = `
:root {
  color-scheme: light dark;
  --paper: #fbfaf7; --card: #ffffff; --ink: #1f2328; --soft: #5d6670; --line: #e3e0d8; --lane: #f3f1ea;
  --good: #2f8f5b; --bad: #c8322b; --warn: #c98a12; --heal: #2f8f5b14;
  --kill: #d1495b; --pause: #e0a030; --net: #7a5cc4; --client: #2a9d8f; --slow: #4f86c6; --disk: #8d6e4f; --copy: #b5479b; --gone: #30343a; --died: #ff2d2d;
  --total: #9aa4ae; --owed: #e07a1f; --none: #c8322b; --p50: #4f86c6; --p95: #7a5cc4;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14171b; --card: #1b1f25; --ink: #e7e9ec; --soft: #98a2ad; --line: #2d333b; --lane: #20252c;
    --good: #57c08a; --bad: #ff6b61; --warn: #e5b04b; --heal: #57c08a17;
    --kill: #e8697a; --pause: #ecb757; --net: #a48be6; --client: #4cc4b5; --slow: #75a8e4; --disk: #b8957a; --copy: #dd7cc6; --gone: #d7dbe0; --died: #ff5a5a;
    --total: #6d7782; --owed: #f09a4a; --none: #ff6b61; --p50: #75a8e4; --p95: #a48be6;
  }
}
* { box-sizing: border-box }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif }
main { max-width: 1240px; margin: 0 auto; padding: 36px 24px 64px }
h1 { font-size: 30px; line-height: 1.2; margin: 0 0 6px; letter-spacing: -0.01em; text-wrap: balance }
h1.good::before { content: '✓ '; color: var(--good) } h1.bad::before { content: '✗ '; color: var(--bad) }
h2 { font-size: 17px; margin: 40px 0 12px }
p { margin: 0 0 8px } .soft { color: var(--soft) }
code { font: 13px/1.4 ui-monospace, monospace; background: var(--lane); border-radius: 4px; padding: 2px 6px; overflow-wrap: anywhere }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px; margin: 24px 0 0 }
.tile { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 12px 14px }
.tile b { display: block; font-size: 22px; font-variant-numeric: tabular-nums; line-height: 1.25 }
.tile span { color: var(--soft); font-size: 13px }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 16px 18px }
.plot { display: flex; padding: 14px 0 10px } .plot svg { display: block; flex: none }
.scroll { overflow-x: auto; flex: 1 1 auto; min-width: 0 }
svg text { font: 12px system-ui, sans-serif; fill: var(--soft) } svg .name { fill: var(--ink); font-size: 13px } svg .head { font-weight: 600 }
svg .tick { font-size: 11px; font-variant-numeric: tabular-nums } svg .grid { stroke: var(--line) } svg .lane { fill: var(--lane) } svg .heal { fill: var(--heal) }
svg a { cursor: help } svg .bar { rx: 3px } svg .bar:hover { stroke: var(--ink); stroke-width: 1.5px }
.kill { fill: var(--kill); background: var(--kill) } .pause { fill: var(--pause); background: var(--pause) } .net { fill: var(--net); background: var(--net) }
.client { fill: var(--client); background: var(--client) } .slow { fill: var(--slow); background: var(--slow) } .disk { fill: var(--disk); background: var(--disk) }
.copy { fill: var(--copy); background: var(--copy) } .gone { fill: var(--gone); background: var(--gone) } .died { fill: var(--died); background: var(--died) } .note { fill: var(--soft); background: var(--soft) }
.ok { fill: var(--good); background: var(--good) } .failed { fill: var(--warn); background: var(--warn) } .unknown { fill: var(--bad); background: var(--bad) }
.total { stroke: var(--total) } .owed { stroke: var(--owed) } .none { stroke: var(--none) } .p50 { stroke: var(--p50) } .p95 { stroke: var(--p95) }
i.total { background: var(--total) } i.owed { background: var(--owed) } i.none { background: var(--none) } i.p50 { background: var(--p50) } i.p95 { background: var(--p95) }
polyline { fill: none; stroke-width: 1.6px; stroke-linejoin: round } polygon.total { fill: var(--total); stroke: none; opacity: .16 }
.moment line { stroke: var(--bad); stroke-width: 1.4px; stroke-dasharray: 4 3 } .moment text { fill: #fff; font-weight: 700; font-size: 11px } .moment circle { fill: var(--bad) }
.moment:target line { stroke-width: 4px; stroke-dasharray: none } .moment:target circle { r: 13px }
.legend { display: flex; flex-wrap: wrap; gap: 6px 18px; margin: 14px 0 0; font-size: 13px; color: var(--soft) }
.legend i { display: inline-block; width: 11px; height: 11px; border-radius: 3px; margin-right: 6px; vertical-align: -1px }
ol.wrong { margin: 0; padding-left: 26px } ol.wrong li { padding: 5px 0 } ol.wrong a { color: var(--bad); font-variant-numeric: tabular-nums } .tag { font-weight: 600 }
.columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(330px, 1fr)); gap: 18px }
table { border-collapse: collapse; width: 100%; font-size: 14px } td { padding: 5px 8px 5px 0; border-top: 1px solid var(--line); vertical-align: top }
tr:first-child td { border-top: 0 } td:first-child { white-space: nowrap } td:only-child, .wide td:first-child { white-space: normal } td.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; padding-right: 0 }
td i { display: inline-block; width: 10px; height: 10px; border-radius: 3px; margin-right: 8px }
@media (max-width: 640px) { main { padding: 22px 14px 40px } h1 { font-size: 24px } }
`
