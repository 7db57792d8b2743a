// The form of an action, in a dialog; each form is answered once. `actionButton` loads it when it is first used.
// `fields(ask, shown)` are made once, so that nothing typed is lost; `show(reply)` draws each answer to GET, and `ask()` reads again, with the fields that have `data-asks`.
// `done(reply)` draws what came of it, else `said` is; `how` says in which way the command in `reply.undo` undoes it.
import { actionAddress, notice, undoLabel } from "./acting.js";
import { attribute, command, element, load, write } from "./base.js";
import { keepTyped } from "./kept.js";

const ASKED = 4000; // characters of a field that are asked with
const LATE = 2000; // milliseconds after which a form opens without what it is about
let made = 0;

/** A labelled input, select or textarea; `more` is a line that helps. */
export function field(label, input, more) {
  input.id ||= `field-${(made += 1)}`;
  const box = input.type === "checkbox";
  const words = element("label", { for: input.id }, label);
  if (more) attribute(input, "aria-describedby", `${input.id}-more`);
  const help = more && element("p", { class: "muted help", id: `${input.id}-more` }, more);
  return element("div", { class: box ? "field box" : "field" }, box ? [input, words] : [words, input], help);
}

/** The field for the reason of an action. */
export const reason = (label, more) => field(label, element("textarea", { name: "reason", rows: 3, "aria-required": "true" }), more);

/** A box to take the feature over from the agent that is at work on it, if one is. */
export const takeover = ({ claim }) => claim && field(`Take it over from ${claim.agent}`, element("input", { type: "checkbox", name: "takeover" }), `${claim.agent} is at work on it; that it was taken over is recorded.`);

/** What was done, and how it is undone. */
export const undone = (title, undo, more) => [element("p", { class: "strong" }, title), more ? element("div", { class: "changes", tabindex: 0, role: "region", "aria-label": "What changed" }, more) : null,
  undo ? element("div", {}, element("p", { class: "muted" }, undoLabel(undo)), command(undo)) : null];

const OUT = ["E334", "E902"]; // who asks is not known as a person any more

/** Why something was not done, and what to do about it first; `way` says that in other words. */
export function refusal(error, way) {
  if (!error.told) return [element("span", {}, "The server does not answer. What you wrote is kept: try again.")];
  const { code, message, suggestions } = error.told;
  const out = OUT.includes(code);
  const first = way ?? (out ? "What you wrote is kept. Sign in again by this command, in a terminal of your own, and send it here:" : code === "E305" ? null : suggestions?.[0]);
  return [element("span", {}, code === "E902" ? "You are signed out: nothing was done." : message, " ", element("a", { class: "code", href: `/errors/${encodeURIComponent(code)}`, target: "_blank", rel: "noopener" }, code)),
    first ? [" ", element("span", { class: "muted" }, first)] : null, out ? command("cde dashboard") : null].flat().filter(Boolean);
}

/** What a request came to that no answer came to, or that was refused; anything else is a fault of the page. */
export function isRefusal(error) {
  return Boolean(error.told) || error instanceof TypeError || error instanceof SyntaxError;
}

const NAMES = { "The prompt": "goal", prompt: "goal" }; // of what is called otherwise where it is checked
const ABOUT = { E301: "goal", E304: "name" };

/** The field of a form that a refusal is about. */
function faulty(form, told) {
  const name = told && (ABOUT[told.code] ?? told.context?.argument ?? told.context?.field);
  return [...form.elements].find((each) => each.name && each.name === (NAMES[name] ?? name));
}

/** What is wrong with a field, which is called as the form does. */
function inWordsOf(label, { code, message, context }) {
  if (code === "E301") return `“${label}” has no text.`;
  if (code === "E305") return `“${label}” was not accepted: ${context.reason}.`;
  return context.field ? message.replace(context.field, `“${label}”`) : message;
}

