// Run a feature with agents, and stop a run.
import { field } from "./actions.js";
import { clean, element, time } from "./base.js";

export const runForm = {
  send: "Run",
  said: "The run has begun",
  how: "“Stop the run” ends it. What it did is then taken back, in a terminal, by:",
  show: showChoices,
  fields: () => [
    field("Agents", element("input", { name: "agents", required: true, "aria-required": "true", spellcheck: "false", placeholder: "claude,codex" }), "In order: the next one continues where one fails."),
    element("div", { class: "two" },
      field("At most, in minutes", element("input", { name: "budget_minutes", inputmode: "decimal" }), "Optional."),
      field("At most, in USD", element("input", { name: "budget_usd", inputmode: "decimal" }), "Optional; of agents that report their cost.")),
  ],
};

function showChoices({ agents, running }) {
  const usable = agents.filter((each) => each.installed);
  const untrusted = usable.filter((each) => !each.trusted);
  const rows = (usable.length ? usable : agents).map((each) => {
    const pick = element("button", { class: "plain", type: "button", "aria-label": `Use ${clean(each.name)}`, onclick: (event) => use(event.target.form, each.name) }, each.name);
    const lacks = each.installed ? (each.trusted ? null : "not trusted here") : "not installed";
    return element("li", {}, pick, lacks ? element("span", { class: "badge", "data-tone": "warning" }, lacks) : null, element("code", { class: "muted" }, each.command));
  });
  const note = running ? "An agent works on it already." : "It continues as a process of its own, also when the page's server ends, until the feature is done or waits for you.";
  return [element("p", {}, note), element("ul", { class: "choices-of-agents", "aria-label": "Agents of this machine" }, rows),
    usable.length ? null : element("p", {}, "None of these programs is on the path of this server: install one first, as its maker says, and open this again. Another one is defined in ", element("code", {}, ".cde/config.toml"), "."),
    untrusted.length ? element("p", { class: "muted" }, "An agent that is not trusted here is trusted in a terminal: ", element("code", {}, `cde agents trust ${untrusted.length > 1 ? "NAME" : untrusted[0].name}`), ".") : null];
}

/** Name the agent in the form, after those that are named already. */
function use(form, name) {
  const input = form.elements.agents;
  const named = input.value.split(",").map((each) => each.trim()).filter(Boolean);
  if (!named.includes(name)) input.value = [...named, name].join(",");
  input.focus();
}

export const stopForm = {
  send: "Stop it",
  tone: "danger",
  said: "The run was stopped; nothing is lost",
  how: "To let it work again, “Run with an agent”, or in a terminal:",
  show: ({ by, pid, since, also }) => [
    element("p", {}, by ? `${by}, process ${pid}, since ` : `Process ${pid}, since `, time(since), "."),
    element("p", {}, "The agent and all that it started end, as with Ctrl-C. What was accepted stays; a new run continues from there."),
    also.length ? element("p", { class: "strong" }, `The same process works on ${also.join(", ")}: that ends as well.`) : null],
};
