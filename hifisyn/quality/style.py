"""How the page of a cohort looks, and the few lines that sort and filter its table."""

STYLE = """
:root { color-scheme: light dark; --ink: #1c2126; --soft: #5b6570; --line: #d9dee3; --paper: #ffffff;
  --panel: #f5f7f8; --bar: #9aa6b2; --mark: #b84a00; --link: #0b5f9e; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e7ea; --soft: #a2abb4; --line: #363d44; --paper: #15181b;
  --panel: #1e2226; --bar: #66727e; --mark: #ff9d4d; --link: #7cc0f2; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 76rem; padding: 2rem 1.5rem 4rem; background: var(--paper); color: var(--ink);
  font: 0.95rem/1.5 system-ui, -apple-system, "Segoe UI", "Liberation Sans", sans-serif; }
h1 { font-size: 1.6rem; font-weight: 600; margin: 0; }
h2 { font-size: 1.15rem; font-weight: 600; margin: 2.6rem 0 0.4rem; border-bottom: 1px solid var(--line);
  padding-bottom: 0.25rem; }
p { margin: 0.4rem 0; max-width: 62rem; }
p.soft, .soft { color: var(--soft); }
a { color: var(--link); }
strong.mark, td.mark, .mark { color: var(--mark); font-weight: 600; }
ul.facts { list-style: none; display: flex; flex-wrap: wrap; gap: 0.4rem 2.2rem; padding: 0; margin: 0.8rem 0 0; }
ul.facts b { font-size: 1.35rem; font-weight: 600; display: block; font-variant-numeric: tabular-nums; }
table { border-collapse: collapse; font-size: 0.85rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--soft); padding-bottom: 0.3rem; }
th, td { text-align: left; vertical-align: top; padding: 0.28rem 0.7rem 0.28rem 0; border-bottom: 1px solid var(--line);
  overflow-wrap: anywhere; }
thead th { color: var(--soft); font-weight: 600; vertical-align: bottom; }
td.number, th.number { text-align: right; white-space: nowrap; overflow-wrap: normal; }
.wide { overflow-x: auto; } .wide th, .wide td { overflow-wrap: normal; }
.wide td.words { min-width: 19rem; } .wide tbody th { position: sticky; left: 0; background: var(--paper); }
th button { all: unset; cursor: pointer; } th button:focus-visible { outline: 2px solid var(--link); }
th[aria-sort="ascending"] button::after { content: " \\2191"; }
th[aria-sort="descending"] button::after { content: " \\2193"; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(24rem, 1fr)); gap: 1.2rem; margin-top: 1rem; }
figure { margin: 0; background: var(--panel); border: 1px solid var(--line); border-radius: 4px; overflow: hidden;
  break-inside: avoid; }
figure img { display: block; width: 100%; height: auto; background: #000; }
figcaption { padding: 0.6rem 0.8rem 0.8rem; font-size: 0.85rem; overflow-wrap: anywhere; }
figcaption b { font-size: 0.95rem; } figcaption ul { margin: 0.2rem 0 0; padding-left: 1.1rem; }
svg { display: block; } svg .bar { fill: var(--bar); } svg .axis { stroke: var(--line); }
svg .median { stroke: var(--ink); } svg .out { fill: var(--mark); }
input { font: inherit; padding: 0.25rem 0.5rem; color: inherit; background: var(--panel);
  border: 1px solid var(--line); border-radius: 4px; width: 20rem; max-width: 100%; }
.script { display: none; }
@media print { body { max-width: none; padding: 0; font-size: 9pt; } .script { display: none !important; }
  .wide { overflow: visible; } .wide tbody th { position: static; } h2 { break-after: avoid; } }
"""

SCRIPT = """
"use strict";
const table = document.getElementById("cases"), filter = document.getElementById("filter");
if (table) {
  const rows = [...table.tBodies[0].rows], heads = [...table.tHead.rows[0].cells];
  const value = (row, i) => row.cells[i].dataset.value ?? row.cells[i].textContent;
  heads.forEach((head, i) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") !== "descending";
      heads.forEach(other => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const numeric = head.classList.contains("number"), sign = down ? -1 : 1;
      rows.sort((a, b) => {
        const x = value(a, i), y = value(b, i);
        if (!numeric) return sign * x.localeCompare(y);
        return (x === "") - (y === "") || sign * (x - y);
      });
      table.tBodies[0].append(...rows);
    });
  });
  document.querySelectorAll(".script").forEach(part => { part.style.display = "block"; });
  filter.addEventListener("input", () => {
    const words = filter.value.toLowerCase().split(/\\s+/);
    rows.forEach(row => {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every(word => text.includes(word));
    });
  });
}
"""
