
"use strict";
// Comfort only: the page is read without it. Values come from the titles of the tokens: post, gate, in, act.
(() => {
  const body = document.body, told = document.getElementById("status");
  const all = (query, under = document) => [...under.querySelectorAll(query)];
  const names = ["post", "gate", "in", "act"];
  const state = { colour: body.dataset.colour, turned: false };
  const turning = new Set((body.dataset.turning || "").split(" "));
  const values = new Map();
  for (const token of all(".pane li [title]")) {
    values.set(token, token.title.split(";").map(one => one.split(",").map(Number)));
    token.removeAttribute("title");
  }
  const turned = name => state.turned && turning.has(name);
  const shown = (name, value) => (turned(name) ? -value : value) + 0;
  const text = value => (value > 0 ? "+" : "") + String(value);

  // colours

  const paint = () => {
    const steps = Number(body.dataset.steps), end = Number(body.dataset[state.colour]);
    const place = names.indexOf(state.colour);
    for (const pane of all(".pane")) {
      const [gate, inside] = [...pane.dataset.quadrant].map(sign => sign === "+" ? 1 : -1);
      for (const token of all("i", pane)) {
        if (!values.has(token)) continue;
        let level = 0;
        for (const one of values.get(token)) {
          if (one[1] * gate <= 0 || shown("in", one[2]) * inside <= 0 || !(end > 0)) continue;
          const share = Math.sqrt(Math.abs(one[place]) / end);
          const step = Math.min(steps, Math.floor(share * steps + 0.5));
          if (step > Math.abs(level)) level = shown(state.colour, one[place]) > 0 ? step : -step;
        }
        const at = token.classList.contains("at");
        token.className = level ? (level > 0 ? "p" : "n") + Math.abs(level) : "";
        if (at) token.classList.add("at");
      }
    }
    const largest = Number(end.toPrecision(3));
    document.getElementById("colour").textContent = state.colour;
    document.getElementById("low").textContent = "-" + largest;
    document.getElementById("high").textContent = "+" + largest;
  };

  // aligned and raw signs of a flipped neuron: in changes its sign, and with it the quadrant

  const negated = word => word.startsWith("+") ? "-" + word.slice(1) : word.startsWith("-") && word.length > 1 ? "+" + word.slice(1) : word;
  const flip = word => word[0] + (word[1] === "+" ? "-" : "+");
  const letters = word => word.replaceAll("+", "p").replaceAll("-", "n");
  const turn = () => {
    state.turned = !state.turned;
    for (const one of all(".turns")) one.textContent = negated(one.textContent);
    for (const one of all(".quadrant")) one.textContent = flip(one.textContent);
    for (const one of all(".pane .words")) one.textContent = one.textContent.slice(0, -1) + (one.textContent.endsWith("+") ? "-" : "+");
    for (const one of all(".writes span")) one.textContent = one.textContent.includes("+out") ? one.textContent.replace("+out", "-out") : one.textContent.replace("-out", "+out");
    for (const one of all(".end")) one.textContent = one.textContent.replace(/( and in )([+-])$/, (_, words, sign) => words + (sign === "+" ? "-" : "+"));
    for (const pane of all(".pane")) {
      pane.dataset.quadrant = flip(pane.dataset.quadrant);
      pane.className = "pane o-" + letters(pane.dataset.quadrant);
    }
    const table = document.querySelector(".statistics tbody"), [a, b, c, d] = [...table.rows];
    if (d) table.append(b, a, d, c);
    for (const row of all(".quantiles tbody tr")) {
      const cells = all(".turns", row), kept = cells.map(cell => cell.textContent).reverse();
      cells.forEach((cell, place) => { cell.textContent = kept[place]; });
    }
    for (const one of all("[data-partner]")) [one.textContent, one.dataset.partner] = [one.dataset.partner, one.textContent];
    const cells = document.querySelector(".density .cells");
    if (cells) {
      const width = document.querySelector(".density").viewBox.baseVal.width - 8;
      if (state.turned) cells.setAttribute("transform", `translate(${width} 0) scale(-1 1)`); else cells.removeAttribute("transform");
      for (const path of all("path", cells)) path.setAttribute("class", (path.getAttribute("class")[0] === "p" ? "n" : "p") + path.getAttribute("class").slice(1));
      const counts = all(".density .count"), kept = counts.map(one => one.textContent.slice(2));
      counts.forEach((one, place) => { one.textContent = one.textContent.slice(0, 2) + kept[place ^ 1]; });
    }
    const signs = document.getElementById("signs"), other = signs.dataset.other;
    signs.dataset.other = signs.textContent;
    signs.textContent = other || (signs.textContent.startsWith("aligned") ? "raw, flips when aligned" : "aligned, flipped");
    paint();
  };

  // the values of a token

  const describe = token => {
    const word = token.textContent;
    const lines = (values.get(token) || []).map(one => names.map((name, place) => `${name} ${text(shown(name, one[place]))}`).join("  "));
    return lines.length ? `${word}\n${lines.join("\n")}` : `${word}\nnot counted`;
  };
  const tell = token => {
    told.textContent = describe(token);
    told.hidden = false;
    const place = token.getBoundingClientRect(), size = told.getBoundingClientRect();
    told.style.left = Math.max(4, Math.min(place.left, innerWidth - size.width - 8)) + "px";
    told.style.top = (place.bottom + size.height + 8 < innerHeight ? place.bottom + 4 : Math.max(4, place.top - size.height - 4)) + "px";
  };
  const hush = () => { told.hidden = true; };
  document.addEventListener("pointerover", event => {
    const token = event.target.closest(".pane li i, .pane li s");
    if (token) tell(token); else if (!document.querySelector(".at")) hush();
  });

  // keys

  const ordered = () => all(".pane").sort((one, other) => getComputedStyle(one).order - getComputedStyle(other).order).flatMap(pane => all("li", pane));
  const tokens = context => all("p i, p s", context);
  const leave = () => { for (const one of all(".at")) one.classList.remove("at"); };
  const stand = (context, token) => {
    leave();
    token.classList.add("at");
    context.focus({ preventScroll: true });
    context.scrollIntoView({ block: "nearest" });
    tell(token);
  };
  const peak = context => context.querySelector("b i, b s");
  for (const context of all(".pane li")) {
    context.tabIndex = -1;
    context.addEventListener("focus", () => { if (!context.querySelector(".at")) stand(context, peak(context)); });
    context.addEventListener("blur", () => { leave(); hush(); });
  }
  const first = ordered()[0];
  if (first) first.tabIndex = 0;
  const go = rel => { const link = document.querySelector(`link[rel=${rel}]`); if (link) location.href = link.getAttribute("href"); };
  document.addEventListener("keydown", event => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("select, input, button")) return;
    const here = document.activeElement.closest(".pane li");
    if (event.key === "j") go("next");
    else if (event.key === "k") go("prev");
    else if (event.key === "Escape") { hush(); if (here) here.blur(); }
    else if (here && (event.key === "ArrowRight" || event.key === "ArrowLeft")) {
      const list = tokens(here), at = list.findIndex(one => one.classList.contains("at"));
      const token = list[Math.min(Math.max(at + (event.key === "ArrowRight" ? 1 : -1), 0), list.length - 1)];
      if (token) stand(here, token);
      event.preventDefault();
    } else if (here && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      const list = ordered(), next = list[list.indexOf(here) + (event.key === "ArrowDown" ? 1 : -1)];
      if (next) { here.tabIndex = -1; next.tabIndex = 0; stand(next, peak(next)); }
      event.preventDefault();
    }
  });

  // tools

  const form = document.querySelector("form.tools");
  for (const one of all(".keys")) one.hidden = false;
  if (form) {
    form.hidden = false;
    form.addEventListener("submit", event => event.preventDefault());
    form.addEventListener("change", event => {
      const { name, value } = event.target;
      if (name === "colour") { state.colour = value; paint(); }
      if (name === "signs" && (value === "turned") !== state.turned) turn();
      if (name === "theme") { if (value) document.documentElement.dataset.theme = value; else delete document.documentElement.dataset.theme; }
    });
    form.reset();
  }

  // the table of neurons

  for (const table of all("table.index")) {
    const rows = table.tBodies[0];
    all("thead th", table).forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = head.textContent;
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") !== "descending";
        for (const other of all("thead th", table)) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const key = row => { const cell = row.cells[column]; return cell.dataset.v === undefined ? cell.textContent : cell.dataset.v === "" ? null : Number(cell.dataset.v); };
        const sorted = [...rows.rows].sort((one, other) => {
          const a = key(one), b = key(other);
          if (a === null || b === null) return (a === null) - (b === null);
          const order = typeof a === "number" ? a - b : a.localeCompare(b, "en", { numeric: true });
          return down ? -order : order;
        });
        rows.append(...sorted);
      });
    });
  }
})();
