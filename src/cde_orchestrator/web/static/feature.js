import { $, CLOSED, Connection, Stack, absolute, ago, announce, changedLines, coded, copy, counted, duration, element, empty, isOut, load, milliseconds, serverTime, setUpTheme, showMoment, since, time, who, words, write, attribute, clean, command } from "./base.js";
import { acting, actionAddress } from "./acting.js";
import { actionsOf, editAction } from "./actions-feature.js";
import { gliding } from "./glide.js";
import { lostFrom } from "./kept.js";
import { liveCard, notePhaseChange, stirs, updateRun } from "./live.js";
import { code } from "./panels.js";
import { caveats, group, sees } from "./rows.js";
import { checkOutput, codeCard, outputsCard, outputsOf } from "./work.js";

const id = decodeURIComponent(location.pathname.split("/").pop());
const MARKS = { completed: "✓", in_progress: "●", failed: "✕", rolled_back: "↺", pending: "" };
const TONES = { completed: "ok", failed: "critical", cancelled: "muted" };
const parts = new Map();
let known = null;
let feature = null; // its id, where the address has its name

async function refresh() {
  let reply;
  try {
    reply = await load(`/dashboard/data/features/${encodeURIComponent(id)}${known ? `?known=${encodeURIComponent(known)}` : ""}`);
  } catch (error) {
    if (!error.told || isOut(error)) throw error;
    return showProblem(error.told);
  }
  serverTime(reply.at);
  isGone = document.querySelector(".timeline").hidden = false;
  known = reply.latest;
  feature = reply.status.feature.id;
  notePhaseChange(reply.status);
  const asked = await askedOf(reply.status);
  const { person } = await acting;
  await glide(() => {
    showHead(reply.status);
    if (person) showActions(reply.status);
    showSteps(reply.status);
    showDecision(asked);
    part("live", null, liveCard);
    showParts(reply, Boolean(person));
    if (reply.changes) showTimeline(reply.changes);
  });
  await updateRun(feature, glide);
  document.body.classList.add("ready");
}

const glide = (draw) => gliding(movable, draw);

/** All that something else can move, from the top. */
const movable = () => [...document.querySelectorAll("main > *, #acts, #parts > *, .live-run > *, .timeline")].map((each) => [each.dataset.part ?? each, each]);

function showProblem(told) {
  if (told.code === "E102" && feature) return showGone(told.context.gone);
  write($("name"), told.title);
  part("problem", told, () => element("section", { class: "card" }, empty(told.message, code(told.code),
    element("ul", {}, told.suggestions.map((each) => element("li", {}, each))), told.fixes.map((each) => command(each.command)))));
  document.body.classList.add("ready");
}

let isGone = false;

/** A restore of the state removed the feature: there is nothing to act on, and nothing that was typed is lost. */
function showGone(why) {
  if (!isGone) {
    isGone = true;
    known = offered = stepShown = null; // should it come back, all of it is shown again
    for (const each of document.querySelectorAll("dialog.act[open]:has(form:not([hidden]))")) each.close();
    document.querySelector(".notice")?.remove(); // what it takes back is gone, too
    leave?.();
    $("acts").replaceChildren();
    $("steps").replaceChildren();
    steps.clear();
    document.querySelector(".timeline").hidden = true;
    showMoment($("facts"), null);
    showStatus("gone", "muted");
    announce(`${$("name").textContent} is gone`);
    const since = why && element("p", {}, `${why.event.slice(0, 1).toUpperCase()}${why.event.slice(1)}, by ${who(why.actor)}, `, time(why.at), ".");
    part("gone", why, () => element("section", { class: "card finding", "data-tone": "warning", "aria-label": "Gone" }, element("h2", {}, "This feature is gone"),
      element("p", {}, "The project's state is one without it by now: nothing can be done with it here."), since, element("p", {}, element("a", { href: "/dashboard" }, "All features"))));
  }
  const shown = ["gone"];
  showUnsent((name, ...made) => (shown.push(name), part(name, ...made)));
  keepParts(shown);
}

function showStatus(text, tone, who) {
  write($("status"), text);
  attribute($("status"), "class", "badge");
  attribute($("status"), "data-tone", tone);
  attribute($("status"), "data-who", who);
}

