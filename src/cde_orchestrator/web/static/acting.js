// Who acts in this browser, and the buttons of what they can do.
import { $, announce, command, element, load, signOut, signedIn, write } from "./base.js";

export const actionAddress = (action, about, fields) => {
  const path = ["/dashboard/actions", ...[action, about].filter(Boolean).map(encodeURIComponent)].join("/");
  return fields ? `${path}?${new URLSearchParams(fields)}` : path;
};

const DISCARDS = "Sign out, and discard what is not sent";
const out = element("button", { class: "link", type: "button", onclick: leave }, "Sign out");

/** Sign out; what was typed is not left to whoever comes next, nor dropped without a word. */
async function leave() {
  try {
    const { forgetAll, isAnyKept } = await import("./kept.js");
    if (isAnyKept() && out.textContent !== DISCARDS) return write(out, DISCARDS);
    await signOut();
    forgetAll();
  } catch (error) {
    away(error);
  }
}

/** Who acts in this browser: `person` is null where nobody does, and `refused` says why. */
export const acting = signedIn.then(() => load("/dashboard/actions")).then((who) => {
  if (who.signs_in) $("acting").after(out);
  tell(who);
  return who;
}, () => ({ person: null }));

const tell = (who) => write($("acting"), who.person ? `You act here as ${who.person}` : who.refused.code === "E333" ? "Read-only: the server was started with --read-only" : "Read-only view: to act here, run cde dashboard yourself, in a terminal");
addEventListener("reconnected", () => load("/dashboard/actions").then(tell, () => null)); // another server knows nobody yet

/** How a command undoes it: a restore takes back what came since as well. */
export const undoLabel = (undo) => (undo?.includes(" state restore ") ? "To undo it, and all that changed in this feature since, in a terminal:" : "To undo it, in a terminal:");

const NOTICED = 10_000; // milliseconds for which a notice is there that says no command

/** Show what was done, and by which command it is undone, if by any. */
export function notice(text, undo, how = undoLabel(undo)) {
  announce(text);
  document.querySelector(".notice")?.remove();
  const shown = element("section", { class: "notice", "aria-label": "What was done", "data-undo": undo },
    element("div", {}, element("p", { class: "strong" }, text), undo ? [element("p", { class: "muted" }, how), command(undo)] : null),
    element("button", { class: "plain", type: "button", "aria-label": "Close this notice", onclick: () => shown.remove() }, "✕"));
  document.body.append(shown);
  if (!undo) setTimeout(() => shown.remove(), NOTICED);
}

/** Say that the server does not answer, where that is what failed. */
function away(error) {
  if (!(error instanceof TypeError)) throw error;
  notice("The server does not answer: try again.", null);
}

const buttons = new Map();

/** The button of an action, the same one whenever it is asked for again: its form keeps what was typed. When the button is first used, `module()` is imported, and `form` makes of it what `actionDialog` takes. */
export function actionButton({ action, about, label, tone, module, form }) {
  const key = `${action} ${about ?? ""}`;
  if (buttons.has(key)) return buttons.get(key);
  let loading = null;
  let dialog = null;
  async function parts() {
    try {
      return await Promise.all([import("./actions.js"), module()]);
    } catch (error) {
      away(error); // what cannot be imported is a TypeError
      return (loading = null);
    }
  }
  async function open() {
    const loaded = await (loading ??= parts());
    if (!loaded) return;
    dialog ??= loaded[0].actionDialog({ action, about, title: label, ...form(loaded[1]) });
    dialog.open();
  }
  /** Close the dialog, as there is nothing to act on any more. */
  function closeDialog() {
    if (dialog?.isOpen()) notice(`${label}: there is nothing to do any more`, null);
    dialog?.close();
  }
  const button = element("button", { class: tone ? `button ${tone}` : "button", type: "button", "aria-haspopup": "dialog", "data-action": action, onclick: open }, label);
  buttons.set(key, Object.assign(button, { closeDialog }));
  return button;
}
