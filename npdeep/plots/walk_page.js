"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const at = (id) => document.getElementById(id);
let here = 0;

/** A new element: make("p", {class: "small"}, "text", otherElement). Text stays text, whatever is in it. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

// ── numbers ─────────────────────────────────────────────────────────────────────────────────────────────────────────
const kept = new Map();

/** The values of an array that are shown, row by row. */
function valuesOf(index) {
  if (!kept.has(index)) {
    const array = data.arrays[index];
    const bytes = Uint8Array.from(atob(array.values), (letter) => letter.charCodeAt(0));
    kept.set(index, array.bits === 32 ? new Float32Array(bytes.buffer) : new Float64Array(bytes.buffer));
  }
  return kept.get(index);
}

const dressed = (text) => text.replace("-", "−").replace("e-", "e−").replace("Infinity", "∞");

/** All digits: the shortest decimal number that is this one and no other. */
function exact(value, bits) {
  if (bits === 64 || !Number.isFinite(value)) return dressed(String(value));
  let digits = 1;
  while (digits < 9 && Math.fround(Number(value.toPrecision(digits))) !== value) digits += 1;
  return dressed(String(Number(value.toPrecision(digits))));
}

/** So few digits that they fit into a cell or beside a scale. */
function brief(value, digits = 3) {
  if (!Number.isFinite(value)) return dressed(String(value));
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e5)) return dressed(value.toExponential(Math.max(0, digits - 2)));
  return dressed(String(Number(value.toPrecision(digits))));
}

// ── colours ─────────────────────────────────────────────────────────────────────────────────────────────────────────
const NEGATIVE = [8, 82, 156], POSITIVE = [230, 97, 0];    // blue and orange: for all kinds of colour vision; blue prints darker
const contrast = () => Number(at("contrast").value);

/** The magnitude that gets the full colour: the largest in the array, or in all arrays of its kind. */
function largestOf(entry, array) {
  const shared = at("scale").value === "kind" && entry.scale && !array.difference;
  return shared ? data.scales[entry.scale] : array.largest;
}

function colour(value, largest) {
  if (!Number.isFinite(value)) return [0, 0, 0];
  const share = largest > 0 ? Math.min(1, (Math.abs(value) / largest) * contrast()) : 0;
  return (value < 0 ? NEGATIVE : POSITIVE).map((full) => Math.round(255 + (full - 255) * share));
}

const isDark = ([red, green, blue]) => 0.3 * red + 0.59 * green + 0.11 * blue < 140;

// ── heat maps ───────────────────────────────────────────────────────────────────────────────────────────────────────
/** Where the cells are: a grid with numbers along its edges, or a row of pictures, one for each row of the array. */
function layoutOf(rows, columns, width, side) {
  const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
  if (side) {
    const pixel = Math.max(1, Math.floor((6 * rem) / side)), edge = pixel * side, gap = Math.round(rem / 2);
    const line = Math.max(1, Math.min(rows, Math.floor(width / (edge + gap)))), step = edge + gap;
    const tall = edge + Math.round(1.3 * rem);
    return {
      width: line * step, height: Math.ceil(rows / line) * tall, cell: [pixel, pixel], rem, side,
      corner: (r, c) => [(r % line) * step + (c % side) * pixel, Math.floor(r / line) * tall + Math.floor(c / side) * pixel],
      find(x, y) {
        const r = Math.floor(y / tall) * line + Math.floor(x / step);
        const u = Math.floor((x % step) / pixel), v = Math.floor((y % tall) / pixel);
        return x < line * step && r < rows && u < side && v < side ? [r, v * side + u] : null;
      },
    };
  }
  const left = rows > 1 ? Math.round(2.4 * rem) : 0, top = Math.round(1.2 * rem);
  const wide = Math.max(1, Math.min(Math.round(4.4 * rem), Math.floor((width - left - 2) / columns)));
  const high = Math.round(Math.max(Math.min(1.5 * rem, (18 * rem) / rows), rem / 4));
  return {
    width: left + columns * wide + 1, height: top + rows * high + 1, cell: [wide, high], rem, left, top,
    corner: (r, c) => [left + c * wide, top + r * high],
    find(x, y) {
      const r = Math.floor((y - top) / high), c = Math.floor((x - left) / wide);
      return r >= 0 && r < rows && c >= 0 && c < columns ? [r, c] : null;
    },
  };
}

