// What waits for a person, and their answer, which is for exactly what is shown.
import { actionAddress, actionButton, notice } from "./acting.js";
import { editAction } from "./actions-feature.js";
import { isRefusal, refusal } from "./actions.js";
import { attribute, bytes, changedLines, clean, coded, counted, element, load, time, who, words, write } from "./base.js";
import { keepTyped } from "./kept.js";
import { caveats, group, sees } from "./rows.js";
import { outputDifference } from "./work.js";

const LABEL = "What has to become better";
const NOT_SENT = "An approval takes no words along. Save them as a note, or send back; to approve without them, approve again.";
const problem = element("div", { class: "problem", role: "alert" });
const reason = element("textarea", { name: "reason", rows: 3, placeholder: LABEL, "aria-label": LABEL });
const approve = element("button", { class: "button primary", type: "button", onclick: () => answer("approve") }, "Approve");
const back = element("button", { class: "button", type: "button", onclick: () => answer("send back") });
const none = element("span", { hidden: true });
let main = approve; // the first button
const form = element("form", { class: "answer", autocomplete: "off", onsubmit: (event) => event.preventDefault() }, problem, approve, reason, back);
let asked = null; // what is shown, of which feature, and how the page is read again
let named = null; // what the reason that is typed is kept as
let sent = null;
let isAnswering = false;

/** What is shown; another one makes the card anew, with the same form. */
export function known({ approval, form: word, feature }) {
  const key = `decide ${feature.id} ${approval.phase}`;
  if (key !== named) {
    form.reset(); // a reason is of one approval
    sent = keepTyped(form, (named = key));
  }
  return { ...approval, can: word !== null };
}

/** Nothing waits any more: what was typed is kept, and is no part of the next answer. */
export function leave() {
  named = null;
  form.oninput = null;
  form.reset();
}

/** The card; `refresh` reads the page again. */
export function decision({ feature }, approval, refresh) {
  const isOther = asked?.approval.digest !== approval.digest;
  if (isOther) write(problem, "");
  asked = { feature, approval, refresh };
  if (isOther || !isAnswering) name(approval);
  const { can, changed } = approval;
  const others = new Set(changed.map((each) => each.path));
  const files = approval.outputs.map((each) => element("li", {}, element("code", {}, each.path), element("span", { class: "muted", title: each.sha256 ? `sha256 ${each.sha256}` : null }, each.sha256 ? ` ${bytes(each.size)} · ${each.sha256.slice(0, 10)}` : " no file"), others.has(each.path) ? [" ", element("span", { class: "badge", "data-tone": "warning" }, "not as accepted")] : null));
  const said = approval.outputs.filter((each) => each.sections.length).map((output) => group(`From ${output.path}${others.has(output.path) ? ", as it was changed" : ""}`, output.sections.map((each) => element("li", {}, element("span", { class: "strong" }, each.heading), element("pre", { tabindex: 0 }, each.text + (each.more ? `\n[${each.more} more ${each.more === 1 ? "line" : "lines"} in the file]` : ""))))));
  const criteria = approval.criteria.map((each) => element("li", {}, element("span", { class: "strong" }, each.id), " ", coded(each.text), " ", element("span", each.state === "stale" ? { class: "badge", "data-tone": "warning" } : { class: "muted" }, each.waived ? ["waived: ", coded(each.waived)] : each.state), " ", sees(each.sees)));
  const source = approval.source && approval.source.files.map((each) => element("li", {}, element("code", {}, each)));
  const notes = approval.notes.map((each) => element("li", {}, element("pre", { tabindex: 0 }, each.note), element("span", { class: "muted" }, `${who(each.by)}, `, time(each.at))));
  const how = element("p", { class: "muted" }, "To decide here, open this page by ", element("code", {}, "cde dashboard"), " in a terminal of your own; or run ", element("code", {}, `cde approve ${feature.name}`), ".");
  return element("section", { class: "card decision", "aria-label": "Waits for a person" },
    element("header", { class: "head" }, element("h2", {}, `Waits for a person: ${words(approval.phase)}`)),
    approval.description ? element("p", { class: "muted" }, coded(approval.description)) : null,
    goal(feature, approval),
    approval.returned ? element("p", {}, coded(approval.returned)) : null,
    changed.map((each) => other(feature, each, approval)),
    judged(approval.judged),
    caveats(approval.caveats),
    source ? group([`${counted(approval.source.total, "source file")} changed`, changedLines(approval.source)].filter(Boolean).join(", "), source) : null,
    said,
    criteria.length ? group("Criteria", criteria) : null,
    notes.length ? group(approval.notes_total > notes.length ? `Notes, the newest of ${approval.notes_total}` : "Notes", notes) : null,
    can ? null : how, can || reason.value.trim() ? form : null,
    element("details", { class: "bound", "data-name": "bound" }, element("summary", {}, "What the answer is bound to"),
      files.length ? element("ul", { class: "outputs" }, files) : null,
      element("p", { class: "muted" }, "SHA-256 of all that is shown: ", element("code", { title: approval.digest }, approval.digest.slice(0, 10))),
      approval.source ? element("p", { class: "muted" }, `Source: what differs from commit ${approval.source.commit}`) : null));
}