/** What was typed and has no form any more. */
function showUnsent(show) {
  const lost = lostFrom(feature).filter(({ action }) => action === "decide" || !document.querySelector(`[data-action="${CSS.escape(action)}"]`));
  if (lost.length) show("unsent", lost.map(({ action, phase, text }) => [action, phase, text]), () => unsent(lost));
}

/** Take away the parts that are not named, and bring the others in this order. */
function keepParts(shown) {
  for (const [name, { made }] of parts) {
    if (shown.includes(name)) continue;
    made.remove();
    parts.delete(name);
  }
  shown.forEach((name, place) => {
    const { made } = parts.get(name);
    const present = $("parts").children[place];
    if (present !== made) $("parts").insertBefore(made, present ?? null);
  });
}

const VERDICTS = { proven: "ok", stale: "warning", broken: "critical", unproven: "muted" };

function showHead({ project, feature, phase, claim, branch, created_at, standing, difference }) {
  write($("project"), project.name);
  write($("root"), project.path);
  write($("name"), feature.name);
  document.title = `${clean(feature.name)} · CDE dashboard`;
  if (CLOSED.includes(feature.status)) showStatus(standing ? `${words(feature.status)}, ${standing.verdict}${standing.waived ? `, ${standing.waived} waived` : ""}` : words(feature.status), standing ? VERDICTS[standing.verdict] : TONES[feature.status]);
  else if (phase?.handler === "human_input") showStatus("waits for a person", "warning", "person");
  else if (claim) showStatus(`${claim.agent} at work`, "accent", "agent");
  else showStatus("ready for an agent", "muted", "ready");
  const changed = difference && [`${counted(difference.files, "file")} changed`, changedLines(difference)].filter(Boolean).join(", ");
  const more = [`workflow ${feature.workflow}`, changed, branch ? `branch ${branch}` : null, feature.id];
  showMoment($("facts"), created_at, (at) => [`started ${ago(at)}`, ...more.filter(Boolean)].join(" · "));
}

let offered = null; // the state whose buttons are there

/** What a person can do with the feature. */
function showActions({ feature }) {
  if (offered === feature.status) return;
  offered = feature.status;
  $("acts").replaceChildren(...actionsOf(feature));
}

const steps = new Map();

function showSteps({ phases }) {
  for (const phase of phases) {
    let step = steps.get(phase.id);
    if (!step) {
      const mark = element("span", { class: "mark", "aria-hidden": "true" });
      const line = element("span", { class: "muted" });
      step = Object.assign(element("li", {}, element("a", {}, mark, element("span", { class: "strong" }, words(phase.id)), line)), { mark, line });
      steps.set(phase.id, step);
      $("steps").append(step);
    }
    attribute(step, "data-state", phase.status);
    write(step.mark, MARKS[phase.status] ?? "");
    const took = phase.started_at && phase.completed_at ? duration((Date.parse(phase.completed_at) - Date.parse(phase.started_at)) / 1000) : null;
    if (phase.status === "in_progress") showMoment(step.line, phase.started_at, (at) => `for ${duration(since(at))}`);
    else showMoment(step.line, null), write(step.line, phase.status === "completed" ? `took ${took ?? "?"}` : words(phase.status));
  }
  showStep(phases.find((each) => each.status === "in_progress")?.id ?? phases.at(-1).id);
}

let stepShown = null;

/** Where not all steps have room: the present one in the middle, each time that it is another. */
function showStep(name) {
  if (stepShown === name) return;
  stepShown = name;
  const [step, strip] = [steps.get(name), $("steps")];
  strip.scrollTo({ left: step.offsetLeft - strip.offsetLeft - (strip.clientWidth - step.offsetWidth) / 2, behavior: "instant" });
}

/** A part of the page, made anew only when what it shows is another. */
function part(name, content, make) {
  const told = JSON.stringify(content);
  const before = parts.get(name);
  if (before?.told === told) return;
  const held = document.activeElement; // perhaps in what stays the same
  const made = make();
  made.dataset.part = name;
  if (before) {
    for (const each of before.made.querySelectorAll("details[data-name]")) {
      const same = [...made.querySelectorAll("details[data-name]")].find((other) => other.dataset.name === each.dataset.name);
      if (same) same.open = each.open;
    }
    before.made.replaceWith(made);
    if (held !== document.activeElement && made.contains(held)) held.focus({ preventScroll: true });
  } else $("parts").append(made);
  parts.set(name, { told, made });
}