function paint(canvas, figure) {
  const { array, values, layout, largest } = figure, [rows, columns] = array.shown, [wide, high] = layout.cell;
  const sharp = window.devicePixelRatio || 1, pen = canvas.getContext("2d");
  canvas.width = layout.width * sharp;
  canvas.height = layout.height * sharp;
  canvas.style.width = `${layout.width}px`;
  canvas.style.height = `${layout.height}px`;
  pen.scale(sharp, sharp);
  const inside = wide >= 3 * layout.rem && high >= 1.2 * layout.rem;
  for (let r = 0; r < rows; r += 1) {
    for (let c = 0; c < columns; c += 1) {
      const value = values[r * columns + c], tint = colour(value, largest), [x, y] = layout.corner(r, c);
      pen.fillStyle = `rgb(${tint})`;
      pen.fillRect(x, y, wide, high);
      if (inside) write(pen, brief(value), x + wide / 2, y + high / 2, 0.82 * layout.rem, "center", isDark(tint) ? "#fff" : "#000");
    }
  }
  if (layout.side) framePictures(pen, figure);
  else frameGrid(pen, figure);
  if (figure.cursor) {
    const [x, y] = layout.corner(...figure.cursor);
    pen.lineWidth = 3;
    pen.strokeStyle = "#000";
    pen.strokeRect(x - 1, y - 1, wide + 2, high + 2);
  }
}

function write(pen, text, x, y, size, align, ink) {
  pen.font = `${size}px system-ui, "DejaVu Sans", Arial, sans-serif`;
  pen.textAlign = align;
  pen.textBaseline = "middle";
  pen.fillStyle = ink;
  pen.fillText(text, x, y);
}

function framePictures(pen, { array, layout, transposed }) {
  const edge = layout.side * layout.cell[0];
  pen.lineWidth = 1;
  pen.strokeStyle = "#666";
  for (let r = 0; r < array.shown[0]; r += 1) {
    const [x, y] = layout.corner(r, 0);
    pen.strokeRect(x + 0.5, y + 0.5, edge - 1, edge - 1);
    write(pen, `${transposed ? "unit" : "row"} ${r * array.every[0]}`, x + edge / 2, y + edge + 0.6 * layout.rem, 0.8 * layout.rem, "center", "#333");
  }
}

/** The frame, and as many numbers of rows and columns as there is room for. */
function frameGrid(pen, { array, layout }) {
  const [rows, columns] = array.shown, [wide, high] = layout.cell, size = 0.75 * layout.rem;
  pen.lineWidth = 1;
  pen.strokeStyle = "#666";
  pen.strokeRect(layout.left + 0.5, layout.top + 0.5, columns * wide - 1, rows * high - 1);
  const roundStep = (least) => [1, 2, 5, 10, 20, 50, 100, 200].find((step) => step >= least) || 500;
  const everyRow = roundStep((1.1 * size) / high), everyColumn = roundStep((2.8 * size) / wide);
  for (let r = 0; rows > 1 && r < rows; r += everyRow) {
    write(pen, r * array.every[0], layout.left - 5, layout.top + (r + 0.5) * high, size, "right", "#333");
  }
  for (let c = 0; c < columns; c += everyColumn) {
    write(pen, c * array.every[1], layout.left + (c + 0.5) * wide, layout.top / 2, size, "center", "#333");
  }
}

// ── the value under the mouse, the finger or the cursor ─────────────────────────────────────────────────────────────
function place(array, [r, c], { side }, transposed) {
  const place = [r * array.every[0], c * array.every[1]], column = place[1];
  if (array.shape.length === 0) return "one number";
  if (array.shape.length === 1) return `element ${column}`;
  const pixel = side ? ` (pixel ${Math.floor(column / side)}, ${column % side})` : "";
  const [down, across] = transposed ? place.reverse() : place;
  return `row ${down}, column ${across}${pixel}`;
}

