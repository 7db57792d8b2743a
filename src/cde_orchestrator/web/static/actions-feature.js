// What a person does with a feature: the buttons beside its name.
import { closeAction, reopenAction } from "./actions-close.js";
import { noteAction } from "./actions-note.js";
import { runAction } from "./actions-run.js";
import { rollbackAction } from "./actions-rollback.js";

/** The buttons that a feature in this state has. */
export function actionsOf({ feature }) {
  const open = !["completed", "failed", "cancelled"].includes(feature.status);
  const runs = open ? feature.status !== "waits_for_person" : feature.status === "failed";
  const others = open ? [noteAction(feature), rollbackAction(feature), closeAction(feature)] : [reopenAction(feature), rollbackAction(feature)];
  return runs ? [runAction(feature), ...others] : others;
}