/** The parts below those that are always there, in this order; one that is not named is taken away. */
function showParts(reply, isActing) {
  const { status } = reply;
  const shown = ["decision"];
  const show = (name, ...made) => {
    shown.push(name);
    part(name, ...made);
  };
  const { feature } = status;
  showUnsent(show);
  shown.push("live");
  const other = status.caveats?.filter((each) => each.kind === "commit");
  if (feature.status === "completed") show("done", [feature.name, status.committed, other], () => done(feature, status.committed, other));
  const canEdit = isActing && !CLOSED.includes(feature.status);
  const edits = status.caveats?.filter((each) => each.kind === "goal");
  const isAsked = !parts.get("decision").made.hidden; // that card says the goal
  if (!isAsked) show("goal", [status.goal, canEdit, edits], () => element("section", { class: "card", "aria-label": "Goal" }, element("header", { class: "head" }, element("h2", {}, "Goal"), canEdit ? element("div", { class: "acts" }, editAction(feature)) : null), element("p", { class: "goal", tabindex: status.goal.length > GOAL_FITS ? 0 : null }, coded(status.goal)), caveats(edits)));
  if (status.closing) show("closing", status.closing, () => element("section", { class: "card finding", "data-tone": TONES[status.closing.outcome] }, element("p", { class: "strong" }, `${words(status.closing.outcome)} by ${who(status.closing.by)}`), element("p", {}, coded(status.closing.reason))));
  const back = status.phase && status.work[status.phase.id].returned;
  if (status.phase) show("prompt", [status.phase, back, isAsked], () => current(status.phase, back, isAsked));
  if (reply.criteria.length || status.proof || status.standing) show("criteria", [reply.criteria, reply.criteria_total, status.proof, status.standing, status.approved_by, status.caveats], () => criteria(reply));
  const outputs = outputsOf(status);
  if (outputs.length) show("outputs", outputs, () => outputsCard(feature.id, outputs));
  show("code", null, () => codeCard(feature.id));
  if (status.baseline.length) show("baseline", status.baseline, () => baseline(status.baseline));
  if (status.tasks.length) show("tasks", status.tasks, () => tasks(status.tasks));
  for (const phase of status.phases) {
    const work = status.work[phase.id];
    const known = status.caveats?.filter((each) => ["check", "review"].includes(each.kind) && each.phase === phase.id);
    const hasCard = isTold(phase, work) || known?.length; // else the steps say all that there is to say of it
    attribute(steps.get(phase.id).firstChild, "href", hasCard ? `#phase-${encodeURIComponent(phase.id)}` : null);
    attribute(steps.get(phase.id), "title", headOf(work));
    if (hasCard) show(`phase ${phase.id}`, [phase, work, known], () => phaseCard(phase, work, known));
  }
  keepParts(shown);
}

/** Where a completed feature goes on: to whoever reviews it, and into the repository. */
function done({ id, name }, committed, known) {
  return element("section", { class: "card", "aria-label": "What is next" },
    element("header", { class: "head" }, element("h2", {}, "Done: what is next")),
    committed ? element("p", { title: committed.commit }, "Committed ", element("code", {}, committed.commit.slice(0, 7)), " on branch ", element("code", {}, committed.branch), ".") : null,
    caveats(known),
    element("p", {}, element("a", { href: `/dashboard/features/${encodeURIComponent(id)}/report`, target: "_blank", rel: "noopener" }, "The report"), `, as Markdown, is the text of a pull request. In a terminal, this ${committed ? "opens one, asked first" : "commits the feature and opens one, each asked first"}:`),
    command(`cde finish ${name}`));
}

const UNSENT = { decide: "Your answer to", note: "Your note", edit: "Your goal" };
const UNSENT_SHOWN = 20_000; // characters