const GOAL_SHOWN = 120; // characters

/** What was wanted, in short; the whole of it opens. */
function goal(feature, { goal: text, can }) {
  const line = text.trim().replace(/\s+/g, " ");
  const short = line.length > GOAL_SHOWN ? `${line.slice(0, line.lastIndexOf(" ", GOAL_SHOWN) + 1 || GOAL_SHOWN).trim()}… ` : null;
  const shown = short || line !== text.trim()
    ? element("details", { "data-name": "goal" }, element("summary", {}, element("span", { class: "strong" }, "Goal: "), element("span", { class: "short" }, coded(short ?? line))), element("p", { class: "goal" }, coded(text)))
    : element("p", {}, element("span", { class: "strong" }, "Goal: "), coded(text));
  return element("section", { class: "asked-goal", "aria-label": "Goal" }, shown, can ? editAction(feature) : null);
}

const MARKS = { ok: "✓", warning: "!", critical: "✕", muted: "–" };

/** Whether it is good: what the review says, which criteria hold, how the check ended. */
function judged(rows) {
  return rows.length ? element("dl", { class: "judged", "aria-label": "Is it good" }, rows.map((each) => element("div", { "data-tone": each.tone },
    element("dt", {}, `${MARKS[each.tone]} ${each.what}`),
    element("dd", {}, coded(each.words), each.points.length ? element("ul", {}, each.points.map((point) => element("li", {}, coded(point)))) : null)))) : null;
}

/** Name the buttons by what they do; where no yes counts, the main one is what mends that. */
function name(approval) {
  const { changed } = approval;
  const isLost = changed.some((each) => !each.kept);
  const wanted = !changed.length ? approve : isLost ? none : restoreButton(asked.feature);
  if (main !== wanted) main.replaceWith((main = wanted));
  const isMended = isLost && changed.every((each) => each.phase === approval.back_to);
  attribute(back, "class", isMended ? "button primary" : "button");
  write(approve, "Approve");
  write(back, `Send back to ${words(approval.back_to)}`);
}

const restoreButton = (feature) => actionButton({ action: "restore", about: feature.id, label: "Restore the accepted files", tone: "primary", module: () => import("./actions-restore.js"), form: ({ restoreForm }) => restoreForm });

/** An output that is not what was accepted: what differs, and what can be done. */
function other(feature, { id, path, phase, sha256, accepted, kept }, { back_to: to }) {
  return element("div", { class: "finding made", "data-tone": "warning" },
    element("p", { class: "strong" }, `${clean(path)} ${sha256 ? "was changed" : "was removed"} after it was accepted in ${words(phase)}.`),
    element("p", { class: "muted" }, `It is not approved like this. ${kept ? "Restore what was accepted, or" : "What was accepted is no longer kept:"} ${phase === to ? "send it" : "roll it"} back to ${words(phase)}, where it is done again; either way the changed file is kept as a copy.`),
    outputDifference(feature.id, id, accepted, sha256));
}

/** Answer with a form for what is shown, which is asked for now: the last one may be of another server by now, or too old. */
async function answer(decided) {
  const { feature, approval, refresh } = asked;
  const isYes = decided === "approve";
  if (isAnswering) return;
  if (!isYes && !reason.value.trim()) {
    write(problem, "Say what has to become better: whoever does it again reads it.");
    return reason.focus();
  }
  if (isYes && reason.value.trim() && problem.textContent !== NOT_SENT) return write(problem, NOT_SENT);
  const said = reason.value;
  const answered = sent; // the next approval may be shown before the answer to this one is here
  isAnswering = true;
  answered.isSending(true);
  write(problem, "");
  write(isYes ? approve : back, isYes ? "Approving: the check and the proofs run…" : "Sending back…");
  try {
    const address = actionAddress("decide", feature.id);
    const now = await load(address);
    if (now.refused) throw Object.assign(new Error(now.refused.message), { told: now.refused });
    if (now.approval.digest !== approval.digest) throw Object.assign(new Error(OTHER.message), { told: OTHER });
    const { undo } = await load(address, { form: now.form, decision: decided, ...(isYes ? {} : { reason: said }) });
    answered();
    notice(isYes ? `Approved: ${words(approval.phase)}` : `Sent back to ${words(approval.back_to)}`, undo);
    dispatchEvent(new Event("acted"));
  } catch (error) {
    answered.isSending(false);
    if (!isRefusal(error)) throw error;
    await refresh().catch((other) => {
      if (!isRefusal(other)) throw other; // the connection says that the server is gone
    });
    problem.replaceChildren(...refusal(error));
    if (!form.isConnected) notice(problem.textContent, null);
  } finally {
    isAnswering = false;
    name(asked.approval);
  }
}

const OTHER = { code: "E141", message: "What is shown here changed: nothing was decided.", suggestions: ["Read what there is now, then answer again: what you wrote is kept"] };
