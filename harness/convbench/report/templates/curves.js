// The section of curves: what is chosen (case, pass, backends), the two charts of it, and all cases small.

const QUANTITIES = {
  time: {
    format: formatSeconds,
    point: (cell) => ({ y: cell.median_s, low: cell.ci_low_s, high: cell.ci_high_s }),
    text: (cell) => [formatSeconds(cell.median_s), spreadText(cell)],
    title: "Time per call",
  },
  memory: {
    format: formatBytes,
    point: (cell) => ({ y: cell.peak_memory_bytes, low: cell.peak_memory_min_bytes, high: cell.peak_memory_max_bytes }),
    text: (cell) => [formatBytes(cell.peak_memory_bytes), memorySpreadText(cell)],
    title: "Peak memory per call",
  },
};

function spreadText(cell) {
  if (!isMissing(cell.ci_low_s)) return formatSecondsRange(cell.ci_low_s, cell.ci_high_s);
  if (!isMissing(cell.p25_s)) return `quartiles ${formatSecondsRange(cell.p25_s, cell.p75_s)}`;
  return isMissing(cell.median_s) ? "" : `${cell.samples} sample${cell.samples === 1 ? "" : "s"}`;
}

function memorySpreadText(cell) {
  const range = formatBytesRange(cell.peak_memory_min_bytes, cell.peak_memory_max_bytes);
  const factor = isMissing(cell.memory_factor) ? "" : `${formatNumber(cell.memory_factor)}× the least`;
  const kept = isMissing(cell.kept_memory_bytes) ? "" : `${formatBytes(cell.kept_memory_bytes)} kept for backward`;
  return [range === MISSING ? "" : range, factor, kept, cell.memory_source].filter(Boolean).join(", ");
}

const isProven = (cell) => cell.status === "ok" && ["agrees", "differs on NaN"].includes(cell.verdict);
const stateOf = (cell) => (cell.status === "ok" ? cell.verdict || "not checked" : cell.status);

// Cells by case label and pass, in order of appearance.
function groupCells(cells) {
  const groups = new Map();
  for (const cell of cells) {
    const key = `${cell.label}\n${cell.pass}`;
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push(cell);
  }
  return groups;
}

function seriesOf(cells, quantity, slots, hidden) {
  const byBackend = new Map();
  for (const cell of cells) {
    if (hidden.has(cell.backend)) continue;
    const point = { ...QUANTITIES[quantity].point(cell), x: cell.batch_size, proven: isProven(cell), cell };
    if (!byBackend.has(cell.backend)) byBackend.set(cell.backend, []);
    byBackend.get(cell.backend).push(point);
  }
  return [...byBackend].map(([name, points]) => ({ name, slot: slots[name], run: (points[0].cell.run_place ?? 0) % 4, points: points.sort((a, b) => a.x - b.x) }));
}