/** What was typed into forms that are gone, since somebody else was faster: it is not lost. */
function unsent(lost) {
  const row = ({ action, phase, text, drop }) => {
    const what = `${UNSENT[action] ?? `Your words to “${words(action)}”`}${phase ? ` ${words(phase)}` : ""}`;
    announce(`Not sent: ${what}`);
    return element("div", { class: "group" }, element("p", { class: "strong" }, `${what} was not sent: there is nothing to send it to any more.`),
      element("pre", { tabindex: 0, "aria-label": what }, text.slice(0, UNSENT_SHOWN)),
      element("div", { class: "row-of-buttons" }, copy(text, `Copy: ${what}`), element("button", { class: "plain copy", type: "button", "aria-label": `Discard: ${what}`, onclick: () => (drop(), connection.update()) }, "Discard")));
  };
  return element("section", { class: "card finding", "data-tone": "warning", "aria-label": "Not sent" }, element("h2", {}, "Not sent"), lost.map(row));
}

/** What waits for a person, and the module that shows it; null where nothing does. */
async function askedOf({ phase, feature }) {
  if (phase?.handler !== "human_input") return null;
  try {
    const [shown, module] = await Promise.all([load(actionAddress("decide", feature.id)), import("./decision.js")]);
    return { shown, module };
  } catch (error) {
    if (!error.told) throw error;
    return null;
  }
}

let leave = null; // forgets the form of the last one

function showDecision(asked) {
  const known = asked && asked.module.known(asked.shown);
  if (!known) leave?.();
  leave = asked?.module.leave;
  part("decision", known, () => (known ? asked.module.decision(asked.shown, known, refresh) : element("div", { hidden: true })));
}

/** How checks and runners of tests ended before the work, and whether one waits for a person. */
function baseline(tried) {
  const tones = { passed: "ok", cannot_run: "critical", not_tried: "info" };
  return element("section", { class: "card", "aria-label": "Checks" },
    element("header", { class: "head" }, element("h2", {}, tried.some((each) => each.waits) ? "Checks: waits for a person" : "Checks")),
    element("ul", {}, tried.map((each) => element("li", {}, element("span", { class: "badge", "data-tone": tones[each.outcome] ?? "warning" }, words(each.outcome)), " ", coded(each.words), "."))));
}

/** What is to be done for the feature, with the files and criteria that each task names. */
function tasks(listed) {
  const done = listed.filter((each) => each.done).length;
  return element("section", { class: "card", "aria-label": "Tasks" },
    element("header", { class: "head" }, element("h2", {}, "Tasks"), element("span", { class: "muted" }, `${done} of ${listed.length} done`)),
    element("ul", {}, listed.map((each) => {
      const more = [...each.files, ...each.criteria].filter((name) => !each.text.includes(name));
      return element("li", {}, element("span", { class: "badge", "data-tone": each.done ? "ok" : "muted" }, each.done ? "done" : "open"), " ", element("span", { class: "strong" }, each.id), " ", each.text ? coded(each.text) : "in the file", more.length ? element("span", { class: "muted" }, ` ${more.join(", ")}`) : null);
    })));
}

/** The phase to work on; where a person is asked, the card above says the rest of it. */
function current(phase, back, isAsked) {
  const why = back?.closed_as ? `Reopened by ${who(back.by)} (it was ${words(back.closed_as)}): ` : back?.to ? `The feature went back to ${words(back.to)}: ` : "It came back: ";
  return element("section", { class: "card", "aria-label": "Current phase" },
    isAsked ? null : element("header", { class: "head" }, element("h2", {}, `Now: ${words(phase.id)}`), element("span", { class: "muted" }, phase.handler === "human_input" ? "waits for a person" : "for an agent")),
    phase.description && !isAsked ? element("p", {}, coded(phase.description)) : null,
    back && !isAsked ? element("p", {}, element("span", { class: "strong" }, why), coded(back.reason), " ", element("span", { class: "muted" }, time(back.at))) : null,
    phase.problem ? element("p", { class: "strong" }, phase.problem) : null,
    phase.outputs.length ? element("ul", { class: "outputs", "aria-label": "Required outputs" }, phase.outputs.map((each) => element("li", {}, element("code", {}, each.path), element("span", { class: "muted" }, ` ${each.id}${each.required ? "" : ", optional"}, ${each.type}`)))) : null,
    phase.prompt ? element("details", { "data-name": "prompt" }, element("summary", {}, "The prompt"), element("pre", { tabindex: 0 }, phase.prompt)) : null);
}

