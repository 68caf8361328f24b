// One chart: lines over logarithmic axes, drawn as SVG. It knows nothing of the page around it.
//
// A series is {name, slot, points}; a point is {x, y, low, high, proven, cell}, ascending in x. Points with no positive y
// are not drawn. A line is interrupted where a batch size is missing, and dotted where an end is not proven right.

const SVG = "http://www.w3.org/2000/svg"; // a name, not an address: nothing is loaded from it

// The widths of charts on paper, in pixels: a browser does not tell them before it prints.
const paper = { active: false, whole: 654, half: 318, third: 194 };
const widthOf = (holder, onPaper) => (paper.active ? paper[onPaper] : holder.clientWidth || 600);

function element(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) if (value !== null) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

function shape(name, attributes = {}, ...children) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) if (value !== null) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

const marker = (slot) => shape("svg", { class: `marker b${slot}`, "aria-hidden": "true" }, shape("use", { href: `#m${slot}` }));

function logScale(low, high, from, to) {
  const start = Math.log(low), span = Math.log(high) - start;
  return (value) => (span ? from + ((Math.log(value) - start) / span) * (to - from) : (from + to) / 2);
}

// Powers of ten within low .. high; with 2 and 5 between them where there are few. At least about `least`.
function logTicks(low, high, most) {
  const decades = Math.log10(high / low);
  const steps = decades < 1.2 ? [1, 1.5, 2, 3, 5, 7] : decades < 2.6 ? [1, 2, 5] : [1];
  const stride = Math.max(1, Math.ceil(decades / most));
  const ticks = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
    if (power % stride) continue;
    for (const step of steps) {
      const value = step * 10 ** power;
      if (value >= low * 0.999 && value <= high * 1.001) ticks.push(value);
    }
  }
  return ticks;
}

// Move labels apart to a distance of at least `gap`, as little as possible, within top .. bottom.
function spreadOut(places, gap, top, bottom) {
  const order = places.map((place, index) => ({ index, place })).sort((a, b) => a.place - b.place);
  order.forEach((item, k) => { item.place = Math.max(item.place, k ? order[k - 1].place + gap : top); });
  for (let k = order.length - 1; k >= 0; k--) {
    const limit = k === order.length - 1 ? bottom : order[k + 1].place - gap;
    order[k].place = Math.min(order[k].place, limit);
  }
  return order.sort((a, b) => a.index - b.index).map((item) => item.place);
}

function extent(series) {
  const values = series.flatMap((one) => one.points.flatMap((point) => [point.y, point.low, point.high]))
    .filter((value) => value > 0);
  if (!values.length) return null;
  const low = Math.min(...values), high = Math.max(...values);
  const margin = Math.max((high / low) ** 0.05, 1.12);
  return [low / margin, high * margin];
}

// Draw into `holder`. spec: {series, xs, format, label, compact, onPoint(index, event) or null}.
function drawChart(holder, spec) {
  const { compact = false } = spec;
  const series = spec.series
    .map((one) => ({ ...one, points: one.points.filter((point) => point.y > 0) }))
    .filter((one) => one.points.length);
  const range = extent(series);
  if (!range) {
    holder.replaceChildren(element("p", { class: "quiet" }, "Not measured."));
    return;
  }
  const width = Math.max(190, widthOf(holder, compact ? "third" : "half")), height = compact ? 150 : Math.round(paper.active ? width * 0.78 : Math.min(400, Math.max(300, width * 0.6)));
  const named = !compact && (width > 430 || paper.active) && series.length > 1;
  const nameWidth = named ? 14 + Math.max(...series.map((one) => one.name.length)) * 7.8 : 14;
  const box = { left: compact ? 44 : 58, right: width - nameWidth, top: compact ? 8 : 16, bottom: height - (compact ? 22 : 40) };
  const inset = spec.xs.length > 1 ? (compact ? 6 : 14) : 0;
  const x = logScale(spec.xs[0], spec.xs.at(-1), box.left + inset, box.right - inset);
  const y = logScale(range[0], range[1], box.bottom, box.top);
  const dodge = (index) => (spec.xs.length > 1 ? 0 : (index - (series.length - 1) / 2) * Math.min(26, (box.right - box.left) / (series.length + 1)));
  const naming = compact ? { "aria-hidden": "true" } : { role: "img", "aria-label": `${spec.label}. ${describe(series, spec.format)}` };
  const svg = shape("svg", { class: "plot", viewBox: `0 0 ${width} ${height}`, ...naming });
  drawAxes(svg, spec, range, box, x, y, compact);
  series.forEach((one, index) => svg.append(drawSeries(one, spec.xs, (v) => x(v) + dodge(index), y, compact)));
  if (named) drawNames(svg, series, box, (point, index) => [x(point.x) + dodge(index), y(point.y)]);
  if (spec.onPoint) followPointer(svg, spec, box, x);
  holder.replaceChildren(svg);
}

// The chart in words, for those who cannot see it: where each line begins and ends.
function describe(series, format) {
  const at = (point) => `${format(point.y)} at ${point.x}${point.proven ? "" : " (not proven right)"}`;
  return series.map(({ name, points }) => `${name}: ${points.length > 1 ? `${at(points[0])}, ${at(points.at(-1))}` : at(points[0])}`).join("; ");
}