function showValue(figure, cell, x, y) {
  const { array, values } = figure, box = at("value");
  const text = exact(values[cell[0] * array.shown[1] + cell[1]], array.bits);
  box.replaceChildren(`${figure.name}, ${place(array, cell, figure.layout, figure.transposed)}`, make("br"), make("b", {}, text));
  box.hidden = false;
  const { width, height } = box.getBoundingClientRect();
  box.style.left = `${Math.max(4, Math.min(x + 18, window.innerWidth - width - 8))}px`;
  box.style.top = `${y + 24 + height < window.innerHeight ? y + 24 : Math.max(4, y - height - 14)}px`;
}

const hideValue = () => { at("value").hidden = true; };

function listen(canvas, figure) {
  const point = (event) => {
    const box = canvas.getBoundingClientRect(), cell = figure.layout.find(event.clientX - box.left, event.clientY - box.top);
    if (cell) showValue(figure, cell, event.clientX, event.clientY);
    else hideValue();
  };
  canvas.addEventListener("pointermove", point);
  canvas.addEventListener("pointerdown", point);
  canvas.addEventListener("pointerleave", hideValue);
  canvas.addEventListener("mousedown", (event) => event.preventDefault());    // the arrow keys stay with the page
  canvas.addEventListener("keydown", (event) => moveCursor(canvas, figure, event));
  canvas.addEventListener("focus", () => { if (canvas.matches(":focus-visible")) setCursor(canvas, figure, figure.cursor || [0, 0]); });
  canvas.addEventListener("blur", () => setCursor(canvas, figure, null));
}

function setCursor(canvas, figure, cell) {
  figure.cursor = cell;
  paint(canvas, figure);
  if (!cell) return hideValue();
  const box = canvas.getBoundingClientRect(), [x, y] = figure.layout.corner(...cell);
  return showValue(figure, cell, box.left + x, box.top + y);
}

function moveCursor(canvas, figure, event) {
  const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
  if (event.key === "Escape") return canvas.blur();
  if (!(event.key in steps) || !figure.cursor) return undefined;
  event.preventDefault();
  event.stopPropagation();
  const moved = figure.cursor.map((i, axis) => Math.max(0, Math.min(figure.array.shown[axis] - 1, i + steps[event.key][axis])));
  return setCursor(canvas, figure, moved);
}

// ── one operation ───────────────────────────────────────────────────────────────────────────────────────────────────
let figures = [];

