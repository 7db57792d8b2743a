// What a person does with a feature: the buttons beside its name, and the one that stops its run.
import { actionButton } from "./acting.js";
import { CLOSED } from "./base.js";

/** The buttons that a feature in this state has. */
export function actionsOf(feature) {
  const button = (action, label, module, form) => actionButton({ action, about: feature.id, label, module, form });
  const run = () => button("run", "Run with an agent", () => import("./actions-run.js"), ({ runForm }) => runForm);
  const note = () => button("note", "Save a note", () => import("./actions-note.js"), ({ noteForm }) => noteForm);
  const back = () => button("rollback", "Roll back", () => import("./actions-rollback.js"), ({ rollbackForm }) => rollbackForm(feature));
  const close = () => button("close", "Close", () => import("./actions-close.js"), ({ closeForm }) => closeForm(feature));
  const reopen = () => button("reopen", "Reopen", () => import("./actions-close.js"), ({ reopenForm }) => reopenForm(feature));
  const open = !CLOSED.includes(feature.status);
  const runs = open ? feature.status !== "waits_for_person" : feature.status === "failed";
  return [...(runs ? [run] : []), ...(open ? [note, back, close] : [reopen, back])].map((make) => make());
}

/** The button that gives the feature another goal. */
export const editAction = (feature) => actionButton({ action: "edit", about: feature.id, label: "Edit goal", module: () => import("./actions-edit.js"), form: ({ editForm }) => editForm(feature) });

/** The button that stops the run of the feature with this id. */
export const stopAction = (about) => actionButton({ action: "stop", about, label: "Stop the run", module: () => import("./actions-run.js"), form: ({ stopForm }) => stopForm });
