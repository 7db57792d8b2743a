// Give a feature another goal.
import { field, takeover, undone } from "./actions.js";
import { command, element, words } from "./base.js";

export function editForm(feature) {
  const goal = element("textarea", { name: "goal", rows: 6, "aria-required": "true" });

  /** Fill the present goal in, where nobody has typed another one. */
  function offer(present) {
    if (!goal.value || goal.value === goal.dataset.given) goal.value = present;
    goal.dataset.given = present;
  }

  return {
    title: `Edit the goal of ${feature.name}`,
    send: "Save the goal",
    intro: "Whoever works on it gets everything again with the next prompt. What was accepted stays accepted.",
    fields: () => field("What it should do", goal),
    show: (shown) => {
      offer(shown.goal);
      return takeover(shown);
    },
    done: ({ edited, accepted_before: accepted, again, undo }) => [
      ...undone(edited ? "The goal is edited." : "The goal is as it was.", undo),
      again ? element("div", {}, element("p", { class: "muted" }, `Accepted for the goal as it was: ${accepted.map(words).join(", ")}. To have that written again, in a terminal:`), command(again)) : null,
    ],
  };
}
