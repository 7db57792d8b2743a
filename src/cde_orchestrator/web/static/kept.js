// What somebody typed is kept in this browser until it is sent: neither a reload, a restart of the server nor a new sign-in loses it.
import { $, attribute } from "./base.js";

const PREFIX = "cde-typed ";
const DAY = 86_400_000; // milliseconds after which nobody comes back to it
const isOld = (at) => !(Math.abs(Date.now() - at) < DAY);
const typed = (form) => [...form.querySelectorAll("textarea, input:not([type=checkbox])")].filter((each) => each.name);
const forms = new Map(); // by the key of what is typed into them
const large = new Map(); // what the browser's storage has no room for
const sending = new Set(); // keys of what is on its way
const begins = () => `${PREFIX}${$("root").textContent} `; // another project may be served at this port tomorrow

/** Fill in what was typed into a form of this name and project before, and keep what is typed from now on; a function that says that it was sent, and one that says whether it is on its way. */
export function keepTyped(form, name) {
  dropOld();
  const key = begins() + name;
  const { at, values } = read(key);
  for (const each of typed(form)) if (!isOld(at)) each.value ||= values[each.name] ?? "";
  function keep() {
    const filled = typed(form).filter((each) => each.value.trim() && each.value !== each.dataset.given);
    attribute(form, "data-typed", filled.length ? "" : null);
    forget(key);
    if (filled.length) store(key, JSON.stringify({ at: Date.now(), values: Object.fromEntries(filled.map((each) => [each.name, each.value])) }));
  }
  form.oninput = keep; // in place of one for another name
  form.dataset.kept = key;
  forms.set(key, form);
  keep();
  function sent() {
    sending.delete(key);
    if (form.oninput !== keep) return forget(key); // the form holds something else by now
    form.reset();
    keep();
  }
  return Object.assign(sent, { isSending: (is) => (is ? sending.add(key) : sending.delete(key)) });
}

/** What was typed about a feature into forms that are not to be seen: in which, for which phase, and how it is dropped. */
export function lostFrom(about) {
  const shown = (key) => sending.has(key) || (forms.get(key)?.dataset.kept === key && forms.get(key).checkVisibility());
  return all().filter((key) => key.startsWith(begins()) && !shown(key)).sort().flatMap((key) => {
    const [action, of, ...rest] = key.slice(begins().length).split(" ");
    if (of !== about) return [];
    const { at, values } = read(key);
    const text = Object.values(values).filter((each) => typeof each === "string").join("\n");
    return isOld(at) || !text.trim() ? [] : [{ action, phase: rest.join(" "), text, drop: () => drop(key) }];
  });
}

/** The keys of all that is kept, of any project. */
const all = () => [...new Set([...Object.keys(localStorage), ...large.keys()])].filter((key) => key.startsWith(PREFIX));
const dropOld = () => all().filter((key) => isOld(read(key).at)).forEach(forget);
dropOld();

/** Whether this browser keeps anything that was typed and not sent, and what forgets all of it. */
export const isAnyKept = () => all().length > 0;
export const forgetAll = () => all().forEach(drop);

function drop(key) {
  forget(key);
  if (forms.get(key)?.dataset.kept === key) forms.get(key).reset();
}

function store(key, text) {
  try {
    localStorage[key] = text;
  } catch (error) {
    if (error.name !== "QuotaExceededError") throw error;
    large.set(key, text); // this page alone has room for it
  }
}

function forget(key) {
  localStorage.removeItem(key);
  large.delete(key);
}

function read(key) {
  try {
    const { at = 0, values } = JSON.parse(localStorage[key] ?? large.get(key) ?? "{}");
    return { at, values: values ?? {} };
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof TypeError)) throw error;
    return { at: 0, values: {} }; // whoever served at this port before left it
  }
}
