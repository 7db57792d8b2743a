// Start a feature.
import { field } from "./actions.js";
import { command, element, words, write } from "./base.js";

const PAUSE = 400; // milliseconds without a key after which the fitting workflow is asked for
const NAMED = 8;

export function startForm() {
  const goal = element("textarea", { name: "goal", rows: 5, "aria-required": "true", placeholder: "Add a login page with password reset", "data-asks": "" });
  const workflow = element("select", { name: "workflow" });
  const agent = element("select", { name: "agent" });
  const fit = element("p", { role: "status" });
  const phases = element("p", { class: "muted help" });
  let known = null;
  let waiting = null;

  function describe() {
    const chosen = known.workflows.find((each) => each.name === (workflow.value || known.default));
    write(phases, chosen ? `${chosen.description} ${chosen.phases.slice(0, NAMED).map(words).join(" → ")}${chosen.phases.length > NAMED ? " → …" : ""}` : "");
    const fits = known.fits;
    const name = workflow.value || known.default;
    fit.replaceChildren(...(!fits || (workflow.value && workflow.value !== fits.workflow) ? [] : fits.workflow === name ? [element("span", {}, `${fits.workflow} fits: ${fits.why}.`)]
      : [element("span", {}, `${fits.workflow} would fit: ${fits.why}. `), element("button", { class: "link", type: "button", onclick: take }, `Use ${fits.workflow}`)]));
  }

  function take() {
    workflow.value = known.fits.workflow;
    describe();
    workflow.focus();
  }

  function options(select, first, names) {
    const wanted = JSON.stringify([first, names]);
    if (select.dataset.names === wanted) return;
    const before = select.value;
    select.dataset.names = wanted;
    select.replaceChildren(element("option", { value: "" }, first), ...names.map((each) => element("option", { value: each }, each)));
    if (names.includes(before)) select.value = before;
  }

  return {
    send: "Start",
    busy: "Starting; its checks are tried first…",
    fields: (ask, shown) => {
      goal.addEventListener("input", () => {
        clearTimeout(waiting);
        waiting = setTimeout(ask, PAUSE);
      });
      workflow.addEventListener("change", describe);
      return [
        field("What it should do", goal),
        element("div", { class: "two" }, field("Workflow", workflow), field("Agent", agent)),
        element("div", { class: "advice" }, fit, phases), shown,
        field("Name", element("input", { name: "name", maxlength: 200 }), "Optional; without one it is made from the goal."),
      ];
    },
    show: (shown) => {
      known = shown;
      options(workflow, `${shown.default} (default)`, shown.workflows.map((each) => each.name).filter((each) => each !== shown.default));
      options(agent, "I give it to one later", shown.agents);
      describe();
    },
    done: (reply) => [
      element("p", { class: "strong" }, `${reply.feature.name} is started.`),
      reply.fits ? element("p", {}, reply.fits) : null,
      ...reply.remarks.map((each) => element("p", { class: "muted" }, each)),
      reply.not_run ? element("div", { class: "shown" },
        element("div", { class: "problem" }, element("span", {}, `${reply.agent} does not work on it yet.`), element("span", { class: "muted" }, reply.not_run.message, " ", element("a", { class: "code", href: `/errors/${encodeURIComponent(reply.not_run.code)}`, target: "_blank", rel: "noopener" }, reply.not_run.code))),
        element("div", {}, element("p", { class: "muted" }, "To have it done, in a terminal:"), reply.not_run.commands.map(command))) : reply.agent ? element("p", {}, `${reply.agent} works on it now: its page shows what it does, and stops it.`) : null,
      reply.grow ? element("div", {}, element("p", { class: "muted" }, "To follow the other workflow, before anything is submitted:"), command(reply.grow)) : null,
      element("div", {}, element("p", { class: "muted" }, reply.agent && !reply.not_run ? "To undo it, stop the run on its page, and then, in a terminal:" : "To undo it, in a terminal:"), command(reply.undo)),
    ],
    next: (reply) => [`/dashboard/features/${encodeURIComponent(reply.feature.id)}`, "Open it"],
  };
}