function makeCurves(cells, slots, state) {
  const groups = groupCells(cells);
  const labels = [...new Set(cells.map((cell) => cell.label))];
  const at = (label) => groups.get(`${label}\n${state.pass}`) ?? [];
  const xsOf = (group) => {
    const all = [...new Set(group.map((cell) => cell.batch_size))].sort((a, b) => a - b);
    const measured = group.filter((cell) => !isMissing(cell.median_s)).map((cell) => cell.batch_size);
    return measured.length ? all.filter((size) => size >= Math.min(...measured) && size <= Math.max(...measured)) : all;
  };
  const tooltip = makeTooltip(document.getElementById("tooltip"), slots);

  function drawMain() {
    const group = at(state.label);
    for (const node of document.querySelectorAll("#curves .shown")) node.textContent = `${state.label}, ${state.pass}`;
    document.querySelector("#curves .shown-pass").textContent = `${QUANTITIES[state.quantity].title.toLowerCase()}, ${state.pass}`;
    for (const quantity of ["time", "memory"]) {
      const xs = xsOf(group), series = seriesOf(group, quantity, slots, state.hidden);
      drawChart(document.getElementById(`${quantity}-chart`), {
        series, xs,
        format: QUANTITIES[quantity].format,
        label: `${QUANTITIES[quantity].title} over batch size, ${state.label}, ${state.pass}`,
        onPoint: (index, place) => tooltip(index < 0 ? null : { series, quantity, x: xs[index], place }),
      });
    }
    document.getElementById("not-drawn").replaceChildren(...notDrawn(group));
  }

  const multiples = document.getElementById("multiples");
  const buttons = labels.map((label) => {
    const chart = element("div");
    const button = element("button", { type: "button", "data-case": label }, element("b", {}, label), chart);
    button.addEventListener("click", () => {
      state.choose({ label });
      document.getElementById("curves").scrollIntoView();
    });
    button.draw = () => {
      const group = at(label), { format, title } = QUANTITIES[state.quantity];
      drawChart(chart, { series: seriesOf(group, state.quantity, slots, state.hidden), xs: xsOf(group), format, compact: true, onPoint: null, label: `${title}, ${label}` });
      button.drawn = state.version;
    };
    return button;
  });
  multiples.replaceChildren(...buttons);

  // Only what is on the screen is drawn, for there may be hundreds; the first few at once.
  const visible = new Set(buttons.slice(0, 12));
  const observer = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (entry.isIntersecting) visible.add(entry.target); else visible.delete(entry.target);
    }
    drawVisible();
  }, { rootMargin: "300px" });
  buttons.forEach((button) => observer.observe(button));
  const drawVisible = () => (paper.active ? buttons : visible).forEach((button) => { if (button.drawn !== state.version) button.draw(); });

  return function draw() {
    drawMain();
    buttons.forEach((button) => button.setAttribute("aria-pressed", String(button.dataset.case === state.label)));
    drawVisible();
  };
}

// Sentences on the cells of a chart that have no time: nothing is left out in silence. Backends with the same fate share one.
function notDrawn(group) {
  const listOf = (values) => values.join(", ");
  const ofBackends = groupBy(group.filter((cell) => isMissing(cell.median_s)), (cell) => `${cell.backend}\n${cell.status}`);
  const alike = groupBy(ofBackends, (cells) => [listOf(cells.map((cell) => cell.batch_size)), cells[0].status, cells[0].reason].join("\n"));
  return alike.map((same) => {
    const [{ status, reason }] = same[0];
    const where = `${listOf(same.map((cells) => cells[0].backend))} at batch size ${listOf(same[0].map((cell) => cell.batch_size))}`;
    return element("p", {}, `Not drawn: ${where}, ${status}${reason ? `: ${reason}` : ""}`);
  });
}

// Lists of the items that have the same key, in order of appearance.
function groupBy(items, keyOf) {
  const groups = new Map();
  for (const item of items) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item]);
  return [...groups.values()];
}

function makeTooltip(node, slots) {
  return (what) => {
    node.hidden = !what;
    if (!what) return;
    const rows = what.series
      .map((one) => ({ one, point: one.points.find((point) => point.x === what.x) }))
      .filter(({ point }) => point && !isMissing(point.y))
      .sort((a, b) => b.point.y - a.point.y)
      .map(({ one, point }) => {
        const [value, spread] = QUANTITIES[what.quantity].text(point.cell);
        const state = point.proven ? "" : `${stateOf(point.cell)}, `;
        return element("tr", {}, element("td", {}, marker(slots[one.name]), ` ${one.name}`), element("td", { class: "number" }, value), element("td", {}, state + spread));
      });
    node.replaceChildren(element("b", {}, `Batch size ${what.x}`), element("table", {}, ...rows));
    placeTooltip(node, what.place);
  };
}

// Beside the pointer, within the window.
function placeTooltip(node, place) {
  const { width, height } = node.getBoundingClientRect();
  const left = place.x + 18 + width > window.innerWidth ? place.x - 18 - width : place.x + 18;
  node.style.left = `${Math.max(8, left)}px`;
  node.style.top = `${Math.max(8, Math.min(window.innerHeight - height - 8, place.y - height / 2))}px`;
}
