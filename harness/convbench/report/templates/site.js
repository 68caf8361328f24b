// The search of a site. The index is a script that is loaded when somebody begins to search: a page that is opened from
// a file may not fetch data, but it may load scripts.
(() => {
"use strict";
const MOST_SHOWN = 40;
const KINDS = { machines: "machine", backends: "backend", cases: "case" };
const root = document.documentElement.dataset.root;
const input = document.getElementById("search"), box = document.getElementById("results");
const status = document.getElementById("found"), list = box.querySelector("ul");
let index = null;

function load() {
  index ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = `${root}assets/index.js`;
    script.onload = () => resolve(Object.entries(window.convbenchIndex).flatMap(([kind, entries]) =>
      entries.map(([name, detail, address]) => ({ kind: KINDS[kind], name, detail, address, text: `${name} ${detail} ${KINDS[kind]}`.toLowerCase() }))));
    script.onerror = () => reject(new Error("the index is missing"));
    document.head.append(script);
  });
  return index;
}

// Every word must be found; a name that begins with the first one stands before others.
function find(entries, words) {
  const found = entries.filter((entry) => words.every((word) => entry.text.includes(word)));
  const late = (entry) => Number(!entry.name.toLowerCase().startsWith(words[0]));
  return found.sort((a, b) => late(a) - late(b));
}

function line(entry) {
  const item = document.createElement("li"), link = document.createElement("a");
  const kind = document.createElement("span"), detail = document.createElement("small");
  link.href = root + entry.address;
  kind.className = "kind";
  kind.textContent = entry.kind;
  detail.textContent = entry.detail;
  link.append(kind, entry.name, detail);
  item.append(link);
  return item;
}

async function search() {
  const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
  box.hidden = !words.length;
  if (!words.length) return;
  try {
    const found = find(await load(), words);
    list.replaceChildren(...found.slice(0, MOST_SHOWN).map(line));
    const more = found.length > MOST_SHOWN ? `, the first ${MOST_SHOWN} are shown` : "";
    status.textContent = found.length ? `${found.length} found${more}` : "nothing found";
  } catch (error) {
    status.textContent = `The search does not work: ${error.message}.`;
  }
}

function close() {
  box.hidden = true;
}

document.documentElement.classList.add("js");
input.addEventListener("focus", () => load().catch(() => {}));
input.addEventListener("input", search);
input.closest("search").addEventListener("keydown", (event) => {
  const links = [...list.querySelectorAll("a")], place = links.indexOf(document.activeElement);
  if (event.key === "Escape") {
    close();
    input.focus();
  } else if (event.key === "ArrowDown" && links.length && !box.hidden) {
    links[Math.min(place + 1, links.length - 1)].focus();
    event.preventDefault();
  } else if (event.key === "ArrowUp" && place >= 0) {
    (place ? links[place - 1] : input).focus();
    event.preventDefault();
  } else if (event.key === "Enter" && document.activeElement === input && links.length && !box.hidden) {
    links[0].click();
  }
});
document.addEventListener("click", (event) => {
  if (!event.target.closest("search")) close();
});
})();
