// Search, filters and order of the features: the form and the address say the same.
import { $, attribute, element, words, write } from "./base.js";

const PAUSE = 200; // milliseconds without a key after which is searched

const form = $("filters");
const fields = [...form.elements].filter((each) => each.name);
let waiting = null;
let typing = false;

const asked = () => new URLSearchParams(location.search);

/** Ask `changed` for the features whenever something else is wanted. */
export function setUpFilters(changed) {
  const go = (address, replace) => {
    history[replace ? "replaceState" : "pushState"](null, "", address);
    read();
    changed();
  };
  const apply = (replace) => {
    clearTimeout(waiting);
    const wanted = new URLSearchParams(fields.map((each) => [each.name, each.value.trim()]).filter(([, value]) => value));
    if (String(wanted) !== String(asked())) go(`${location.pathname}${String(wanted) && `?${wanted}`}`, replace);
  };
  $("word").addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      apply(typing); // what is typed in one go is one step back
      typing = true;
    }, PAUSE);
  });
  $("word").addEventListener("blur", () => (typing = false));
  form.addEventListener("change", (event) => event.target !== $("word") && apply(false));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    apply(typing);
  });
  $("clear").addEventListener("click", (event) => {
    event.preventDefault();
    typing = false;
    go(location.pathname, false);
    $("word").focus();
  });
  addEventListener("popstate", () => {
    typing = false;
    read();
    changed();
  });
  const button = $("choices-button");
  button.addEventListener("click", () => {
    const open = $("choices").classList.toggle("open");
    attribute(button, "aria-expanded", String(open));
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.target.closest("input, select, textarea, dialog")) return;
    event.preventDefault();
    $("word").focus();
  });
  read();
}

/** Let the form say what the address asks for. */
function read() {
  clearTimeout(waiting);
  const wanted = asked();
  for (const field of fields) {
    const value = wanted.get(field.name) ?? "";
    if (field.tagName === "SELECT" && value && ![...field.options].some((each) => each.value === value)) option(field, value);
    if (field.value !== value && !(field === document.activeElement && field.value.trim() === value)) field.value = value;
    field.closest("label")?.classList.toggle("chosen", Boolean(value));
  }
  const chosen = fields.filter((each) => each !== $("word") && each.value).length;
  $("choices-button").textContent = chosen ? `Filter (${chosen})` : "Filter";
  $("clear").hidden = fields.every((each) => !each.value || ["by", "sort"].includes(each.name));
}

function option(field, value) {
  field.append(element("option", { value }, value));
}

/** Offer the workflows and agents that there are. */
export function showFilters(board) {
  if (board === null) return;
  for (const [name, values, label] of [
    ["workflow", board.workflows, words],
    ["agent", board.agents, String],
    ["by", board.workflows, (each) => `Phases of ${words(each)}`],
  ]) {
    const field = form.elements[name];
    const known = new Set([...field.options].map((each) => each.value));
    for (const value of values) if (!known.has(value)) option(field, value);
    for (const each of [...field.options].slice(1)) {
      if (values.includes(each.value) || each.value === field.value) write(each, label(each.value));
      else each.remove();
    }
  }
}
