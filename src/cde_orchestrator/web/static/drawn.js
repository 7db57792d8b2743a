// Texts of others, and how they differ, as elements: each is made here, so that none is markup.
import { clean, element } from "./base.js";

const HEADINGS = new Set(["h4", "h5", "h6"]);
const PLAIN = new Set("blockquote br code del em hr li p span strong tbody thead tr ul".split(" "));
const SIDES = new Set(["left", "center", "right"]);

/** The elements of a tree as `web/markdown.py` gives it; what is not known there is a span. */
export function drawn(nodes) {
  return nodes.map((node) => (typeof node === "string" ? node : make(...node)));
}

function make(tag, nodes, { level, href, title, start, align } = {}) {
  const inner = drawn(nodes);
  if (HEADINGS.has(tag)) return element(tag, { "data-level": level }, inner);
  if (tag === "a" && /^(https?|mailto):/i.test(href)) {
    return element("a", { href, title: clean(href), target: "_blank", rel: "noopener noreferrer nofollow" }, inner);
  }
  if (tag === "pre") return element("pre", { tabindex: 0 }, inner);
  if (tag === "ol") return element("ol", { start: Number.isInteger(start) ? start : null }, inner);
  if (tag === "td" || tag === "th") return element(tag, { "data-align": SIDES.has(align) ? align : null }, inner);
  if (tag === "table") return element("div", { class: "wide", tabindex: 0, role: "group", "aria-label": "Table" }, element("table", {}, inner));
  return element(PLAIN.has(tag) ? tag : "span", { title: title ? clean(title) : null }, inner);
}

const KINDS = { "+": "added", "-": "removed", " ": "same" };

/** What became of a text, in lines. */
export function difference({ hunks, partial, problem }) {
  if (problem) return element("p", { class: "muted" }, `Not shown: ${problem}.`);
  if (!hunks.length) return element("p", { class: "muted" }, "They are the same.");
  const lines = hunks.flatMap(({ before, after, lines: shown }) => [
    element("span", { class: "at" }, `line ${before}${before === after ? "" : `, now ${after}`}\n`),
    ...shown.map((line) => element("span", { class: KINDS[line[0]] ?? "same" }, `${line}\n`)),
  ]);
  return [element("pre", { class: "difference", tabindex: 0, "aria-label": "Lines: + is new, - is gone" }, lines),
    partial ? element("p", { class: "muted" }, "More differs than is shown.") : null];
}
