// The roofline: every cell of the chosen pass and batch size by its FLOPs a byte and its GFLOP/s, under the roofs of the
// machine. Cells of one case stand above each other, for they do the same work.

const formatShare = (value) => (isMissing(value) ? MISSING : `${formatNumber(100 * value)} %`);
const FIRST_TENTH = 0.1;

function makeRoofline(cells, roofs, slots, state) {
  const holder = document.getElementById("roofline-chart");
  const tooltip = makeRooflineTooltip(document.getElementById("tooltip"), slots);
  const placed = cells.filter((cell) => cell.intensity_flops_per_byte > 0 && cell.gflops_per_s > 0);
  return function draw() {
    const chosen = placed.filter((cell) => cell.pass === state.pass && String(cell.batch_size) === state.batch && !state.hidden.has(cell.backend));
    document.querySelector("#roofline .shown").textContent = `${state.pass}, batch size ${state.batch}`;
    drawRoofline(holder, chosen, roofs, slots, tooltip, `Roofline, ${state.pass}, batch size ${state.batch}: ${formatInteger(chosen.length)} cells; the table below has their shares of the roof`);
  };
}

// Cells of each case, by intensity: [{label, intensity, cells}].
function casesOf(cells) {
  const cases = new Map();
  for (const cell of cells) {
    if (!cases.has(cell.label)) cases.set(cell.label, { label: cell.label, intensity: cell.intensity_flops_per_byte, cells: [] });
    cases.get(cell.label).cells.push(cell);
  }
  return [...cases.values()].sort((a, b) => a.intensity - b.intensity);
}

function drawRoofline(holder, cells, roofs, slots, tooltip, label) {
  if (!cells.length) {
    holder.replaceChildren(element("p", { class: "quiet" }, "Not measured."));
    tooltip(null);
    return;
  }
  const width = Math.max(240, widthOf(holder, "whole")), height = Math.round(paper.active ? width * 0.45 : Math.min(560, Math.max(320, width * 0.5)));
  const box = { left: 62, right: width - 14, top: 18, bottom: height - 44 };
  const range = rooflineRange(cells, roofs);
  const x = logScale(...range.x, box.left, box.right), y = logScale(...range.y, box.bottom, box.top);
  const svg = shape("svg", { class: "plot", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label });
  drawUnder(svg, roofs, range, box, x, y);
  drawGrid(svg, range, box, x, y);
  roofs.forEach((roof, index) => drawRoof(svg, roof, index, roofs.length, { range, box, x, y }));
  const cases = casesOf(cells);
  const groups = cases.map((one) => drawCase(one, slots, x, y));
  const layer = shape("g", { class: "cells" }, ...groups);
  svg.append(layer);
  roofs.forEach((roof, index) => nameRoof(svg, roof, index, roofs.length, { range, box, x, y }));
  followCases(svg, layer, { cases, groups, x, y, box }, tooltip);
  holder.replaceChildren(svg);
}

// Whole of the cells and of the roofs' corners, with room around them.
function rooflineRange(cells, roofs) {
  const xs = [...cells.map((cell) => cell.intensity_flops_per_byte), ...roofs.map((roof) => roof.gflops_per_s / roof.gbytes_per_s)];
  const ys = [...cells.map((cell) => cell.gflops_per_s), ...roofs.map((roof) => roof.gflops_per_s)];
  return {
    x: [Math.min(...xs) / 1.8, Math.max(...xs) * 2.2],
    y: [Math.min(...ys) / 1.6, Math.max(...ys) * 1.7],
  };
}

const roofAt = (roof, intensity, share = 1) => share * Math.min(roof.gflops_per_s, intensity * roof.gbytes_per_s);

// The line of a roof within the box, as points; empty where it is below all of it.
function roofPoints(roof, { range, x, y }, share = 1) {
  const ridge = roof.gflops_per_s / roof.gbytes_per_s;
  const start = Math.max(range.x[0], range.y[0] / (share * roof.gbytes_per_s));
  if (start >= range.x[1] || share * roof.gflops_per_s <= range.y[0]) return [];
  return [start, ...(ridge > start && ridge < range.x[1] ? [ridge] : []), range.x[1]].map((at) => [x(at), y(roofAt(roof, at, share))]);
}

const pathOf = (points) => `M${points.map((point) => point.map((value) => value.toFixed(1)).join(" ")).join("L")}`;

function drawUnder(svg, roofs, range, box, x, y) {
  for (const roof of roofs) {
    const points = roofPoints(roof, { range, x, y });
    if (points.length) svg.append(shape("path", { class: "under", d: `${pathOf(points)}L${box.right} ${box.bottom}L${points[0][0].toFixed(1)} ${box.bottom}Z` }));
  }
}

function drawGrid(svg, range, box, x, y) {
  const tick = formatTick(formatNumber);
  for (const value of logTicks(...range.y, 7)) {
    const at = y(value);
    svg.append(shape("line", { class: "grid", x1: box.left, x2: box.right, y1: at, y2: at }), shape("text", { x: box.left - 8, y: at + 4, "text-anchor": "end" }, tick(value)));
  }
  let last = -Infinity;
  for (const value of logTicks(...range.x, 8)) {
    const at = x(value);
    if (at - last < 34) continue;
    last = at;
    svg.append(shape("line", { class: "axis", x1: at, x2: at, y1: box.bottom, y2: box.bottom + 4 }), shape("text", { x: at, y: box.bottom + 17, "text-anchor": "middle" }, tick(value)));
  }
  svg.append(
    shape("line", { class: "axis", x1: box.left, x2: box.right, y1: box.bottom, y2: box.bottom }),
    shape("text", { x: (box.left + box.right) / 2, y: box.bottom + 37, "text-anchor": "middle" }, "FLOPs a byte"),
    shape("text", { x: box.left - 54, y: box.top - 6 }, "GFLOP/s"),
  );
}