const tuple = (shape) => (shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`);

/** What of a large array is shown, in words; "" where all of it is. */
function cutInWords({ shape, every }, transposed) {
  const [rows, columns] = shape.length < 2 ? [1, shape[0]] : [shape[0], shape.slice(1).reduce((a, b) => a * b, 1)];
  const parts = [[every[0], rows, transposed ? "units" : "rows"], [every[1], columns, shape.length < 2 ? "elements" : "columns"]];
  const cut = parts.filter(([k]) => k > 1).map(([k, n, what]) => `every ${k}${k === 2 ? "nd" : k === 3 ? "rd" : "th"} of ${n} ${what}`);
  return cut.length ? `Shown: ${cut.join(" and ")}. Statistics and colours: of all.` : "";
}

/** The array of this entry; or, where the page shows changes, what was added to the array of the step before. */
function shownArray(entry) {
  const array = data.arrays[entry.array], values = valuesOf(entry.array), earlier = earlierEntry(entry);
  if (at("compare").value !== "change" || !earlier) return [array, values];
  const before = valuesOf(earlier.array), change = values.map((value, i) => value - before[i]);
  const largest = change.reduce((most, value) => (Number.isFinite(value) ? Math.max(most, Math.abs(value)) : most), 0);
  return [{ ...array, largest, stats: { ...array.stats, "not finite": "0" }, difference: true }, change];
}

/** The entry of the same name in the same operation of the step before. */
function earlierEntry(entry) {
  const step = stepOf(here);
  if (step === 0) return undefined;
  const operation = data.operations[data.starts[step - 1] + here - data.starts[step]];
  return operation && operation.arrays.find(({ name }) => name === entry.name);
}

const stepOf = (index) => data.starts.filter((start) => start <= index).length - 1;

function arrayFigure(entry) {
  const [array, values] = shownArray(entry), section = make("section");
  const symbol = entry.symbol && entry.symbol !== entry.name ? [make("span", { class: "symbol" }, entry.symbol), " = "] : [];
  const shape = entry.transposed ? [...array.shape].reverse() : array.shape, change = array.difference ? "change of " : "";
  section.append(make("h4", {}, change, ...symbol, entry.name, make("span", { class: "shape" }, `  ${tuple(shape)} ${array.dtype}`)));
  if (array.shape.length === 0) {
    section.append(make("p", { class: "number" }, exact(values[0], array.bits)));
    return section;
  }
  const cut = cutInWords(array, entry.transposed);
  if (cut) section.append(make("p", { class: "cut small" }, cut));
  const label = `Heat map of ${entry.name}, ${array.shown.join(" by ")} cells. Arrow keys go from cell to cell, Escape leaves.`;
  const canvas = make("canvas", { tabindex: "0", role: "application", "aria-label": label });
  const scale = make("div", { class: "scale" }), { picture: side, transposed } = entry;
  const figure = { entry, name: entry.name, array, values, side, transposed, canvas, cursor: null, scale };
  figures.push(figure);
  listen(canvas, figure);
  section.append(make("div", { class: "map-of-values" }, canvas), scale, ...(array.difference ? [] : [statisticsOf(array)]));
  return section;
}

function statisticsOf({ stats }) {
  const bad = stats["not finite"] !== "0";
  const cells = Object.entries(stats).map(([name, text]) => make("td", { class: name === "not finite" && bad ? "bad" : null }, dressed(text)));
  const heads = Object.keys(stats).map((name) => make("th", { scope: "col" }, name));
  return make("div", { class: "statistics" }, make("table", {}, make("tr", {}, ...heads), make("tr", {}, ...cells)));
}

function drawFigure(figure) {
  const { entry, array, canvas, scale } = figure, beyond = contrast() > 1;
  figure.largest = largestOf(entry, array);
  const end = figure.largest / contrast(), shared = figure.largest !== array.largest;
  figure.layout = layoutOf(...array.shown, canvas.parentElement.parentElement.clientWidth, figure.side);
  paint(canvas, figure);
  const ends = [`${beyond ? "≤ " : ""}${brief(-end)}`, `${beyond ? "≥ " : ""}${brief(end)}`];
  const bar = make("span", { class: "bar" }, ends[0], make("i"), ends[1]);
  const none = Number(array.stats["not finite"]) === array.shape.reduce((a, b) => a * b, 1);
  scale.replaceChildren(none ? "no finite value" : array.largest > 0 ? bar : "every finite value is 0");
  if (shared && array.largest > 0) scale.append(make("span", {}, `scale of all ${entry.scale}; the largest here: ${brief(array.largest)}`));
  if (array.stats["not finite"] !== "0") scale.append(make("span", { class: "bad" }, `black: ${array.stats["not finite"]} not finite`));
}

const redraw = () => figures.forEach(drawFigure);

/** On the way down: what the layer kept from the way up, to look at beside its gradients. */
function fromTheWayUp() {
  const start = data.starts[stepOf(here)], layer = data.layers.find(({ backward }) => backward !== null && backward + start === here);
  if (!layer || layer.forward === null) return [];
  const entries = data.operations[layer.forward + start].arrays, names = entries.map(({ name, symbol }) => symbol || name).join(", ");
  const box = make("details", { class: "way-up" }, make("summary", {}, `From the way up: ${names}`));
  box.addEventListener("toggle", () => {
    if (!box.open || box.children.length > 1) return;
    box.append(...entries.map(arrayFigure));
    redraw();
  });
  return [box];
}

/** The kernel's text with line numbers; remarks and docstrings in another colour. */
function showSource(operation) {
  const box = at("source"), source = operation.source === null ? null : data.sources[operation.source];
  box.hidden = !source;
  if (!source) return;
  const where = source.file ? `${source.file}:${source.line}` : "no file: typed into a session";
  box.querySelector("summary").textContent = `The code: ${source.name}  (${where})`;
  let quoted = false;
  const lines = source.text.split("\n").map((text, i) => {
    const quotes = (text.match(/"""/g) || []).length, remark = quoted || quotes > 0;
    if (quotes % 2) quoted = !quoted;
    const cut = remark ? 0 : text.search(/(^|\s)#/), code = cut < 0 ? text : text.slice(0, cut);
    const rest = cut < 0 ? "" : text.slice(cut);
    return make("span", { class: "line", "data-number": source.line + i }, code, make("span", { class: "remark" }, rest));
  });
  box.querySelector("pre").replaceChildren(...(source.text ? lines : ["(its source is not available)"]));
}

let chosen = "";

/** What works on all parameters at once is shown for one of them; an update as before, change, after. */
function oneParameter(operation, groups) {
  if (!groups.includes(chosen)) [chosen] = groups;
  const choice = make("select", { id: "parameter" }, ...groups.map((group) => make("option", { value: group }, group)));
  choice.value = chosen;
  choice.addEventListener("change", () => { chosen = choice.value; show(here); at("parameter").focus(); });
  const entries = operation.arrays.filter(({ group }) => group === chosen);
  const moves = (entry) => entry.name === chosen || /^(before|change) of /.test(entry.name), row = make("div", { class: "row" });
  const whole = entries.some((entry) => entry.name.startsWith("before of "));
  row.append(...(whole ? entries.filter(moves) : []).map(arrayFigure));
  const rest = whole ? entries.filter((entry) => !moves(entry)) : entries;
  return [make("p", { class: "parameter" }, make("label", {}, "Parameter ", choice)), row, ...rest.map(arrayFigure)];
}

function titleOf(operation) {
  const of = operation.name === operation.stage ? "" : operation.name;
  return of ? `${operation.stage} · ${of}` : operation.stage;
}

function show(index) {
  here = Math.max(0, Math.min(data.operations.length - 1, index));
  const operation = data.operations[here];
  hideValue();
  at("count").textContent = `${here + 1} of ${data.operations.length}`;
  at("back").setAttribute("aria-disabled", String(here === 0));
  at("next").setAttribute("aria-disabled", String(here === data.operations.length - 1));
  at("where").textContent = data.starts.length > 1 ? `step ${stepOf(here) + 1}: ${operation.stage}` : operation.stage;
  at("comparing").hidden = stepOf(here) === 0;
  const kind = operation.kind && operation.kind !== operation.name ? ` (${operation.kind})` : "";
  at("heading").textContent = operation.name + kind;
  at("words").textContent = operation.words;
  at("formula").replaceChildren(...operation.formula.map((line) => make("div", {}, line)));
  at("latex").querySelector("pre").textContent = operation.latex;
  showSource(operation);
  at("error").hidden = !(data.error && here === data.operations.length - 1);
  figures = [];
  const groups = [...new Set(operation.arrays.map(({ group }) => group))].filter((group) => group !== undefined);
  at("arrays").replaceChildren(...(groups.length ? oneParameter(operation, groups) : operation.arrays.map(arrayFigure)), ...fromTheWayUp());
  redraw();
  markMap();
  at("spoken").textContent = `${here + 1} of ${data.operations.length}: ${titleOf(operation)}. ${operation.formula.join("; ")}`;
  window.scrollTo(0, 0);
}

/** Go to an operation, and let the address remember it: step.html#5 opens there. */
function go(index) {
  if (index < 0 || index >= data.operations.length || index === here) return;
  show(index);
  history.replaceState(null, "", `#${here + 1}`);
}

