// What a person does with the project: trust what acts in it, and try out an alert.
import { field } from "./actions.js";
import { clean, element } from "./base.js";

export const alertForm = {
  send: "Send",
  show: () => element("p", {}, "An alert is fired for real and resolved again, and everybody who is to be notified is."),
  done: ({ notices }) => (notices.length
    ? element("ul", { class: "outputs" }, notices.map((each) => element("li", {}, element("span", { class: "badge", "data-tone": each.sent ? "ok" : "critical" }, each.sent ? "sent" : "not sent"), ` ${each.notifier}: ${each.message}`)))
    : element("p", {}, "Nobody is to be notified: the alert is in the list alone. docs/alerts.md says how to add a webhook or a command.")),
};

// What is another by now has to be read, too.
const read = element("input", { type: "checkbox", name: "read" });

export const trustForm = {
  title: "Trust what acts in this project",
  send: "Trust all of this",
  said: "Trusted",
  how: "To revoke all trust in this project, in a terminal:",
  show: (shown) => {
    read.checked = false;
    return showTrust(shown);
  },
  fields: () => field("I have read all of it", read, "It runs with your rights. Only what is shown here is trusted; what changes later is asked about again."),
};

function showTrust({ folder, checks, acts, pending }) {
  const files = folder.files.map((each) => element("details", { open: each.difference !== "" },
    element("summary", {}, element("code", {}, each.path), element("span", { class: "muted", title: each.digest ? `sha256 ${each.digest}` : null }, each.digest ? ` ${each.digest.slice(0, 12)}` : " gone")),
    element("pre", { class: "difference", tabindex: 0, "aria-label": `What comes into force by ${clean(each.path)}` }, difference(each.difference, acts || folder.was_trusted))));
  const commands = checks.map((each) => element("li", {},
    element("span", { class: "badge", "data-tone": each.trusted ? "ok" : "warning" }, each.trusted ? "trusted" : "new"), " ",
    element("code", {}, each.words), each.directory === "." ? null : ` in ${each.directory}`,
    element("span", { class: "muted", title: each.digest }, ` for ${each.used_by.join(", ")}${each.executed_by ? `, executed by ${each.executed_by}` : ""} · ${each.digest.slice(0, 12)}`)));
  const state = pending ? (acts ? "Commands are not trusted yet." : `This folder is only viewed: ${WHY[folder.trust] ?? "nobody trusts it yet"}.`) : "All that acts here is trusted already.";
  return element("div", { class: "to-trust", "data-idle": !pending },
    element("p", { class: "strong" }, state),
    files.length ? [element("h3", {}, "Files that act"), ...files] : null,
    element("h3", {}, "What is run or written, with your rights"),
    commands.length ? element("ul", { class: "outputs" }, commands) : element("p", { class: "muted" }, "Nothing."));
}

const WHY = { not_yet: "nobody has trusted it yet", changed: "files that act changed since it was trusted", foreign_owner: "it belongs to somebody else", unset: "it is not set up" };
const KINDS = { "+": "added", "-": "removed", "@": "at" };

function difference(text, acts) {
  if (!text) return acts ? "As it was trusted." : "As the product has it.";
  return text.split("\n").map((line) => element("span", { class: KINDS[line[0]] ?? "same" }, `${line}\n`));
}