function drawRoof(svg, roof, index, count, frame) {
  const points = roofPoints(roof, frame);
  if (points.length) svg.append(shape("path", { class: `roof${index ? " second" : ""}`, d: pathOf(points), "data-roof": roof.label }));
  const tenth = count > 1 ? [] : roofPoints(roof, frame, FIRST_TENTH);
  if (!tenth.length) return;
  svg.append(shape("path", { class: "tenth", d: pathOf(tenth) }));
  svg.append(shape("text", { class: "halo", x: frame.box.right - 4, y: tenth.at(-1)[1] - 5, "text-anchor": "end" }, "10 %"));
}

// The peak over the flat part; the bandwidth along the slope, where that is long enough.
function nameRoof(svg, roof, index, count, frame) {
  const points = roofPoints(roof, frame);
  if (!points.length) return;
  const [px, py] = points.at(-1), [sx, sy] = points[0], [rx, ry] = points.at(-2);
  const flat = rx > sx || points.length > 2 || Math.abs(ry - py) < 1;
  const named = count > 1 ? `${roof.label} ` : "";
  if (flat) svg.append(shape("text", { class: "roof-name halo", x: px - 4, y: py - 8, "text-anchor": "end" }, `${named}${formatNumber(roof.gflops_per_s)} GFLOP/s`));
  const [ex, ey] = points.length > 2 ? points[1] : [px, py];
  const long = Math.hypot(ex - sx, ey - sy);
  if (index || long < 90 || ey === sy) return;
  const angle = (Math.atan2(ey - sy, ex - sx) * 180) / Math.PI, mx = sx + (ex - sx) * 0.5, my = sy + (ey - sy) * 0.5;
  svg.append(shape("text", { class: "roof-name halo", x: mx, y: my - 8, "text-anchor": "middle", transform: `rotate(${angle.toFixed(1)} ${mx.toFixed(1)} ${my.toFixed(1)})` }, `${formatNumber(roof.gbytes_per_s)} GB/s`));
}

function drawCase(one, slots, x, y) {
  const size = 11, px = x(one.intensity);
  return shape("g", { "data-case": one.label }, ...one.cells.map((cell) => shape("g", { class: `b${slots[cell.backend]}`, "data-backend": cell.backend },
    shape("use", { class: "dot", href: isProven(cell) ? `#m${slots[cell.backend]}` : "#cross", x: px - size / 2, y: y(cell.gflops_per_s) - size / 2, width: size, height: size }))));
}

// Tell of the case nearest to the pointer, or chosen by the arrow keys, and let its cells stand out.
function followCases(svg, layer, { cases, groups, x, y, box }, tooltip) {
  const cursor = shape("line", { class: "cursor", y1: box.top, y2: box.bottom, visibility: "hidden" });
  svg.prepend(cursor);
  svg.setAttribute("tabindex", "0");
  let current = -1;
  const show = (index, near, place) => {
    current = index;
    layer.classList.toggle("aside", index >= 0);
    groups.forEach((group, k) => group.classList.toggle("column", k === index));
    cursor.setAttribute("visibility", index < 0 ? "hidden" : "visible");
    if (index >= 0) for (const end of ["x1", "x2"]) cursor.setAttribute(end, x(cases[index].intensity));
    tooltip(index < 0 ? null : { one: cases[index], near, place });
  };
  const scale = () => svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
  svg.addEventListener("pointermove", (event) => {
    const frame = svg.getBoundingClientRect(), px = (event.clientX - frame.left) / scale(), py = (event.clientY - frame.top) / scale();
    let best = { distance: Infinity };
    cases.forEach((one, index) => one.cells.forEach((cell) => {
      const distance = Math.hypot(x(one.intensity) - px, y(cell.gflops_per_s) - py);
      if (distance < best.distance) best = { distance, index, cell };
    }));
    if (best.distance < 40) show(best.index, best.cell, { x: event.clientX, y: event.clientY }); else if (current >= 0) show(-1);
  });
  svg.addEventListener("pointerleave", () => show(-1));
  svg.addEventListener("blur", () => show(-1));
  svg.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const index = Math.min(cases.length - 1, Math.max(0, current + step)), frame = svg.getBoundingClientRect();
    show(index, null, { x: frame.left + x(cases[index].intensity) * scale(), y: frame.top + frame.height / 3 });
  });
}

function makeRooflineTooltip(node, slots) {
  return (what) => {
    node.hidden = !what;
    if (!what) return;
    const cells = what.one.cells.toSorted((a, b) => b.gflops_per_s - a.gflops_per_s), first = cells[0];
    const rows = cells.map((cell) => element("tr", { class: cell === what.near ? "near" : null },
      element("td", {}, marker(slots[cell.backend]), ` ${cell.backend}`),
      element("td", { class: "number" }, `${formatNumber(cell.gflops_per_s)} GFLOP/s`),
      element("td", {}, [formatShare(cell.roofline_share), cell.roofline_label, isProven(cell) ? "" : stateOf(cell)].filter(Boolean).join(", "))));
    const roof = isMissing(first.attainable_gflops_per_s) ? "" : `: at most ${formatNumber(first.attainable_gflops_per_s)} GFLOP/s by ${first.bound_by}`;
    node.replaceChildren(
      element("b", {}, `${what.one.label}, ${first.pass}, batch size ${first.batch_size}`),
      element("p", { class: "quiet" }, `${formatNumber(what.one.intensity)} FLOPs a byte${roof}`),
      element("table", {}, ...rows));
    placeTooltip(node, what.place);
  };
}