const HOLDS = { proven: ["proven", "ok"], waived: ["waived", "info"], stale: ["stale", "warning"], broken: ["broken", "critical"], unproven: ["not proven yet", "muted"] };
const PROOFS = 10; // of a criterion that are shown

/** The criteria, what proves each and why it holds; who approved it, and what changed since. */
function criteria({ criteria: all, criteria_total: total, status: { feature, proof: seen, standing, approved_by, caveats: known } }) {
  const holds = ({ state }) => (state === "unproven" && feature.status === "completed" ? [state, "muted"] : HOLDS[state]);
  const counts = new Map();
  for (const each of all) counts.set(holds(each)[0], (counts.get(holds(each)[0]) ?? 0) + 1);
  const sum = [...counts].map(([state, count]) => `${count} ${state}`).join(", ");
  const red = standing?.verdict === "broken" ? standing.verified.criteria : [];
  const changed = standing ? standing.changed.map((each) => element("li", {}, element("code", {}, each))) : [];
  return element("section", { class: "card", "aria-label": "Criteria" },
    element("header", { class: "head" }, element("h2", {}, "Criteria"), element("span", { class: "muted" }, sum)),
    caveats(known?.filter((each) => each.kind === "proof")),
    all.length ? element("ul", { class: "criteria" }, all.map((each) => criterion(each, holds(each)))) : null,
    total > all.length ? element("p", { class: "muted" }, `And ${total - all.length} more, in the specification.`) : null,
    seen ? element("p", { class: "muted", title: `tree ${seen.tree}` }, `Shown by ${counted(seen.tests, "test")} in ${counted(seen.runs, "run")}, `, time(seen.at)) : null,
    seen?.notes.length ? element("p", {}, `Note: ${seen.notes.join("; ")}.`) : null,
    red.length ? element("p", {}, `${red.join(", ")} failed when proven again with commit ${standing.verified.commit.slice(0, 12)}: cde verify says why. `, time(standing.verified.at)) : null,
    changed.length ? group("Changed since they were proven", changed) : null,
    approved_by.map((each) => element("p", {}, `${each.slice(0, 1).toUpperCase()}${each.slice(1)}`)),
    standing?.record ? element("p", {}, "The record: ", element("code", {}, standing.record)) : null);
}

function criterion({ id, text, state, waived, proofs }, [word, tone]) {
  const shown = proofs.slice(0, PROOFS).map((each) => element("li", {}, element("code", {}, each.id), element("span", { class: "muted" }, ` ${each.words}`, each.sees.length ? ["; ", sees(each.sees)] : null)));
  const more = proofs.length - shown.length;
  return element("li", { "data-state": state }, element("span", { class: "badge", "data-tone": tone }, word),
    element("div", {}, element("p", {}, element("span", { class: "strong" }, id), " ", coded(text)),
      waived ? element("p", { class: "muted" }, "Waived by a person: ", coded(waived)) : null,
      shown.length ? element("ul", {}, shown, more > 0 ? element("li", { class: "muted" }, `and ${more} more`) : null) : null));
}

/** Where HEAD went while a phase was worked on; null where it stayed, which says nothing of the phase. */
const headOf = ({ start_commit: start, end_commit: end }) => (start && end && start !== end ? `HEAD moved to ${end.slice(0, 10)}` : null);

/** Whether more is known of the work on a phase than when it was. */
const isTold = ({ reader, usage, approval }, { evidence, refused, failures, progress, past }) => Boolean(reader || usage?.words || approval || evidence || refused) || [failures, progress, past].some((each) => each.length);

