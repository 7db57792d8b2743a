// Rows that several parts of a feature's page have in common.
import { coded, element } from "./base.js";

/** Which changed places the proofs of a criterion see. */
export function sees(places) {
  const files = new Map();
  for (const place of places ?? []) {
    const at = place.indexOf(":");
    files.set(place.slice(0, at), [...(files.get(place.slice(0, at)) ?? []), place.slice(at + 1)]);
  }
  const said = [...files].map(([path, names]) => `${path}: ${names.join(", ")}`).join("; ");
  return said ? element("span", { class: "muted" }, places.length > 1 ? `sees the change in one or more of these places: ${said}` : `sees ${said}`) : null;
}

/** A list with a title. */
export function group(title, items) {
  return element("div", { class: "group" }, element("h3", {}, title), element("ul", { class: "outputs" }, items));
}

/** What a person should know before they say yes; null where there is nothing. */
export function caveats(known) {
  return known?.length ? element("ul", { class: "finding", "data-tone": "warning" }, known.map((each) => element("li", {}, coded(each.words)))) : null;
}