function drawAxes(svg, spec, range, box, x, y, compact) {
  const tick = formatTick(spec.format);
  for (const value of logTicks(range[0], range[1], compact ? 4 : 8)) {
    const at = y(value);
    svg.append(
      shape("line", { class: "grid", x1: box.left, x2: box.right, y1: at, y2: at }),
      shape("text", { x: box.left - 8, y: at + 4, "text-anchor": "end" }, tick(value)),
    );
  }
  svg.append(shape("line", { class: "axis", x1: box.left, x2: box.right, y1: box.bottom, y2: box.bottom }));
  let last = -Infinity;
  for (const value of spec.xs) {
    const at = x(value);
    if (at - last < (compact ? 26 : 34)) continue;
    last = at;
    svg.append(
      shape("line", { class: "axis", x1: at, x2: at, y1: box.bottom, y2: box.bottom + 4 }),
      shape("text", { x: at, y: box.bottom + 17, "text-anchor": "middle" }, String(value)),
    );
  }
  if (!compact) svg.append(shape("text", { x: (box.left + box.right) / 2, y: box.bottom + 36, "text-anchor": "middle" }, "batch size"));
}

function drawSeries(one, xs, x, y, compact) {
  const group = shape("g", { class: `series b${one.slot}`, "data-backend": one.name });
  const place = (point) => [x(point.x), y(point.y)];
  const next = (point) => one.points.find((other) => other.x === xs[xs.indexOf(point.x) + 1]);
  for (const point of one.points) {
    const [px, py] = place(point), follower = next(point), hasBand = point.low > 0 && point.high > 0;
    if (follower) {
      if (hasBand && follower.low > 0) {
        const corners = [[px, y(point.high)], [x(follower.x), y(follower.high)], [x(follower.x), y(follower.low)], [px, y(point.low)]];
        group.prepend(shape("path", { class: "band", d: `M${corners.map((corner) => corner.map((v) => v.toFixed(1)).join(" ")).join("L")}Z` }));
      }
      const [fx, fy] = place(follower);
      const proven = point.proven && follower.proven;
      group.append(shape("path", { class: `line r${one.run ?? 0}${proven ? "" : " unproven"}`, d: `M${px.toFixed(1)} ${py.toFixed(1)}L${fx.toFixed(1)} ${fy.toFixed(1)}` }));
    } else if (hasBand && !one.points.some((other) => next(other) === point)) {
      group.append(shape("line", { class: "whisker", x1: px, x2: px, y1: y(point.low), y2: y(point.high) }));
    }
  }
  const size = compact ? 7 : 11;
  for (const point of one.points) {
    const [px, py] = place(point);
    const href = point.proven ? `#m${one.slot}` : "#cross";
    group.append(shape("use", { class: "dot", href, x: px - size / 2, y: py - size / 2, width: size, height: size }));
  }
  return group;
}

function drawNames(svg, series, box, place) {
  const ends = series.map((one, index) => place(one.points.at(-1), index));
  const places = spreadOut(ends.map((end) => end[1]), 15, box.top, box.bottom);
  series.forEach((one, index) => {
    const [ex, ey] = ends[index], at = places[index];
    const group = shape("g", { class: `b${one.slot}`, "data-backend": one.name });
    if (Math.abs(at - ey) > 5 || box.right - ex > 30) {
      group.append(shape("path", { class: "leader", d: `M${ex + 8} ${ey}L${box.right + 2} ${at}` }));
    }
    group.append(shape("text", { class: "name", x: box.right + 6, y: at + 4 }, one.name));
    svg.append(group);
  });
}

// Report the batch size nearest to the pointer, or chosen by the arrow keys; -1 when it leaves.
function followPointer(svg, spec, box, x) {
  const cursor = shape("line", { class: "cursor", y1: box.top, y2: box.bottom, visibility: "hidden" });
  svg.prepend(cursor);
  svg.setAttribute("tabindex", "0");
  let current = -1;
  const show = (index, place) => {
    current = index;
    cursor.setAttribute("visibility", index < 0 ? "hidden" : "visible");
    if (index >= 0) for (const end of ["x1", "x2"]) cursor.setAttribute(end, x(spec.xs[index]));
    spec.onPoint(index, place);
  };
  const scale = () => svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
  svg.addEventListener("pointermove", (event) => {
    const at = (event.clientX - svg.getBoundingClientRect().left) / scale();
    const distances = spec.xs.map((value) => Math.abs(x(value) - at));
    show(distances.indexOf(Math.min(...distances)), { x: event.clientX, y: event.clientY });
  });
  svg.addEventListener("pointerleave", () => show(-1));
  svg.addEventListener("blur", () => show(-1));
  svg.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const index = Math.min(spec.xs.length - 1, Math.max(0, current + step));
    const frame = svg.getBoundingClientRect();
    show(index, { x: frame.left + x(spec.xs[index]) * scale(), y: frame.top + frame.height / 3 });
  });
}
