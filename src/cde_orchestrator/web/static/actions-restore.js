// Restore what was accepted, where an output was changed by hand since.
import { undone } from "./actions.js";
import { element } from "./base.js";

const row = (done) => ({ path, kept_as: copy }) => element("li", {}, element("code", {}, path),
  element("span", { class: "muted" }, copy ? [` what is there now ${done ? "is" : "will be"} kept as `, element("code", {}, copy)] : " it was removed"));
const list = (restored, done) => element("ul", {}, restored.map(row(done)));

export const restoreForm = {
  send: "Restore",
  intro: "Each file gets the text that was accepted; after it you can approve.",
  show: ({ restored }) => element("div", { class: "changes", tabindex: 0, role: "region", "aria-label": "What would be replaced" },
    restored.length ? list(restored, false) : element("p", {}, "All is as it was accepted: there is nothing to restore.")),
  done: ({ restored, undo }) => undone(restored.length ? "Restored as it was accepted." : "All was as it was accepted.", undo, restored.length ? list(restored, true) : null),
};
