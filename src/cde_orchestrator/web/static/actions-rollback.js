// Roll a feature back: what would change is shown first.
import { field, reason, takeover, undone } from "./actions.js";
import { counted, element, words, write } from "./base.js";

const SHOWN = 8;
const OWN = ["feature", "restored", "removed"]; // states of files that are, or would be, taken back
const ONLY = "Only what this feature, and nobody else, changed.";

export function rollbackForm(feature) {
  const to = element("select", { name: "to", "data-asks": "" });
  const code = element("input", { type: "checkbox", name: "code", "data-asks": "" });
  return {
    title: `Roll ${feature.name} back`,
    send: "Roll back",
    tone: "danger",
    fields: (ask, shown) => {
      shown.classList.add("preview");
      for (const each of [to, code]) each.addEventListener("change", ask);
      return [field("To the beginning of", to), field("Take back the code, too", code, ONLY), shown, reason("Why it goes back", "Whoever does it again reads this.")];
    },
    show: (shown) => {
      offer(to, shown);
      code.disabled = !code.checked && !shown.source.some((each) => each.state === "feature");
      write(code.closest(".field").querySelector(".help"), aboutCode(shown));
      return [element("div", { class: "changes", tabindex: 0, role: "region", "aria-label": "What would change" }, changes(shown)), takeover(shown)];
    },
    done: (reply) => undone(`${reply.feature.name} is at the beginning of ${words(reply.feature.current_phase)}.`, reply.undo, changes(reply, true)),
  };
}

/** Which files of the code are taken back, and why others are not, before that is chosen. */
function aboutCode({ source, problem }) {
  if (problem) return `Not possible: ${problem}.`;
  const own = source.filter((each) => OWN.includes(each.state)).length;
  const left = new Map();
  for (const { state, why } of source) if (!OWN.includes(state)) left.set(why, (left.get(why) ?? 0) + 1);
  const reasons = [...left].map(([why, count]) => `${counted(count, "file")} ${count === 1 ? "is" : "are"} left (${why})`);
  return [ONLY, source.length ? `${own ? counted(own, "file") : "No file"} ${own > 1 ? "are" : "is"} taken back${["", ...reasons].join("; ")}.` : "No file of the code changed."].join(" ");
}

function offer(to, { begun, to: chosen }) {
  if ([...to.options].map((each) => each.value).join() !== begun.join()) to.replaceChildren(...begun.map((each) => element("option", { value: each }, words(each))));
  to.value = chosen;
}

const ACTIONS = { restored: "as it was then", removed: "removed", left: "left as it is" };

function changes({ phases, files, source, remarks }, done = false) {
  const part = (title, rows) => (rows.length ? [element("h3", {}, title), element("ul", {}, rows.slice(0, SHOWN), rows.length > SHOWN ? element("li", { class: "muted" }, `and ${rows.length - SHOWN} more`) : null)] : []);
  const row = (path, what) => element("li", {}, element("code", {}, path), element("span", { class: "muted" }, ` ${what}`));
  const same = !phases.length && !files.length && !source.length;
  const found = [
    same ? element("p", {}, done ? "The phase begins again; no file changed." : "No file would change: the phase begins again.") : null,
    ...part(done ? "Phases that no longer count" : "Phases that would no longer count", phases.map((each) => element("li", {}, words(each)))),
    ...part("Outputs", files.map((each) => row(each.path, [ACTIONS[each.action], each.kept_as && `kept as ${each.kept_as}`, each.reason].filter(Boolean).join("; ")))),
    ...part("Files of the source", source.map((each) => row(each.path, `${each.words}: ${each.why}`))),
    ...remarks.map((each) => element("p", { class: "muted" }, each)),
  ];
  return found.filter(Boolean);
}
