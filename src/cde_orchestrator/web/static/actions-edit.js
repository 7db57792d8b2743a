// Give a feature another goal.
import { field, takeover, undone } from "./actions.js";
import { command, element, words } from "./base.js";

export function editForm(feature) {
  const goal = element("textarea", { name: "goal", rows: 6, "aria-required": "true" });
  let began = null; // the goal that was read before another one was typed

  /** Fill the present goal in; where somebody typed another one, and it was edited meanwhile, show it. */
  function offer(present) {
    if (!goal.value || goal.value === goal.dataset.given) goal.value = began = present;
    goal.dataset.given = present;
    began ??= present;
    return began === present || goal.value === present ? null : element("div", {}, element("p", { class: "strong" }, "The goal by now, in place of which yours is saved:"), element("p", { class: "goal" }, present));
  }

  return {
    title: `Edit the goal of ${feature.name}`,
    send: "Save the goal",
    intro: "Whoever works on it gets everything again with the next prompt. What was accepted stays accepted.",
    fields: () => field("What it should do", goal),
    show: (shown) => [offer(shown.goal), takeover(shown)],
    done: ({ edited, accepted_before: accepted, again, undo }) => [
      ...undone(edited ? "The goal is edited." : "The goal is as it was.", undo),
      again ? element("div", {}, element("p", { class: "muted" }, `Accepted for the goal as it was: ${accepted.map(words).join(", ")}. To have that written again, in a terminal:`), command(again)) : null,
    ],
  };
}
