"""How the page of a study looks: images on black; the rest follows the reader's light or dark setting."""

STYLE = """
:root { color-scheme: light dark; --ink: #1c2126; --soft: #5b6570; --line: #d9dee3; --paper: #ffffff;
  --panel: #f5f7f8; --link: #0b5f9e; --on-link: #ffffff; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e7ea; --soft: #a2abb4; --line: #363d44; --paper: #15181b;
  --panel: #1e2226; --link: #7cc0f2; --on-link: #10151a; } }
body.reading { color-scheme: dark; --ink: #e4e7ea; --soft: #a2abb4; --line: #3a4148; --paper: #000000;
  --panel: #1a1d20; --link: #7cc0f2; --on-link: #10151a; }
* { box-sizing: border-box; }
[hidden] { display: none !important; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 0.95rem/1.5 system-ui, -apple-system, "Segoe UI", "Liberation Sans", sans-serif; }
h1 { font-size: 1.6rem; font-weight: 600; margin: 0 0 0.6rem; }
h2 { font-size: 1.1rem; font-weight: 600; margin: 1.8rem 0 0.3rem; }
p { margin: 0.4rem 0; }
.soft { color: var(--soft); }
#start, #end { margin: 0 auto; max-width: 46rem; padding: 3rem 1.5rem; }
.said { color: var(--link); min-height: 1.5em; }
button, input, textarea { font: inherit; color: inherit; }
button { padding: 0.3rem 0.8rem; border: 1px solid var(--line); border-radius: 4px; background: var(--panel);
  cursor: pointer; }
button.ready, button.main { background: var(--link); border-color: var(--link); color: var(--on-link); }
:focus-visible { outline: 2px solid var(--link); outline-offset: 1px; }
input[type="text"], input[type="number"], textarea { padding: 0.3rem 0.5rem; background: var(--panel);
  border: 1px solid var(--line); border-radius: 4px; }
#who { display: grid; grid-template-columns: max-content 14rem; gap: 0.5rem 1rem; align-items: center;
  margin: 1rem 0; }
#who button { grid-column: 2; justify-self: start; }
ul.plain { list-style: none; padding: 0; margin: 0.4rem 0; display: grid; gap: 0.35rem; justify-items: start; }
ul.plain.many { display: flex; flex-wrap: wrap; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.15rem 1.2rem; margin: 0.5rem 0; }
dt { white-space: nowrap; } dd { margin: 0; }
kbd { font: inherit; font-size: 0.85em; padding: 0 0.35em; border: 1px solid var(--line); border-radius: 3px;
  background: var(--panel); }
.row { display: flex; flex-wrap: wrap; gap: 0.6rem; margin-top: 1rem; }
dialog { max-width: 38rem; border: 1px solid var(--line); border-radius: 6px; background: var(--paper);
  color: var(--ink); padding: 1.2rem 1.5rem; }
body.reading dialog { background: var(--panel); }
dialog::backdrop { background: #000a; }
dialog h2 { margin-top: 0; }

#reading { display: flex; flex-direction: column; height: 100vh; height: 100dvh; }
#reading header, #reading footer { padding: 0.5rem 0.9rem; background: var(--panel); }
#reading header { display: flex; align-items: center; gap: 0.6rem 1.2rem; flex-wrap: wrap; }
#reading h1 { font-size: 1.15rem; margin: 0; }
#reading header p { margin: 0; font-size: 0.85rem; }
.asked { flex: 1 1 24rem; } .far { font-size: 0.85rem; text-align: right; }
progress { appearance: none; width: 100%; height: 0.4rem; display: block; margin: 0.25rem 0; border: 0;
  border-radius: 3px; overflow: hidden; background: var(--line); }
progress::-webkit-progress-bar { background: var(--line); }
progress::-webkit-progress-value { background: var(--link); }
progress::-moz-progress-bar { background: var(--link); }
#grid { flex: 1; min-height: 0; margin: 8px; display: grid; gap: 8px; justify-content: center; align-content: center;
  overflow: hidden; --zoom: 1; --x: 0%; --y: 0%; --side: 200px; }
.tile { margin: 0; }
.tile figcaption { height: 30px; padding: 0 0.5rem; display: flex; align-items: center; gap: 0.6rem;
  border: 2px solid transparent; border-bottom: 0; }
.candidate { outline: none; touch-action: none; user-select: none; }
.candidate figcaption { background: var(--panel); cursor: grab; }
.reference figcaption b { font-weight: 400; color: var(--soft); }
.rank { margin-left: auto; color: var(--soft); } .ranked .rank { color: var(--link); font-weight: 600; }
.frame { position: relative; overflow: hidden; width: var(--side); height: var(--side); background: #000;
  touch-action: none; }
.frame::after { content: ""; position: absolute; inset: 0; border: 2px solid var(--line); pointer-events: none; }
.reference .frame::after { border-style: dashed; }
.candidate .frame { cursor: grab; }
.candidate.chosen .frame::after { border-color: var(--link); }
.candidate.chosen figcaption { background: #24384a; border-color: var(--link); }
.frame img { position: absolute; inset: 0; width: 100%; height: 100%; transform-origin: 0 0;
  transform: translate(var(--x), var(--y)) scale(var(--zoom)); filter: url(#window); }
.candidate img + img { visibility: hidden; } .source .candidate img + img { visibility: visible; }
#lanes { display: flex; gap: 0.4rem; height: 4.6rem; }
.lane { flex: 1 1 0; min-width: 0; padding: 0.2rem 0.5rem; border: 1px solid var(--line); border-radius: 4px;
  display: flex; flex-wrap: wrap; align-items: center; align-content: safe center; gap: 0.2rem 0.4rem; overflow: auto;
  cursor: pointer; }
.lane b { font-weight: 600; } .lane span { color: var(--soft); font-size: 0.85rem; }
.lane[data-rank="0"] { border-style: dashed; } .lane[data-rank="0"] b { font-weight: 400; color: var(--soft); }
.lane.over { border-color: var(--link); background: #24384a; }
.chip, #ghost { padding: 0 0.6rem; border-radius: 1rem; border: 1px solid var(--soft); background: #000;
  cursor: grab; touch-action: none; }
.chip.chosen { border-color: var(--link); color: var(--link); }
#ghost { position: fixed; left: 0; top: 0; z-index: 9; pointer-events: none; margin: -0.8rem 0 0 -0.8rem;
  border-color: var(--link); color: var(--link); }
.tools { display: flex; flex-wrap: wrap; gap: 0.5rem 1.1rem; align-items: center; margin-top: 0.5rem;
  font-size: 0.85rem; }
.tools label { display: flex; align-items: center; gap: 0.4rem; }
.tools output { min-width: 3rem; font-variant-numeric: tabular-nums; }
.tools input[type="range"] { width: 7rem; accent-color: var(--link); }
.tools .grow { flex: 1 1 14rem; } #comment { flex: 1; min-width: 8rem; height: 2rem; resize: none; }
#reading .said { margin: 0.3rem 0 0; font-size: 0.85rem; }
"""
