// The page: decode the data, keep what is chosen, and wire the controls to the sections.

function decodeCells(columns) {
  const names = Object.keys(columns);
  const value = names.map((name) => {
    const { values, texts, codes } = columns[name];
    return values ? (row) => values[row] : (row) => texts[codes[row]];
  });
  const count = names.length ? (columns[names[0]].values ?? columns[names[0]].codes).length : 0;
  return Array.from({ length: count }, (_, row) => Object.fromEntries(names.map((name, k) => [name, value[k](row)])));
}

function main() {
  const data = JSON.parse(document.getElementById("data").textContent);
  const cells = decodeCells(data.cells);
  document.documentElement.classList.add("js");
  wireCopy();
  wirePairs(data.pairs);
  makeCellTable(cells, data.slots);
  if (!document.getElementById("curves")) return; // nothing was measured, so there is nothing to choose

  const state = { label: cells[0].label, pass: "", batch: "", quantity: "time", hidden: new Set(), version: 0 };
  let draw = null;
  state.choose = (change) => {
    Object.assign(state, change);
    state.version += 1;
    showChoices(state);
    showRanking(state);
    draw?.();
  };
  wireChoices(state);
  wireLegend(cells, data.slots, state);
  wireCases(cells, state);
  wireDownloads(state);
  wireRankingCsv(cells, state);
  const parts = [makeCurves(cells, data.slots, state)];
  if (document.getElementById("roofline")) parts.push(makeRoofline(cells, data.roofs, data.slots, state));
  draw = () => parts.forEach((part) => part());
  state.choose({});
  redrawOnResize(state);
  redrawForPaper(state);
}

// Buttons of which one is pressed. Two groups of the same name are one choice, shown twice.
const CHOICES = { pass: "pass", "batch size": "batch", quantity: "quantity" };

function wireChoices(state) {
  for (const group of document.querySelectorAll("[data-choice]")) {
    const key = CHOICES[group.dataset.choice];
    state[key] = group.querySelector("[aria-pressed=true]")?.dataset.value ?? state[key];
    group.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (button) state.choose({ [key]: button.dataset.value });
    });
  }
}

function showChoices(state) {
  for (const group of document.querySelectorAll("[data-choice]")) {
    const chosen = state[CHOICES[group.dataset.choice]];
    for (const button of group.children) button.setAttribute("aria-pressed", String(button.dataset.value === chosen));
  }
  document.getElementById("case").value = state.label;
  for (const button of document.querySelectorAll(".legend button")) {
    button.setAttribute("aria-pressed", String(!state.hidden.has(button.dataset.backend)));
  }
}

function showRanking(state) {
  for (const body of document.querySelectorAll("tbody[data-pass]")) {
    body.hidden = body.dataset.pass !== state.pass || body.dataset.batch !== state.batch;
  }
}

// The table case by case as seconds: a row a case, a column a backend. Only right cells have a time there.
function wireRankingCsv(cells, state) {
  document.getElementById("ranking-csv")?.addEventListener("click", () => {
    const chosen = cells.filter((cell) => cell.pass === state.pass && String(cell.batch_size) === state.batch);
    const backends = [...new Set(cells.filter((cell) => !isMissing(cell.median_s)).map((cell) => cell.backend))];
    const rows = groupBy(chosen, (cell) => cell.label).map((group) => ({
      case: group[0].label,
      ...Object.fromEntries(group.filter(isProven).map((cell) => [`${cell.backend} (s)`, cell.median_s])),
    }));
    const names = ["case", ...backends.map((backend) => `${backend} (s)`)];
    offerFile(`${fileName("convbench", state.pass, `batch-${state.batch}`)}.csv`, "text/csv", csvOf(names, rows));
  });
}

function wireCases(cells, state) {
  const select = document.getElementById("case");
  fillSelect(select, [...new Set(cells.map((cell) => cell.label))]);
  select.addEventListener("change", () => state.choose({ label: select.value }));
}

// One button a backend that has a time; pressed means shown. Two legends are one choice, shown twice.
function wireLegend(cells, slots, state) {
  const names = [...new Set(cells.filter((cell) => !isMissing(cell.median_s)).map((cell) => cell.backend))];
  for (const legend of document.querySelectorAll(".legend")) legend.replaceChildren(...names.map((name) => {
    const button = element("button", { type: "button", "aria-pressed": "true", "data-backend": name }, marker(slots[name]), name);
    button.addEventListener("click", () => {
      if (!state.hidden.delete(name)) state.hidden.add(name);
      state.choose({});
    });
    return button;
  }));
}

function wirePairs(pairs) {
  const card = document.getElementById("pair");
  const byName = new Map(pairs.map((pair) => [`${pair.left}\n${pair.right}`, pair]));
  const buttons = [...document.querySelectorAll(".matrix button")];
  for (const button of buttons) {
    button.addEventListener("click", () => {
      buttons.forEach((other) => other.setAttribute("aria-pressed", String(other === button)));
      card.replaceChildren(...describePair(byName.get(`${button.dataset.left}\n${button.dataset.right}`)));
    });
  }
}

function describePair(pair) {
  const rows = pair.tensors.map((row) => element("tr", {},
    element("th", { scope: "row" }, row.tensor),
    element("td", {}, row.off ? `${formatInteger(row.off)} of ${formatInteger(row.compared)} do not agree` : `all ${formatInteger(row.compared)} agree`),
    element("td", { class: "number" }, `${row.multiple} × bound`)));
  const parts = [element("h3", {}, `${pair.left} and ${pair.right}`), element("table", {}, ...rows)];
  if (pair.sentences.length) parts.push(element("ul", {}, ...pair.sentences.map((sentence) => element("li", {}, sentence))));
  if (pair.sentences_in_all > pair.sentences.length) {
    parts.push(element("p", { class: "quiet" }, `The ${pair.sentences.length} worst of ${formatInteger(pair.sentences_in_all)}; all are in agreement.csv.`));
  }
  return parts;
}

function wireCopy() {
  const button = document.getElementById("copy"), code = document.getElementById("command");
  if (!button) return; // several runs have several commands, and none to copy
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(code.textContent);
    } catch { // no permission: select it, so that the keyboard can copy it
      getSelection().selectAllChildren(code);
      button.textContent = "Press Ctrl+C";
      return;
    }
    button.textContent = "Copied";
  });
}

function redrawOnResize(state) {
  let width = window.innerWidth, frame = 0;
  window.addEventListener("resize", () => {
    if (window.innerWidth === width) return;
    width = window.innerWidth;
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(() => state.choose({}));
  });
}

// All charts are printed, those too that were not on the screen.
function redrawForPaper(state) {
  for (const [event, active] of [["beforeprint", true], ["afterprint", false]]) {
    window.addEventListener(event, () => {
      paper.active = active;
      state.choose({});
    });
  }
}

// For the console, and for the test that compares units.js with units.py.
window.convbench = { formatSeconds, formatBytes, formatCount, formatNumber, formatInteger, formatShare, formatSecondsRange };

main();