/** A dialog that asks for an action. */
export function actionDialog({ action, about, title, intro, send, busy, tone, show, fields, done, next, said, how }) {
  const id = `action-${(made += 1)}`;
  const shown = element("div", { class: "shown" });
  const problem = element("div", { class: "problem", role: "alert", id: `${id}-problem` });
  const submit = element("button", { class: `button ${tone || "primary"}`, type: "submit" }, send);
  const inputs = [fields?.(() => (reading = read()), shown)].flat();
  const form = element("form", { novalidate: true, autocomplete: "off" }, intro ? element("p", { class: "muted" }, intro) : null, inputs.includes(shown) ? null : shown, inputs, problem,
    element("div", { class: "row-of-buttons" }, submit, element("button", { class: "button", type: "button", onclick: () => root.close() }, "Cancel")));
  const result = element("div", { class: "result", role: "status", hidden: true });
  const root = element("dialog", { class: "act", "aria-labelledby": id },
    element("header", { class: "head" }, element("h2", { id }, title), element("button", { class: "plain", type: "button", "aria-label": "Close this dialog", onclick: () => root.close() }, "✕")), form, result);
  const values = () => Object.fromEntries(new FormData(form));
  const choices = () => Object.fromEntries([...form.querySelectorAll("[data-asks]")].filter((each) => each.type !== "checkbox" || each.checked).map((each) => [each.name, each.value.slice(0, ASKED)]));
  const boxes = () => [...shown.querySelectorAll("input[type=checkbox]")];
  const labelOf = (box) => box.labels[0].textContent;
  let word = null;
  let asked = 0;
  let reading = null;
  let opening = false;

  /** Read what the form is about, and get one that can be answered. */
  async function read() {
    const turn = (asked += 1);
    word = null;
    try {
      const reply = await load(actionAddress(action, about, choices()));
      if (turn !== asked) return;
      word = reply.form;
      if (reply.refused) refuse({ told: reply.refused });
      const ticked = boxes().filter((each) => each.checked).map(labelOf);
      shown.replaceChildren(...[show?.(reply)].flat().filter(Boolean));
      for (const each of boxes()) each.checked ||= ticked.includes(labelOf(each)); // another agent is another question
    } catch (error) {
      if (turn === asked) refuse(error);
    }
  }

  function refuse(error) {
    if (!isRefusal(error)) throw error;
    const takeoverLabel = error.told?.code === "E122" && form.querySelector("[name=takeover]")?.labels[0].textContent;
    const wrong = faulty(form, error.told);
    if (wrong) attribute(wrong, "aria-invalid", "true");
    const told = wrong ? { ...error.told, message: inWordsOf(wrong.labels[0].textContent, error.told) } : error.told;
    problem.replaceChildren(...refusal({ told }, takeoverLabel ? `To continue anyway, tick “${takeoverLabel}”.` : undefined));
  }

  async function answer(event) {
    event.preventDefault();
    if (submit.disabled) return;
    const missing = [...form.querySelectorAll("[name=reason], [name=note]")].find((each) => !each.value.trim());
    if (missing) {
      write(problem, `“${missing.labels[0].textContent}” is empty.`);
      return missing.focus();
    }
    submit.disabled = true;
    write(problem, "");
    for (const each of form.elements) attribute(each, "aria-invalid", null);
    write(submit, busy ?? send);
    try {
      await reading;
      if (!word) await (reading = read()); // who was signed out may act again by now
      if (!word) return problem.firstChild ? null : refuse(new TypeError());
      const reply = await load(actionAddress(action, about), { ...values(), form: word });
      sent();
      finish(reply);
    } catch (error) {
      if (error.form) word = error.form;
      else if (error.told) await read(); // what there is now, for whoever sends it again
      refuse(error);
    } finally {
      submit.disabled = false;
      write(submit, send);
      if (problem.firstChild) faultyOrFirst().focus();
    }
  }

  function faultyOrFirst() {
    const all = [...form.querySelectorAll("textarea, input, select")];
    return all.find((each) => each.ariaInvalid) ?? all.find((each) => each.ariaRequired && !each.value.trim()) ?? all[0] ?? submit;
  }

  function finish(reply) {
    dispatchEvent(new Event("acted"));
    const nodes = [done?.(reply)].flat().filter(Boolean);
    if (!nodes.length) {
      root.close();
      return notice(said ?? "Done", reply.undo, how);
    }
    const [address, label] = next?.(reply) ?? [];
    const on = address && element("a", { class: "button primary", href: address }, label);
    const close = element("button", { class: on ? "button" : "button primary", type: "button", onclick: () => root.close() }, "Done");
    result.replaceChildren(...nodes, element("div", { class: "row-of-buttons" }, on, close));
    form.hidden = true;
    result.hidden = false;
    (on ?? close).focus();
  }

  const sent = keepTyped(form, `${action} ${about ?? ""}`);
  form.addEventListener("submit", answer);
  form.addEventListener("keydown", (event) => event.key === "Enter" && (event.ctrlKey || event.metaKey) && form.requestSubmit());
  document.body.append(root);
  return {
    isOpen: () => root.open && !form.hidden,
    close: () => !form.hidden && root.close(),
    async open() {
      if (root.open || opening) return;
      opening = true;
      form.hidden = false;
      result.hidden = true;
      write(problem, "");
      reading = read();
      await Promise.race([reading, new Promise((late) => setTimeout(late, LATE))]) // what comes later moves what is there
        .finally(() => (opening = false));
      root.showModal();
      form.querySelector("textarea, input, select")?.focus();
    },
  };
}
