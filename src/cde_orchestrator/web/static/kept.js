// What somebody typed is kept in this browser until it is sent: neither a reload, a restart of the server nor a new sign-in loses it.
import { $, attribute } from "./base.js";

const PREFIX = "cde-typed ";
const DAY = 86_400_000; // milliseconds after which nobody comes back to it
const isOld = (at) => !(Math.abs(Date.now() - at) < DAY);
const typed = (form) => [...form.querySelectorAll("textarea, input:not([type=checkbox])")].filter((each) => each.name);

/** Fill in what was typed into a form of this name and project before, and keep what is typed from now on; a function that says that it was sent. */
export function keepTyped(form, name) {
  const key = `${PREFIX}${$("root").textContent} ${name}`; // another project may be served at this port tomorrow
  const { at, values } = read(key);
  for (const each of typed(form)) if (!isOld(at)) each.value ||= values[each.name] ?? "";
  function keep() {
    const filled = typed(form).filter((each) => each.value.trim());
    attribute(form, "data-typed", filled.length ? "" : null);
    try {
      if (filled.length) localStorage[key] = JSON.stringify({ at: Date.now(), values: Object.fromEntries(filled.map((each) => [each.name, each.value])) });
      else localStorage.removeItem(key);
    } catch (error) {
      if (error.name !== "QuotaExceededError") throw error;
      localStorage.removeItem(key); // the form alone has room for it
    }
  }
  form.oninput = keep; // in place of one for another name
  keep();
  return () => {
    if (form.oninput !== keep) return localStorage.removeItem(key); // the form holds something else by now
    form.reset();
    keep();
  };
}

function read(key) {
  try {
    const { at = 0, values = {} } = JSON.parse(localStorage[key] ?? "{}");
    return { at, values: values ?? {} };
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof TypeError)) throw error;
    return { at: 0, values: {} }; // whoever served at this port before left it
  }
}

for (const key of Object.keys(localStorage)) if (key.startsWith(PREFIX) && isOld(read(key).at)) localStorage.removeItem(key);