// ── the map ─────────────────────────────────────────────────────────────────────────────────────────────────────────
const RANGE = 8;    // orders of magnitude that a bar of the map spans

/** A button that leads to an operation: its number counts within the step. With a size, that as a number and a bar. */
function mapButton(index, text, label, kind = "") {
  if (index === null || index === undefined) return make("i", { title: `${label}: not in this step` }, "–");
  const button = make("button", { "data-operation": index, "data-label": label, class: kind }, make("span", {}, text));
  button.addEventListener("click", () => go(index + data.starts[stepOf(here)]));
  return button;
}

/** The sizes of the step that one is in: a bar is full for the largest of its kind and empty RANGE orders of magnitude below. */
function writeSizes() {
  const start = data.starts[stepOf(here)], buttons = [...at("map").querySelectorAll("button")];
  const sizeOf = (button) => (data.operations[start + Number(button.dataset.operation)] || {}).size;
  const stage = (button) => button.dataset.label.split(" ")[0];
  for (const button of buttons) {
    const size = sizeOf(button), like = buttons.filter((other) => stage(other) === stage(button)).map(sizeOf).filter((s) => s > 0);
    while (button.children.length > 1) button.lastChild.remove();
    const what = stage(button) === "forward" ? "spread over examples" : "norm of the gradient";
    const said = typeof size === "number" ? `${button.dataset.label}, ${what} ${brief(size)}` : button.dataset.label;
    button.setAttribute("aria-label", said);
    button.title = said;
    if (typeof size !== "number") continue;
    const share = size > 0 ? 1 + Math.log10(size / Math.max(...like)) / RANGE : 0;
    button.append(make("span", { class: "size" }, brief(size)), make("meter", { value: Math.max(0, share), "aria-hidden": "true" }));
  }
}

