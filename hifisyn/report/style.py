"""How the report looks: the style of the cohort's page, and what the report has more."""

from hifisyn.quality.style import STYLE as PAGE_STYLE

STYLE = (
    PAGE_STYLE
    + """
nav { font-size: 0.85rem; margin: 1rem 0 0; } nav a { margin-right: 1.1rem; white-space: nowrap; }
h3 { font-size: 1rem; font-weight: 600; margin: 1.6rem 0 0.3rem; }
section > .wide, details > .wide, section > table, details > table { margin: 0.9rem 0 1.2rem; }
table.facts th { font-weight: 400; color: var(--soft); width: 15rem; min-width: 9rem; }
code { font: 0.85em ui-monospace, "Liberation Mono", Menlo, monospace; overflow-wrap: anywhere; }
details { border: 1px solid var(--line); border-radius: 4px; padding: 0.4rem 0.8rem; margin: 0.5rem 0; }
summary { cursor: pointer; font-weight: 600; font-size: 0.9rem; }
.wide caption { max-width: min(62rem, calc(100vw - 3rem)); }
.results caption strong { color: var(--ink); display: block; }
.results table, table.numbers { font-size: 0.8rem; }
.results tbody th, table.numbers tbody th { min-width: 9.5rem; }
.wide > table { min-width: min(100%, 36rem); }
.results .number { padding: 0.28rem 0.25rem 0.28rem 0.7rem; }
.results .words { padding-left: 1rem; }
.results thead th[colspan] { text-align: center; border-bottom: 0; }
td.best, .best { font-weight: 700; }
.test { display: block; color: var(--soft); font-size: 0.75rem; font-weight: 400; }
figure.plot { margin: 1rem 0; } figure.plot a { display: block; } figure.plot img { width: auto; max-width: 100%;
  margin: 0 auto; background: #fff; }
.cards figure.plot { margin: 0; align-self: start; }
.paste { background: var(--panel); border: 1px solid var(--line); border-radius: 4px; padding: 0.4rem 1rem; }
.paste p { max-width: none; }
button, select { font: inherit; font-size: 0.85rem; padding: 0.2rem 0.6rem; color: inherit; background: var(--panel);
  border: 1px solid var(--line); border-radius: 4px; max-width: 100%; }
button:focus-visible, select:focus-visible, .stage:focus-visible, input:focus-visible, summary:focus-visible,
a:focus-visible { outline: 2px solid var(--link); outline-offset: 1px; }
.controls { display: flex; flex-wrap: wrap; gap: 0.5rem 1.2rem; align-items: center; margin: 0.5rem 0;
  font-size: 0.85rem; }
.controls label { display: flex; gap: 0.4rem; align-items: center; max-width: 100%; }
.controls input[type="range"] { width: 9rem; padding: 0; accent-color: var(--link); }
.controls output { color: var(--soft); font-variant-numeric: tabular-nums; }
.stage { display: grid; grid-template-columns: repeat(4, minmax(0, 1fr)); gap: 0.5rem; padding: 0.25rem;
  border-radius: 4px; }
.stage figure { background: #000; border-color: #000; } .stage canvas { display: block; width: 100%; height: auto;
  image-rendering: pixelated; cursor: crosshair; touch-action: pan-y; }
.stage .title, .stage .value { display: block; color: #e8e8e8; padding: 0.25rem 0.5rem; font-size: 0.8rem;
  font-variant-numeric: tabular-nums; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.legend { display: flex; gap: 0.6rem; align-items: center; font-size: 0.8rem; color: var(--soft); }
.legend .bar { width: 14rem; height: 0.7rem; border-radius: 2px; print-color-adjust: exact; }
tr[hidden], [hidden] { display: none !important; }
@media (max-width: 56rem) { .stage { grid-template-columns: repeat(2, minmax(0, 1fr)); }
  .cards { grid-template-columns: minmax(0, 1fr); } body { padding: 1.2rem 1rem 3rem; } }
@media print { #viewer, button, nav { display: none !important; }
  details::details-content { content-visibility: visible; height: auto; }
  tr[hidden] { display: table-row !important; } .results caption { max-width: none; } }
"""
)
