// Clicks through a page of walk_page and writes what it saw, and every error, into the page: read by test_walk_page.py.
"use strict";
(() => {
  const seen = { errors: window.caughtErrors, steps: [], hovers: [], problems: [] };
  const content = JSON.parse(document.getElementById("data").textContent), n = content.operations.length;
  const check = (holds, what) => { if (!holds) seen.problems.push(what); };
  const press = (key, target = document.body) =>
    target.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
  const click = (element) => element.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true }));
  const place = () => Number(document.getElementById("count").textContent.split(" ")[0]) - 1;
  const hint = document.getElementById("value");

  const hover = (canvas, x, y) => {
    const box = canvas.getBoundingClientRect();
    const options = { clientX: box.left + x, clientY: box.top + y, bubbles: true };
    canvas.dispatchEvent(new PointerEvent("pointermove", options));
    return hint.hidden ? null : hint.innerText;
  };

  const fine = n > 20 ? 3 : 12;                  // deep networks have heat maps enough
  /** Over the whole canvas in steps: each cell that was met, once. */
  const sweep = (canvas, operation, name) => {
    const texts = new Set(), { width, height } = canvas.getBoundingClientRect();
    for (let i = 0; i <= fine; i += 1) {
      for (let j = 0; j <= fine; j += 1) {
        texts.add(hover(canvas, ((i + 0.3) / (fine + 0.6)) * width, ((j + 0.3) / (fine + 0.6)) * height));
      }
    }
    texts.delete(null);
    check(texts.size > 0, `no value under the mouse: operation ${operation}, ${name}`);
    for (const text of texts) seen.hovers.push([operation, text]);
    canvas.dispatchEvent(new PointerEvent("pointerleave"));
    check(hint.hidden, "the value stays when the mouse has left");
  };

  const painted = (canvas) => canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.some((v) => v > 0);

  const look = (expected) => {
    check(place() === expected, `expected operation ${expected}, the page is at ${place()}`);
    const operation = content.operations[expected];
    const current = [...document.querySelectorAll("#map [aria-current]")].map((b) => Number(b.dataset.operation));
    const within = expected - content.starts.filter((start) => start <= expected).at(-1);
    check(current.length === 1 && current[0] === within, `the map marks ${current}, expected ${within}`);
    seen.steps.push({
      stage: document.getElementById("where").textContent,
      heading: document.getElementById("heading").textContent,
      formula: [...document.querySelectorAll("#formula div")].map((d) => d.textContent),
      arrays: [...document.querySelectorAll("#arrays h4")].map((h) => h.textContent),
      cuts: [...document.querySelectorAll("#arrays .cut")].map((p) => p.textContent),
      bad: [...document.querySelectorAll("#arrays .scale .bad")].map((p) => p.textContent),
      source: document.getElementById("source").hidden ? "" : document.querySelector("#source summary").textContent,
      wider: document.documentElement.scrollWidth > window.innerWidth,
      cut: [...document.querySelectorAll(".row .statistics")].some((table) => table.scrollWidth > table.clientWidth),
      bar: document.querySelector("header").offsetHeight,
    });
    const choice = document.getElementById("parameter");
    for (const group of choice ? [...choice.options].map((option) => option.value) : [undefined]) {
      if (group !== undefined) choose("parameter", group);
      const canvases = document.querySelectorAll("#arrays canvas");
      const shown = operation.arrays.filter((e) => e.group === group && content.arrays[e.array].shape.length > 0).length;
      check(canvases.length === shown, `${canvases.length} heat maps at operation ${expected}, expected ${shown}`);
      for (const canvas of canvases) {
        check(painted(canvas), `an empty heat map at operation ${expected}`);
        sweep(canvas, expected, canvas.getAttribute("aria-label"));
      }
    }
  };

  const choose = (id, value) => {
    const select = document.getElementById(id);
    select.value = value;
    select.dispatchEvent(new Event("change"));
  };

  /** How strong the colours of a heat map are, from 0 (white) to 1. */
  const strength = (canvas) => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    let strongest = 0;
    for (let i = 0; i < data.length; i += 4) strongest = Math.max(strongest, (Math.max(...data.slice(i, i + 3)) - Math.min(...data.slice(i, i + 3))) / 255);
    return strongest;
  };

  try {
    for (let i = 0; i < n; i += 1) {             // on by button and by key in turn, looking closely
      look(i);
      if (i % 2) press("ArrowRight");
      else click(document.getElementById("next"));
    }
    check(place() === n - 1, "next goes beyond the last operation");
    for (let i = n - 1; i >= 0; i -= 1) {
      check(place() === i, `on the way back: at ${place()}, expected ${i}`);
      if (i % 2) press("ArrowLeft");
      else click(document.getElementById("back"));
    }
    check(place() === 0, "back goes beyond the first operation");
    press("End");
    check(place() === n - 1, "End");
    press("Home");
    check(place() === 0, "Home");
    const buttons = [...document.querySelectorAll("#map button")];
    const inStep = content.starts.length > 1 ? content.starts[1] : n;
    check(buttons.length === inStep, `${buttons.length} buttons on the map, ${inStep} operations in a step`);
    for (const button of buttons) {
      click(button);
      check(place() === Number(button.dataset.operation), `the map leads to ${place()}`);    // from the first step: to its own
      for (const box of document.querySelectorAll("details")) {
        box.open = true;
        box.dispatchEvent(new Event("toggle"));
      }
      check([...document.querySelectorAll("#arrays canvas")].every(painted), "an empty heat map from the way up");
    }
    press("Home");
    choose("contrast", "10");
    check(document.querySelector("#arrays .scale").textContent.includes("≥"), "contrast does not change the scale");
    choose("contrast", "1");
    seen.strengths = {};
    seen.sizes = {};
    for (const scale of ["own", "kind"]) {       // the colours of ∂L/∂output, layer by layer from the top
      choose("scale", scale);
      seen.strengths[scale] = content.layers.filter((layer) => layer.backward !== null).map((layer) => {
        click(document.querySelector(`#map [data-operation="${layer.backward}"]`));
        return strength(document.querySelector("#arrays canvas"));
      });
    }
    for (const button of document.querySelectorAll("#map button")) {
      seen.sizes[button.dataset.label] = [button.title, (button.querySelector("meter") || {}).value];
    }
    if (content.starts.length > 1) {             // the change since the step before
      press("End");
      choose("compare", "change");
      seen.compared = [...document.querySelectorAll("#arrays h4")].map((h) => h.textContent);
      seen.change = hover(document.querySelector("#arrays canvas"), 80, 40);
      choose("compare", "");
    }
    press("Home");
    press("p");
    seen.playing = document.getElementById("play").textContent;
    press("p");
    seen.paused = document.getElementById("play").textContent;
    seen.fromTheWayUp = document.querySelectorAll(".way-up").length;
    const canvas = document.querySelector("#arrays canvas");
    canvas.focus();
    const before = hint.innerText;
    press("ArrowRight", canvas);
    seen.cursor = [before, hint.innerText];
    check(place() === 0, "an arrow key in a heat map turns the page");
    press("Escape", canvas);
    check(hint.hidden, "Escape leaves the heat map");
  } catch (error) {
    seen.errors.push(`the driver: ${error.stack}`);
  }
  const outcome = document.createElement("pre");
  outcome.id = "outcome";
  outcome.textContent = JSON.stringify(seen);
  document.body.append(outcome);
})();
