// A form of native controls, each with its label, so that keyboards and screen readers know them. The library's sliders and
// check boxes have no accessible name; that is all this file is for. Values are only asked for: Python decides and answers.
export function render({model, el}) {
  const form = document.createElement("form");
  form.className = model.layout;
  form.setAttribute("aria-label", model.title);
  form.addEventListener("submit", (event) => event.preventDefault());
  const fields = {};

  const element = (tag, properties = {}, ...inside) => {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...inside);
    return made;
  };
  const send = (name, value) => model.send_msg({name, value});
  const nearest = (stops, value) =>
    stops.reduce((best, stop, i) => (Math.abs(stop - value) < Math.abs(stops[best] - value) ? i : best), 0);

  const kinds = {
    choice(item) {
      const select = element("select", {name: item.name});
      for (const [value, text] of item.options) select.append(element("option", {value, textContent: text}));
      select.addEventListener("change", () => send(item.name, select.value));
      fields[item.name] = (value) => (select.value = value);
      return element("label", {}, element("span", {textContent: item.label}), select);
    },
    stops(item) {
      const range = element("input", {type: "range", name: item.name, min: 0, max: item.stops.length - 1, step: 1});
      const shown = element("b");
      const show = (value) => {
        shown.textContent = String(value);
        range.setAttribute("aria-valuetext", String(value));
      };
      range.addEventListener("input", () => show(item.stops[range.value]));
      range.addEventListener("change", () => send(item.name, item.stops[range.value]));
      fields[item.name] = (value) => {
        range.value = nearest(item.stops, value);
        show(value);
      };
      return element("label", {}, element("span", {textContent: `${item.label} `}, shown), range);
    },
    number(item) {
      return kinds.text(item, {min: item.low, max: item.high, step: "any"});
    },
    text(item, limits = {}) {
      const input = element("input", {type: item.kind, name: item.name, ...limits});
      let typing = false;                      // an answer to something else must not take away what is being typed
      input.addEventListener("input", () => (typing = true));
      input.addEventListener("change", () => {
        typing = false;
        send(item.name, input.value);
      });
      fields[item.name] = (value) => {
        if (!typing) input.value = value;
      };
      return element("label", {}, element("span", {textContent: item.label}), input);
    },
    flag(item) {
      const box = element("input", {type: "checkbox", name: item.name});
      box.addEventListener("change", () => send(item.name, box.checked));
      fields[item.name] = (value) => (box.checked = value);
      return element("label", {className: "flag"}, box, element("span", {textContent: item.label}));
    },
    button(item) {
      const button = element("button", {type: "button", name: item.name, title: item.help || ""});
      button.addEventListener("click", () => send(item.name, true));
      fields[item.name] = (text) => (button.textContent = text ?? item.label);
      fields[item.name]();
      return button;
    },
    file(item) {
      const input = element("input", {type: "file", name: item.name, accept: ".csv,text/csv,.txt"});
      input.addEventListener("change", async () => {
        const file = input.files[0];
        if (!file) return;
        send(item.name, file.size > item.high ? {bytes: file.size} : {text: await encoded(file)});
        input.value = "";
      });
      fields[item.name] = () => {};
      return element("label", {}, element("span", {textContent: item.label}), input);
    },
    address(item) {
      const field = element("input", {type: "text", name: item.name, readOnly: true});
      field.addEventListener("focus", () => field.select());
      const label = element("label", {className: "address", hidden: true}, element("span", {textContent: item.label}), field);
      fields[item.name] = (query) => {
        label.hidden = !query;
        if (!query || field.value.endsWith(query)) return;
        field.value = `${location.origin}${location.pathname}?${query}`;
        history.replaceState(null, "", `?${query}`);
        field.focus();
      };
      return label;
    },
    count(item) {
      const output = element("output", {name: item.name, className: "count"});
      output.setAttribute("aria-live", "off");   // it changes ten times a second
      fields[item.name] = (text) => (output.textContent = text);
      return output;
    },
    status(item) {                             // there from the beginning: what is put into it is read aloud
      const output = element("output", {name: item.name, className: "said"});
      fields[item.name] = (text) => (output.textContent = text);
      return output;
    },
    heading(item) {
      return element("h1", {textContent: item.label});
    },
  };

  const encoded = (file) =>
    new Promise((resolve) => {
      const reader = new FileReader();
      reader.addEventListener("load", () => resolve(String(reader.result).split(",")[1] ?? ""));
      reader.readAsDataURL(file);
    });

  let filled = {};
  const build = () => {
    filled = {};
    form.replaceChildren();
    const groups = {};
    for (const item of model.items) {
      const group = item.group || "";
      if (!(group in groups)) {
        groups[group] = group ? element("fieldset", {}, element("legend", {textContent: group})) : form;
        if (group) form.append(groups[group]);
      }
      groups[group].append(kinds[item.kind](item));
      const control = form.elements[item.name];   // named by its label alone, whatever else is inside the label
      if (control && item.kind !== "button") control.setAttribute("aria-label", item.label);
    }
    fill();
  };
  const fill = () => {
    for (const [name, value] of Object.entries(model.values))   // what has not changed may be open, or is being read aloud
      if (name in fields && filled[name] !== value) fields[name](value);
    filled = model.values;
    for (const control of form.elements) if (control.name) control.disabled = model.disabled.includes(control.name);
  };
  const look = () => {
    if (model.look) document.documentElement.dataset.look = model.look;
  };
  model.on("items", build);
  model.on("values", fill);
  model.on("disabled", fill);
  model.on("look", look);
  model.on("frame", () => {
    const frame = model.frame;                // answered once it is painted, so that Python makes no more than can be shown
    requestAnimationFrame(() => setTimeout(() => send("seen", frame)));
  });
  build();
  look();
  return form;
}
