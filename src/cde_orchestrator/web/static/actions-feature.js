// What a person does with a feature: the buttons beside its name, and the one that stops its run.
import { actionButton } from "./acting.js";
import { CLOSED } from "./base.js";

/** The buttons that a feature in this state has. */
export function actionsOf(feature) {
  const button = (action, label, form) => actionButton({ action, about: feature.id, label, form });
  const run = () => button("run", "Run with an agent", async () => (await import("./actions-run.js")).runForm);
  const note = () => button("note", "Save a note", async () => (await import("./actions-note.js")).noteForm);
  const back = () => button("rollback", "Roll back", async () => (await import("./actions-rollback.js")).rollbackForm(feature));
  const close = () => button("close", "Close", async () => (await import("./actions-close.js")).closeForm(feature));
  const reopen = () => button("reopen", "Reopen", async () => (await import("./actions-close.js")).reopenForm(feature));
  const open = !CLOSED.includes(feature.status);
  const runs = open ? feature.status !== "waits_for_person" : feature.status === "failed";
  return [...(runs ? [run] : []), ...(open ? [note, back, close] : [reopen, back])].map((make) => make());
}

/** The button that stops the run of the feature with this id. */
export const stopAction = (about) => actionButton({ action: "stop", about, label: "Stop the run", form: async () => (await import("./actions-run.js")).stopForm });