function phaseCard(phase, work, known) {
  const rows = [];
  if (phase.reader) rows.push(element("p", {}, phase.reader.words));
  if (phase.usage?.words) rows.push(element("p", {}, `Agents used ${phase.usage.words}.`));
  if (phase.approval) rows.push(element("p", {}, `Approved by ${phase.approval.user}@${phase.approval.host}, ${phase.approval.channel} `, element("span", { class: "muted" }, time(phase.approval.at))));
  if (work.evidence) rows.push(evidence(phase.id, work.evidence));
  rows.push(caveats(known));
  if (work.refused) rows.push(group("Refused last", element("li", {}, coded(work.refused.reason), " ", element("span", { class: "muted" }, `${who(work.refused.by)}, `, time(work.refused.at)))));
  if (work.failures.length) rows.push(group("Given up", work.failures.map((each) => element("li", {}, element("span", { class: "strong" }, `Attempt ${each.attempt}`), " ", coded(each.reason), " ", element("span", { class: "muted" }, `${who(each.by)}, `, time(each.at))))));
  if (work.progress.length) rows.push(group("Saved progress", [...work.progress].reverse().map((each) => element("li", {}, coded(each.note), " ", element("span", { class: "muted" }, `${who(each.by)}, `, time(each.at)),
    each.data === null ? null : element("details", { "data-name": each.at }, element("summary", {}, "Data"), element("pre", { tabindex: 0 }, JSON.stringify(each.data, null, 2)))))));
  if (work.past.length) rows.push(group(work.past.some((each) => each.workflow) ? "Earlier" : "Rolled back earlier", work.past.map((each) => element("li", {}, `${each.workflow ? `${each.workflow}/${each.id}: ` : ""}${words(each.status)}${each.attempts ? `, attempt ${each.attempts}` : ""}`, each.reason && !work.failures.some((other) => other.reason === each.reason) ? `: ${each.reason}` : "", each.started_at ? [" ", element("span", { class: "muted" }, time(each.started_at))] : "", (each.notes ?? []).map((note) => element("p", { class: "muted" }, `Note: ${note}`))))));
  const line = [words(phase.status), phase.attempts > 1 ? `attempt ${phase.attempts}` : null, headOf(work)].filter(Boolean).join(" · ");
  return element("section", { class: "card phase", id: `phase-${encodeURIComponent(phase.id)}`, "data-state": phase.status, "aria-label": `Phase ${words(phase.id)}` },
    element("header", { class: "head" }, element("h2", {}, words(phase.id)), element("span", { class: "muted" }, line)), rows);
}

function evidence(phase, found) {
  const passed = found.exit_code === 0;
  const ending = found.exit_code === null ? "took too long" : passed ? "passed" : `exit code ${found.exit_code}`;
  return element("div", { class: "group" }, element("h3", {}, "Evidence"),
    element("p", {}, element("span", { class: "badge", "data-tone": passed ? "ok" : "critical" }, ending), " ", element("code", {}, found.command.join(" ")), element("span", { class: "muted", title: absolute(found.at) }, ` ${milliseconds(found.duration_ms)}`)),
    found.size ? checkOutput(id, phase, found) : null);
}

const GOAL_FITS = 300; // characters that never scroll
let timeline = null;

function showTimeline(changes) {
  timeline ??= new Stack($("changes"), 64, () => {
    const shown = { what: element("span", { class: "strong" }), sub: element("span", { class: "sub" }), when: element("span", { class: "when" }) };
    return Object.assign(element("li", {}, element("div", { class: "moment" }, shown.what, shown.when, shown.sub)), { shown });
  }, ({ shown }, each) => {
    write(shown.what, each.event.slice(0, 1).toUpperCase() + each.event.slice(1));
    attribute(shown.what, "title", clean(each.event));
    write(shown.sub, `${who(each.actor)} · ${words(each.operation)}`);
    attribute(shown.sub, "title", `${each.summary}\nchange ${each.sequence}, correlation id ${each.correlation_id}`);
    showMoment(shown.when, each.at, ago);
  });
  timeline.show(changes, (each) => String(each.sequence));
  dropNotice(changes);
}

/** A notice whose command takes back all that changed since goes with the next change: that would be taken back as well. */
function dropNotice(changes) {
  const notice = document.querySelector(".notice");
  const [, at] = / state restore --at (\d+) /.exec(notice?.dataset.undo) ?? [];
  const later = at ? changes.filter((each) => each.sequence > Number(at)) : [];
  if (later.some((each) => each.correlation_id !== later.at(-1).correlation_id)) notice.remove(); // what it is about is one call
}

setUpTheme();
const connection = new Connection(refresh);
connection.lines = (marks) => stirs(feature, marks) && updateRun(feature, glide).catch((error) => {
  if (!(error instanceof TypeError || error.told)) throw error; // the connection says that the server is gone
});
addEventListener("acted", () => connection.update());
