// Numbers as people read them: units.py in JavaScript. Rules and examples are there; a test compares the two.

const MISSING = "–";
const SECONDS = [[1e-9, "ns"], [1e-6, "µs"], [1e-3, "ms"], [1, "s"]];
const BYTES = [[1, "B"], [1e3, "kB"], [1e6, "MB"], [1e9, "GB"], [1e12, "TB"]];
const COUNTS = [[1, ""], [1e3, "k"], [1e6, "M"], [1e9, "G"], [1e12, "T"], [1e15, "P"]];

const isMissing = (value) => value === null || value === undefined || Number.isNaN(value);
const grouped = (value, decimals) =>
  value.toLocaleString("en-US", { minimumFractionDigits: decimals, maximumFractionDigits: decimals, roundingMode: "halfEven" });

function threeDigits(value) {
  const magnitude = Math.abs(Number(value.toPrecision(3)));
  return grouped(value, magnitude < 10 ? 2 : magnitude < 100 ? 1 : 0);
}

function inUnits(value, units, whole) {
  if (isMissing(value)) return MISSING;
  if (value === 0) return `0 ${units.find((unit) => unit[0] === 1)[1]}`.trimEnd();
  const rounded = Math.abs(Number(value.toPrecision(3)));
  const [size, name] = units.findLast((unit) => rounded >= unit[0]) ?? units[0];
  const digits = whole && size === 1 ? grouped(value, 0) : threeDigits(value / size);
  return `${digits} ${name}`.trimEnd();
}

function formatNumber(value) {
  if (isMissing(value)) return MISSING;
  if (value === 0) return "0";
  if (Math.abs(value) < 1e-3 || Math.abs(value) >= 1e5) {
    const [mantissa, exponent] = value.toExponential(2).split("e");
    return `${mantissa} × 10${[...String(Number(exponent))].map((d) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(d)]).join("")}`;
  }
  return Math.abs(value) < 1 ? value.toPrecision(3) : threeDigits(value);
}

function formatRange(low, high) {
  if (low === MISSING || high === MISSING) return MISSING;
  const unit = low.replace(/^[0-9.,]*/, "");
  return `${high.endsWith(unit) ? low.slice(0, low.length - unit.length) : low}–${high}`;
}

const formatSeconds = (value) => inUnits(value, SECONDS, false);
const formatBytes = (value) => inUnits(value, BYTES, true);
const formatCount = (value) => inUnits(value, COUNTS, true);
const formatInteger = (value) => (isMissing(value) ? MISSING : grouped(value, 0));
const formatSecondsRange = (low, high) => formatRange(formatSeconds(low), formatSeconds(high));
const formatBytesRange = (low, high) => formatRange(formatBytes(low), formatBytes(high));
const formatTick = (format) => (value) => format(value).replace(/(\.\d*?)0+(?=\D|$)/, "$1").replace(/\.(?=\D|$)/, "");
