// The table of all cells: filtered, sorted and shown a page at a time, so that ten thousand rows are as quick as ten.

const PAGE_ROWS = 25;
const seconds = (key) => (cell) => formatSeconds(cell[key]);
const bytes = (key) => (cell) => formatBytes(cell[key]);
const text = (key) => (cell) => cell[key] || MISSING;
// Columns of measurements.csv that stand behind a column here, where that is not the one of its key.
const COLUMNS_IN_CSV = {
  label: ["workload", "case", "dtype"],
  ci_high_s: ["ci_low_s", "ci_high_s"],
  p75_s: ["p25_s", "p75_s"],
  peak_memory_max_bytes: ["peak_memory_min_bytes", "peak_memory_max_bytes"],
  roofline_share: ["roofline_share", "roofline_label"],
};

// [heading, key to sort by, how a cell is shown, is a number, is shown at first]
const COLUMNS = [
  ["run", "run", text("run"), false, true],
  ["machine", "machine", text("machine"), false, true],
  ["case", "label", text("label"), false, true],
  ["operation", "operation", text("operation"), false, false],
  ["dtype", "dtype", text("dtype"), false, false],
  ["batch", "batch_size", (cell) => formatInteger(cell.batch_size), true, true],
  ["pass", "pass", text("pass"), false, true],
  ["backend", "backend", null, false, true],
  ["status", "status", null, false, true],
  ["median", "median_s", seconds("median_s"), true, true],
  ["95 % interval", "ci_high_s", (cell) => formatSecondsRange(cell.ci_low_s, cell.ci_high_s), true, true],
  ["quartiles", "p75_s", (cell) => formatSecondsRange(cell.p25_s, cell.p75_s), true, false],
  ["least", "min_s", seconds("min_s"), true, false],
  ["samples", "samples", (cell) => formatInteger(cell.samples || null), true, true],
  ["loops", "loops", (cell) => formatInteger(cell.loops), true, false],
  ["first call", "first_call_s", seconds("first_call_s"), true, true],
  ["second call", "second_call_s", seconds("second_call_s"), true, false],
  ["conversion", "convert_s", seconds("convert_s"), true, false],
  ["predicted", "predicted_s", seconds("predicted_s"), true, false],
  ["peak memory", "peak_memory_bytes", bytes("peak_memory_bytes"), true, true],
  ["memory range", "peak_memory_max_bytes", (cell) => formatBytesRange(cell.peak_memory_min_bytes, cell.peak_memory_max_bytes), true, false],
  ["least it could need", "least_memory_bytes", bytes("least_memory_bytes"), true, false],
  ["of the least", "memory_factor", (cell) => (isMissing(cell.memory_factor) ? MISSING : `${formatNumber(cell.memory_factor)}×`), true, true],
  ["kept for backward", "kept_memory_bytes", bytes("kept_memory_bytes"), true, true],
  ["memory source", "memory_source", text("memory_source"), false, false],
  ["GFLOP/s", "gflops_per_s", (cell) => formatNumber(cell.gflops_per_s), true, false],
  ["valid GFLOP/s", "valid_gflops_per_s", (cell) => formatNumber(cell.valid_gflops_per_s), true, false],
  ["GB/s", "gbytes_per_s", (cell) => formatNumber(cell.gbytes_per_s), true, false],
  ["FLOPs a byte", "intensity_flops_per_byte", (cell) => formatNumber(cell.intensity_flops_per_byte), true, false],
  ["attainable", "attainable_gflops_per_s", (cell) => formatNumber(cell.attainable_gflops_per_s), true, false],
  ["of the roof", "roofline_share", (cell) => [formatShare(cell.roofline_share), cell.roofline_label].filter(Boolean).join(" "), true, false],
  ["FLOPs", "flops", (cell) => formatCount(cell.flops), true, false],
  ["valid FLOPs", "valid_flops", (cell) => formatCount(cell.valid_flops), true, false],
  ["compulsory", "compulsory_bytes", bytes("compulsory_bytes"), true, false],
  ["algorithm", "algorithm", text("algorithm"), false, false],
  ["threads", "effective_threads", (cell) => formatNumber(cell.effective_threads), true, false],
  ["verdict", "verdict", text("verdict"), false, false],
  ["exact", "exact", text("exact"), false, false],
  ["random", "random", text("random"), false, false],
  ["identities", "identities", text("identities"), false, false],
  ["other data", "other_data", text("other_data"), false, false],
  ["NaN and infinity", "non_finite", text("non_finite"), false, false],
  ["sampled", "sampled", text("sampled"), false, false],
  ["reason", "reason", text("reason"), false, true],
];

