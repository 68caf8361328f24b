// Files that the page makes by itself: the cells that are shown as CSV, a chart as it is drawn as SVG.

const FORMULA = ["=", "+", "-", "@"];
const KEPT_STYLES = ["color", "fill", "fill-opacity", "stroke", "stroke-width", "stroke-opacity", "stroke-dasharray", "stroke-linecap", "stroke-linejoin", "paint-order", "opacity", "font-family", "font-size", "font-weight"];

function offerFile(name, type, text) {
  const address = URL.createObjectURL(new Blob([text], { type }));
  element("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}

// RFC 4180. A text that a spreadsheet would take for a formula gets an apostrophe, as in measurements.csv.
function csvOf(names, rows) {
  const entry = (value) => {
    if (isMissing(value)) return "";
    if (typeof value === "number") return String(value);
    const text = FORMULA.includes(value[0]) ? `'${value}` : value;
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return [names, ...rows.map((row) => names.map((name) => row[name]))].map((row) => `${row.map(entry).join(",")}\r\n`).join("");
}

const fileName = (...parts) => `${parts.filter((part) => part !== "").join("-").toLowerCase().replace(/[^a-z0-9.]+/g, "-").replace(/^-|-$/g, "")}`;

// A copy of a drawing that needs no style sheet and no other part of the page.
function standAlone(svg) {
  const copy = svg.cloneNode(true), nodes = [svg, ...svg.querySelectorAll("*")], copies = [copy, ...copy.querySelectorAll("*")];
  const { width, height } = svg.viewBox.baseVal;
  nodes.forEach((node, k) => {
    const style = getComputedStyle(node);
    copies[k].setAttribute("style", KEPT_STYLES.map((name) => `${name}:${style.getPropertyValue(name)}`).join(";"));
    for (const name of ["class", "tabindex", "role", "aria-hidden"]) copies[k].removeAttribute(name);
    if (style.visibility === "hidden") copies[k].remove();
    if (node.localName === "use") copies[k].replaceWith(symbolAt(node, copies[k].getAttribute("style")));
  });
  for (const [name, value] of Object.entries({ width, height })) copy.setAttribute(name, value);
  const surface = getComputedStyle(svg.closest("figure") ?? document.body).backgroundColor;
  copy.prepend(shape("title", {}, svg.getAttribute("aria-label") ?? ""), shape("rect", { width, height, fill: surface }));
  return new XMLSerializer().serializeToString(copy);
}

// What a <use> shows, as a group of its own; symbols are 12 wide around 0.
function symbolAt(use, style) {
  const [x, y, size] = ["x", "y", "width"].map((name) => use[name].baseVal.value);
  const symbol = document.querySelector(use.getAttribute("href"));
  return shape("g", { style, transform: `translate(${x + size / 2} ${y + size / 2}) scale(${size / 12})` }, ...symbol.cloneNode(true).children);
}

// Every button that names a chart saves what is drawn there now.
function wireDownloads(state) {
  for (const button of document.querySelectorAll("[data-chart]")) {
    button.addEventListener("click", () => {
      const svg = document.querySelector(`#${button.dataset.chart} svg`);
      if (svg) offerFile(`${fileName("convbench", button.dataset.name, ...chosenNames(button.dataset.chart, state))}.svg`, "image/svg+xml", standAlone(svg));
    });
  }
}

// What of the page's choices a chart depends on.
function chosenNames(chart, state) {
  if (!state || chart === "unrolling") return [];
  return chart === "roofline-chart" ? [state.pass, `batch-${state.batch}`] : [state.label, state.pass];
}
