(() => {
  "use strict";
  const root = document.getElementById("viewer");
  if (!root) return;
  const json = id => JSON.parse(document.getElementById(id).textContent);
  const part = name => root.querySelector(`[data-part="${name}"]`);
  const settings = json("viewer-settings");
  const colours = settings.colours.match(/.{6}/g).map(c => [0, 2, 4].map(i => parseInt(c.slice(i, i + 2), 16)));
  const errorSteps = settings.largest / 2 * 255;
  const menus = { case: part("case"), direction: part("direction"), model: part("model") };
  const slider = part("slice"), level = part("level"), width = part("window"), status = part("status");
  const panels = [...root.querySelectorAll(".panel")].map(figure => ({
    kind: figure.dataset.kind, canvas: figure.querySelector("canvas"), value: figure.querySelector(".value"),
    title: figure.querySelector(".title"), small: document.createElement("canvas"),
  }));
  const stage = part("stage");
  let shown = null, stacks = null, place = 0, zoom = 1, centre = null, at = null, latest = 0;

  const grey = async base64 => {
    const bytes = Uint8Array.from(atob(base64), letter => letter.charCodeAt(0));
    const bitmap = await createImageBitmap(new Blob([bytes], { type: "image/png" }),
      { colorSpaceConversion: "none", premultiplyAlpha: "none" });
    const canvas = document.createElement("canvas");
    canvas.width = bitmap.width; canvas.height = bitmap.height;
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(bitmap, 0, 0);
    const rgba = context.getImageData(0, 0, canvas.width, canvas.height).data;
    return { wide: canvas.width, pixels: rgba.filter((_, i) => i % 4 === 0) };
  };

  const fillMenu = (menu, names) => {
    const before = menu.value;
    menu.replaceChildren(...names.map(name => new Option(name, name)));
    menu.value = names.includes(before) ? before : names[0];
    menu.disabled = names.length < 2;
  };

  async function load() {
    const ticket = ++latest;
    stage.setAttribute("aria-busy", "true");
    const entry = shown?.id === menus.case.value ? shown : json(menus.case.value);
    entry.id = menus.case.value;
    fillMenu(menus.direction, Object.keys(entry.synthetic));
    const direction = menus.direction.value, { source, target, models } = entry.synthetic[direction];
    fillMenu(menus.model, Object.keys(models));
    const model = menus.model.value;
    const decoded = await Promise.all(
      [entry.real[source], models[model], entry.real[target]].map(grey));
    if (ticket !== latest) return;
    const share = shown && shown.places.length > 1 ? place / (shown.places.length - 1) : 0.5;
    const sameCase = shown === entry;
    shown = entry;
    stacks = { source: decoded[0], synthetic: decoded[1], target: decoded[2] };
    const titles = { source: `Source: ${source}`, synthetic: `Synthetic ${target}`, target: `Target: ${target}`,
      error: "Error" };
    const enlarged = Math.max(1, Math.ceil(480 / Math.max(shown.width, shown.height)));
    for (const panel of panels) {
      panel.title.textContent = titles[panel.kind];
      panel.small.width = shown.width; panel.small.height = shown.height;
      panel.canvas.width = shown.width * enlarged; panel.canvas.height = shown.height * enlarged;
    }
    slider.max = shown.places.length - 1;
    if (!sameCase) { place = Math.round(share * (shown.places.length - 1)); fitView(); }
    for (const row of document.querySelectorAll("tr[data-case]"))
      row.hidden = row.dataset.case !== entry.id || row.dataset.direction !== direction;
    paint();
    stage.setAttribute("aria-busy", "false");
  }

  function fitView() { zoom = 1; centre = [shown.width / 2, shown.height / 2]; }

  function pixel(stack, x, y) {
    const { width: w, height: h, columns } = shown;
    const left = (place % columns) * w, top = Math.floor(place / columns) * h;
    return stack.pixels[(top + y) * stack.wide + left + x];
  }

  function visibleArea() {
    const size = [shown.width / zoom, shown.height / zoom];
    centre = centre.map((c, i) => {
      const whole = i ? shown.height : shown.width;
      return Math.min(Math.max(c, size[i] / 2), whole - size[i] / 2);
    });
    return [centre[0] - size[0] / 2, centre[1] - size[1] / 2, ...size];
  }

  function paint() {
    if (!stacks) return;
    const { width: w, height: h } = shown;
    const low = Number(level.value) - Number(width.value) / 2;
    const greys = Array.from({ length: 256 }, (_, v) => {
      const tone = (2 * v / 255 - 1 - low) / Number(width.value) * 255;
      return [tone, tone, tone];
    });
    const [left, top, wide, high] = visibleArea();
    for (const panel of panels) {
      const small = panel.small.getContext("2d"), image = small.createImageData(w, h);
      for (let y = 0, i = 0; y < h; y++) for (let x = 0; x < w; x++, i += 4) {
        let colour;
        if (panel.kind === "error") {
          const error = Math.abs(pixel(stacks.synthetic, x, y) - pixel(stacks.target, x, y));
          colour = colours[Math.min(255, Math.round(error / errorSteps * 255))];
        } else colour = greys[pixel(stacks[panel.kind], x, y)];
        image.data.set(colour, i); image.data[i + 3] = 255;
      }
      small.putImageData(image, 0, 0);
      const context = panel.canvas.getContext("2d");
      context.imageSmoothingEnabled = false;
      context.drawImage(panel.small, left, top, wide, high, 0, 0, panel.canvas.width, panel.canvas.height);
      drawCrosshair(panel, context, left, top);
    }
    slider.value = place;
    const number = shown.places[place];
    status.textContent = `slice ${number} (${place + 1} of ${shown.places.length}), zoom ${zoom.toFixed(1)}`;
    for (const { canvas, title } of panels)
      canvas.setAttribute("aria-label", `${title.textContent}, ${status.textContent}`);
  }

  function drawCrosshair(panel, context, left, top) {
    const scale = panel.canvas.width / shown.width * zoom, unit = panel.canvas.width / 320;
    if (at) {
      const x = (at[0] + 0.5 - left) * scale, y = (at[1] + 0.5 - top) * scale;
      const gap = scale / 2 + 2 * unit, far = gap + 9 * unit;
      context.lineWidth = 1.4 * unit;
      context.strokeStyle = "#35d0ff";
      context.beginPath();
      for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
        context.moveTo(x + dx * gap, y + dy * gap); context.lineTo(x + dx * far, y + dy * far);
      }
      context.stroke();
    }
    const value = kind => 2 * pixel(stacks[kind], ...at) / 255 - 1;
    const text = number => (number < 0 ? "\u2212" : "") + Math.abs(number).toFixed(3);
    if (!at) panel.value.textContent = "\u00a0";
    else if (panel.kind === "error") panel.value.textContent =
      `${text(value("synthetic") - value("target"))} at column ${at[0]}, row ${at[1]}`;
    else panel.value.textContent = text(value(panel.kind));
  }

  function move(steps) {
    const next = Math.min(Math.max(place + steps, 0), shown.places.length - 1);
    if (next === place) return false;
    place = next; paint();
    return true;
  }

  function enlarge(factor, around) {
    const before = zoom;
    zoom = Math.min(Math.max(zoom * factor, 1), 16);
    if (around) centre = centre.map((c, i) => around[i] + (c - around[i]) * before / zoom);
    paint();
  }

  function reset() { level.value = 0; width.value = 2; at = null; fitView(); paint(); }

  function positionOf(event) {
    const frame = event.target.getBoundingClientRect(), [left, top, wide, high] = visibleArea();
    return [left + (event.clientX - frame.left) / frame.width * wide,
      top + (event.clientY - frame.top) / frame.height * high];
  }

  let drag = null;
  for (const { canvas } of panels) {
    canvas.addEventListener("pointerdown", event => {
      drag = zoom > 1 && event.button === 0 ? positionOf(event) : null;
      if (drag) canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointerup", () => { drag = null; });
    canvas.addEventListener("pointermove", event => {
      if (!shown) return;
      const here = positionOf(event);
      if (drag) centre = centre.map((c, i) => c + drag[i] - here[i]);
      else at = here.map((c, i) => Math.min(Math.max(Math.floor(c), 0), (i ? shown.height : shown.width) - 1));
      paint();
    });
    canvas.addEventListener("pointerleave", () => { if (shown && !drag) { at = null; paint(); } });
    canvas.addEventListener("dblclick", event => enlarge(2, positionOf(event)));
    canvas.addEventListener("wheel", event => {
      if (!shown) return;
      if (event.ctrlKey || event.shiftKey) enlarge(event.deltaY + event.deltaX < 0 ? 1.25 : 0.8, positionOf(event));
      else if (!move(Math.sign(event.deltaY))) return;  // at either end the page scrolls on
      event.preventDefault();
    }, { passive: false });
  }

  const keys = { ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1, PageUp: 5, PageDown: -5,
    Home: -Infinity, End: Infinity };
  const pans = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] };
  stage.addEventListener("keydown", event => {
    if (!shown || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.shiftKey && pans[event.key]) {
      centre = centre.map((c, i) => c + pans[event.key][i] * shown.width / zoom / 8); paint();
    } else if (keys[event.key]) move(keys[event.key]);
    else if (event.key === "+" || event.key === "=") enlarge(1.25);
    else if (event.key === "-") enlarge(0.8);
    else if (event.key === "0") reset();
    else return;
    event.preventDefault();
  });

  slider.addEventListener("input", () => { place = Number(slider.value); paint(); });
  for (const input of [level, width]) input.addEventListener("input", paint);
  part("nearer").addEventListener("click", () => enlarge(1.25));
  part("farther").addEventListener("click", () => enlarge(0.8));
  part("reset").addEventListener("click", reset);
  const start = () => load().catch(error => {
    status.textContent = `These pictures cannot be shown: ${error.message}`;
  });
  for (const menu of Object.values(menus)) menu.addEventListener("change", start);
  root.hidden = false;
  start();
})();