// Missing values come last, whichever way it is sorted.
function compareCells(key, direction) {
  const empty = (value) => isMissing(value) || value === "";
  return (a, b) => {
    const left = a[key], right = b[key];
    if (empty(left) || empty(right)) return empty(left) - empty(right);
    return direction * (typeof left === "string" ? left.localeCompare(right) : left - right);
  };
}

function makeCellTable(cells, slots) {
  const view = { key: null, direction: 1, page: 0, rows: cells };
  const table = document.getElementById("cell-table");
  const [filter, status, pass, all] = ["cell-filter", "cell-status", "cell-pass", "cell-columns"].map((id) => document.getElementById(id));
  const searchable = cells.map((cell) => [cell.run, cell.machine, cell.label, cell.operation, cell.dtype, `batch ${cell.batch_size}`, cell.pass, cell.backend, stateOf(cell), cell.algorithm, cell.reason].join(" ").toLowerCase());
  fillSelect(status, ["all", ...new Set(cells.map(stateOf))]);
  fillSelect(pass, ["all", ...new Set(cells.map((cell) => cell.pass))]);

  const hasValues = new Set(COLUMNS.map((column) => column[1]).filter((key) => cells.some((cell) => !isMissing(cell[key]) && cell[key] !== "")));
  const shown = () => COLUMNS.filter(([, key, , , first]) => (all.checked || first) && hasValues.has(key));

  function select() {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    view.rows = cells.filter((cell, index) =>
      (status.value === "all" || stateOf(cell) === status.value) &&
      (pass.value === "all" || cell.pass === pass.value) &&
      words.every((word) => searchable[index].includes(word)));
    if (view.key) view.rows.sort(compareCells(view.key, view.direction));
    view.page = 0;
    draw();
  }

  function sortBy(key) {
    view.direction = view.key === key ? -view.direction : 1;
    view.key = key;
    select();
  }

  function draw() {
    const columns = shown(), pages = Math.max(1, Math.ceil(view.rows.length / PAGE_ROWS)), start = view.page * PAGE_ROWS;
    const heads = columns.map(([heading, key, , isNumber]) => {
      const button = element("button", { type: "button" }, heading);
      button.addEventListener("click", () => {
        sortBy(key);
        table.querySelector(`th[data-key="${key}"] button`)?.focus();
      });
      const order = view.key === key ? (view.direction > 0 ? "ascending" : "descending") : null;
      return element("th", { scope: "col", "data-key": key, class: isNumber ? "number" : null, "aria-sort": order }, button);
    });
    table.tHead.replaceChildren(element("tr", {}, ...heads));
    table.tBodies[0].replaceChildren(...view.rows.slice(start, start + PAGE_ROWS).map((cell) => element("tr", {}, ...columns.map((column) => drawCell(cell, column)))));
    const range = view.rows.length ? `${formatInteger(start + 1)}–${formatInteger(Math.min(start + PAGE_ROWS, view.rows.length))} of ` : "";
    document.getElementById("page").textContent = `${range}${formatInteger(view.rows.length)} cell${view.rows.length === 1 ? "" : "s"}`;
    document.getElementById("previous").disabled = view.page === 0;
    document.getElementById("next").disabled = view.page >= pages - 1;
  }

  function drawCell(cell, [, key, show, isNumber]) {
    if (key === "backend") return element("td", {}, element("span", { class: "backend" }, marker(slots[cell.backend]), cell.backend));
    if (key === "status") return element("td", {}, element("span", { class: `pill ${stateOf(cell) === "agrees" ? "ok" : stateOf(cell).replaceAll(" ", "-")}` }, stateOf(cell) === "agrees" ? "ok" : stateOf(cell)));
    return element("td", { class: isNumber ? "number" : key === "reason" && cell.reason ? "reason" : null }, show(cell));
  }

  document.getElementById("cell-csv").addEventListener("click", () => {
    const names = new Set(shown().flatMap(([, key]) => COLUMNS_IN_CSV[key] ?? [key]));
    offerFile("convbench-cells.csv", "text/csv", csvOf([...names], view.rows));
  });
  const turn = (step) => () => { view.page += step; draw(); };
  document.getElementById("previous").addEventListener("click", turn(-1));
  document.getElementById("next").addEventListener("click", turn(1));
  filter.addEventListener("input", select);
  for (const control of [status, pass]) control.addEventListener("change", select);
  all.addEventListener("change", draw);
  draw();
}

function fillSelect(node, values) {
  node.replaceChildren(...values.map((value) => element("option", { value }, value)));
}
