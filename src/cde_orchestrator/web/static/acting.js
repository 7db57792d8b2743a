// Who acts in this browser, and the buttons of what they can do.
import { $, announce, element, load, signedIn, write } from "./base.js";

export const actionAddress = (action, about, fields) => {
  const path = ["/dashboard/actions", ...[action, about].filter(Boolean).map(encodeURIComponent)].join("/");
  return fields ? `${path}?${new URLSearchParams(fields)}` : path;
};

/** Who acts in this browser: `person` is null where nobody does, and `refused` says why. */
export const acting = signedIn.then(() => load("/dashboard/actions")).then((who) => {
  write($("acting"), who.person ? `You act here as ${who.person}` : who.refused.code === "E333" ? "Read-only: the server was started with --read-only" : "Read-only view: to act here, run cde dashboard yourself, in a terminal");
  return who;
}, () => ({ person: null }));

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
      if (!(error instanceof TypeError)) throw error; // what cannot be imported is one
      announce("The server does not answer: try again.");
      return (loading = null);
    }
  }
  async function open() {
    const loaded = await (loading ??= parts());
    if (!loaded) return;
    dialog ??= loaded[0].actionDialog({ action, about, title: label, ...form(loaded[1]) });
    dialog.open();
  }
  const button = element("button", { class: tone ? `button ${tone}` : "button", type: "button", "aria-haspopup": "dialog", onclick: open }, label);
  buttons.set(key, button);
  return button;
}
