// Close a feature without finishing it, and reopen it.
import { field, reason, takeover, undone } from "./actions.js";
import { element, words } from "./base.js";

export function closeForm(feature) {
  return {
    title: `Close ${feature.name}`,
    send: "Close it",
    tone: "danger",
    intro: "No more work is taken on it. Its files are kept, and it can be reopened.",
    show: takeover,
    fields: () => [
      field("It is", element("select", { name: "outcome" }, element("option", { value: "cancelled" }, "Not wanted any more (cancelled)"), element("option", { value: "failed" }, "Not possible as it is (failed)"))),
      reason("Why it is closed"),
    ],
    done: (reply) => undone(`${reply.feature.name} is ${words(reply.feature.status)}.`, reply.undo),
  };
}

export function reopenForm(feature) {
  return {
    title: `Reopen ${feature.name}`,
    send: "Reopen it",
    intro: "It continues where it was closed, with all that it has; a completed one goes back to its last phase.",
    fields: () => reason("Why it is reopened", "Whoever works on it reads this."),
    done: (reply) => undone(`${reply.feature.name} is in ${words(reply.feature.current_phase)} again.`, reply.undo),
  };
}