/** From the top down: the loss, the layers with their way up and their way down, the input, and what is done in the end. */
function drawMap() {
  const find = (stage) => data.operations.slice(0, data.starts[1]).findIndex((operation) => operation.stage === stage);
  const layers = [...data.layers].reverse().map((layer) => {
    const size = make("small", {}, layer.kind === layer.name ? layer.width : `${layer.kind} ${layer.width}`);
    return make("div", { class: "layer" },
      mapButton(layer.forward, "↑", `forward ${layer.name}`), make("span", {}, layer.number === null ? layer.name : `${layer.number} · ${layer.name}`, size),
      mapButton(layer.backward, "↓", `backward ${layer.name}`));
  });
  const loss = find("loss") < 0 ? [] : [mapButton(find("loss"), "↱ loss ↴", "loss", "whole")];
  const end = ["penalty", "clip", "update", "constrain"].filter((stage) => find(stage) >= 0);
  const last = end.map((stage) => mapButton(find(stage), stage, stage, "whole"));
  at("map").replaceChildren(...loss, ...layers, make("p", { class: "ground" }, `x: ${data.inputs} numbers per example`), ...last);
}

function markMap() {
  writeSizes();
  for (const button of at("map").querySelectorAll("button")) {
    const index = Number(button.dataset.operation) + data.starts[stepOf(here)];
    button.classList.toggle("passed", index < here);
    if (index === here) button.setAttribute("aria-current", "step");
    else button.removeAttribute("aria-current");
  }
  const current = at("map").querySelector("[aria-current]"), side = document.querySelector("aside");
  if (current && side.scrollHeight > side.clientHeight) {
    side.scrollTop += current.getBoundingClientRect().top - side.getBoundingClientRect().top - side.clientHeight / 2;
  }
}

// ── playing ─────────────────────────────────────────────────────────────────────────────────────────────────────────
const EACH = 1500;    // milliseconds that an operation is shown
let playing = null;

function play(on) {
  clearInterval(playing);
  playing = on && here < data.operations.length - 1 ? setInterval(() => { go(here + 1); play(true); }, EACH) : null;
  at("play").textContent = playing ? "Pause" : "Play";
  at("play").setAttribute("aria-pressed", String(playing !== null));
}

// ── start ───────────────────────────────────────────────────────────────────────────────────────────────────────────
document.addEventListener("keydown", (event) => {
  if (event.key === "p" && !event.ctrlKey && !event.altKey && !event.metaKey && event.target.tagName !== "SELECT") play(playing === null);
  const target = { ArrowRight: here + 1, ArrowLeft: here - 1, Home: 0, End: data.operations.length - 1 }[event.key];
  if (target === undefined || event.ctrlKey || event.altKey || event.metaKey || event.target.tagName === "SELECT") return;
  event.preventDefault();
  play(false);
  go(target);
});
at("back").addEventListener("click", () => { play(false); go(here - 1); });
at("next").addEventListener("click", () => { play(false); go(here + 1); });
at("play").addEventListener("click", () => play(playing === null));
at("contrast").addEventListener("change", redraw);
at("scale").addEventListener("change", redraw);
at("compare").addEventListener("change", () => show(here));
window.addEventListener("resize", redraw);
window.addEventListener("hashchange", () => go(fromAddress()));
const fromAddress = () => (Number.parseInt(window.location.hash.slice(1), 10) || 1) - 1;

at("title").textContent = data.title;
at("subtitle").textContent = data.subtitle;
at("error").textContent = `The step broke off here: ${data.error}`;
drawMap();
show(fromAddress());
