/* Large images with one zoom, one position and one window for all of them. */
const grid = byId("grid"), CAPTION = 30, GAP = 8, MOST_ZOOM = 12;
const START = {zoom: 1, x: 0, y: 0, window: 100, level: 50};
const view = {...START};
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

function show() {
  view.zoom = clamp(view.zoom, 1, MOST_ZOOM);
  view.x = clamp(view.x, 1 - view.zoom, 0);
  view.y = clamp(view.y, 1 - view.zoom, 0);
  view.window = clamp(Math.round(view.window), 2, 200);
  view.level = clamp(Math.round(view.level), 0, 100);
  grid.style.setProperty("--zoom", view.zoom);
  grid.style.setProperty("--x", `${100 * view.x}%`);
  grid.style.setProperty("--y", `${100 * view.y}%`);
  const slope = 100 / view.window, intercept = 0.5 - slope * view.level / 100;
  document.querySelectorAll("#window > feComponentTransfer > *").forEach(part => {
    part.setAttribute("slope", slope);
    part.setAttribute("intercept", intercept);
  });
  for (const name of ["window", "level"]) {
    byId(`slider-${name}`).value = view[name];
    byId(`value-${name}`).textContent = `${view[name]} %`;
  }
  byId("value-zoom").textContent = `${view.zoom.toFixed(1)}×`;
}

/* Zoom so that what lies at (fx, fy), fractions of an image's sides, stays in place. */
function zoomAt(factor, fx = 0.5, fy = 0.5) {
  const before = view.zoom;
  view.zoom = clamp(before * factor, 1, MOST_ZOOM);
  view.x = fx - (fx - view.x) * view.zoom / before;
  view.y = fy - (fy - view.y) * view.zoom / before;
  show();
}

function resetView(names = Object.keys(START)) {
  for (const name of names) view[name] = START[name];
  show();
}

function picture(png, alt) {
  const image = document.createElement("img");
  image.src = `data:image/png;base64,${png}`;
  image.alt = alt;
  image.draggable = false;
  return image;
}

function tile(label, pngs, kind) {
  const figure = document.createElement("figure"), caption = document.createElement("figcaption");
  const frame = document.createElement("div"), name = document.createElement("b");
  figure.className = `tile ${kind}`;
  frame.className = "frame";
  name.textContent = label;
  caption.append(name);
  frame.append(...pngs.map(png => picture(png, label)));
  figure.append(caption, frame);
  return figure;
}

/* Choose the number of columns that makes the images largest, with few gaps. */
function fillScreen() {
  const count = grid.childElementCount, width = grid.clientWidth, height = grid.clientHeight;
  let best = {worth: 0, side: 0, columns: 1};
  for (let columns = 1; columns <= count; columns++) {
    const rows = Math.ceil(count / columns), gaps = rows * columns - count;
    const side = Math.min((width - (columns - 1) * GAP) / columns, (height - (rows - 1) * GAP) / rows - CAPTION);
    const worth = side * (1 - 0.02 * gaps);
    if (worth > best.worth) best = {worth, side: Math.floor(side), columns};
  }
  grid.style.gridTemplateColumns = `repeat(${best.columns}, ${best.side}px)`;
  grid.style.setProperty("--side", `${best.side}px`);
}
new ResizeObserver(fillScreen).observe(grid);

grid.addEventListener("wheel", event => {
  const frame = event.target.closest(".frame");
  if (!frame) return;
  event.preventDefault();
  const box = frame.getBoundingClientRect();
  zoomAt(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.002)),
    (event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
}, {passive: false});

/* Right button: left and right change the window, up and down the level. Left button: pan, when zoomed. */
grid.addEventListener("pointerdown", event => {
  const frame = event.target.closest(".frame");
  if (!frame || event.button === 1 || (event.button === 0 && view.zoom === 1)) return;
  const from = {...view}, box = frame.getBoundingClientRect(), right = event.button === 2;
  follow(event, moved => {
    const dx = (moved.clientX - event.clientX) / box.width, dy = (moved.clientY - event.clientY) / box.height;
    if (right) Object.assign(view, {window: from.window + 150 * dx, level: from.level + 100 * dy});
    else Object.assign(view, {x: from.x + dx, y: from.y + dy});
    show();
  });
});
grid.addEventListener("contextmenu", event => event.preventDefault());
for (const name of ["window", "level"])
  byId(`slider-${name}`).addEventListener("input", event => { view[name] = Number(event.target.value); show(); });
byId("reset").addEventListener("click", () => resetView());

/* Call `move` for every movement until the button is released, then `end`. */
function follow(event, move, end = () => {}) {
  const stop = last => {
    removeEventListener("pointermove", move);
    removeEventListener("pointerup", stop);
    removeEventListener("pointercancel", stop);
    end(last);
  };
  addEventListener("pointermove", move);
  addEventListener("pointerup", stop);
  addEventListener("pointercancel", stop);
}
