// The agent's lines while it works, and how its run ended.
import { acting } from "./acting.js";
import { stopAction } from "./actions-feature.js";
import { absolute, announce, attribute, clean, counted, duration, element, load, showMoment, since, write } from "./base.js";

const SHOWN = 500; // lines on the page; the log has them all
const KEPT = 400; // of them when there are more
const SAID_MS = 10_000; // at most so often new lines are said, and then how many
const NAMES = { phase: "Phase", attempt: "Agent", line: "", used: "Used", failed: "Failed", waits: "Waits", refused: "Refused", accepted: "Accepted", done: "Ended", stopped: "Stopped", broke: "Ended" };
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium", hourCycle: "h23" });

const badge = element("span", { class: "badge" });
const place = element("p", { class: "muted line" });
const moment = element("span", { class: "muted" });
const missed = element("p", { class: "muted earlier", hidden: true }, "Earlier lines are in the log: cde logs");
const list = element("ol", { class: "run-lines" });
const scroll = element("div", { class: "run-scroll", tabindex: 0, role: "region", "aria-label": "Lines of the run, oldest first" }, missed, list);
const newest = element("button", { class: "plain to-newest", type: "button", hidden: true, onclick: follow }, "↓ Newest lines");
const lines = element("details", { class: "run-details" }, element("summary", {}, "Lines"), element("div", { class: "run-frame" }, scroll, newest));
const stop = element("div", { class: "acts", hidden: true });
const head = element("header", { class: "head" }, element("h2", {}, "Agent"), badge, stop);
const card = element("section", { class: "card live-run", "aria-label": "Agent", hidden: true }, head, place, moment, lines);

let shown = { id: "", last: 0, state: "" };
let stamp = null;
let running = null;
let again = false;
let unsaid = 0;
let saidAt = 0;

/** The card of the feature's last run, which stays the same one. */
export const liveCard = () => card;

/** Whether there is something new of this feature among the marks of all that run. */
export function stirs(feature, marks) {
  const mark = marks?.[feature] ?? null;
  const other = mark !== null && mark !== stamp;
  stamp = mark;
  return other;
}

let phaseChangedAt = 0; // when the feature's present phase or attempt began, or its last phase was completed
let lastLineAt = null; // when the run's newest line came

/** A run that ended is of its phase and attempt: it is not shown once the feature is in a later one. */
export function notePhaseChange({ phases }) {
  phaseChangedAt = Math.max(0, ...phases.flatMap((each) => [each.started_at, each.completed_at]).filter(Boolean).map(Date.parse));
}

/** Ask for what is new, one request at a time, and let `draw` show it. */
export async function updateRun(feature, draw) {
  if (running) {
    again = true;
    return running;
  }
  const asked = new URLSearchParams(shown.id ? { run: shown.id, after: shown.last } : {});
  running = load(`/dashboard/data/features/${encodeURIComponent(feature)}/run?${asked}`).finally(() => (running = null));
  const { run } = await running;
  if (run && !stop.firstChild && (await acting).person) stop.append(stopAction(feature));
  if (run) await draw(() => present(run));
  if (again) {
    again = false;
    return updateRun(feature, draw);
  }
}

const STATES = { running: ["at work", "accent"], lost: ["ended without a word", "critical"] };
const ENDS = { done: ["ended", "ok"], stopped: ["stopped", "warning"], broke: ["ended with an error", "critical"] };

function present(run) {
  lastLineAt = run.lines.at(-1)?.at ?? (run.id === shown.id ? lastLineAt : run.since);
  if (run.id !== shown.id) {
    list.replaceChildren();
    unsaid = 0;
  }
  const [word, tone] = STATES[run.state] ?? ENDS[run.end?.kind] ?? ["ended", "muted"];
  write(badge, word);
  attribute(badge, "data-tone", tone);
  write(place, placeWords(run));
  attribute(card, "data-state", run.state);
  stop.hidden = run.state !== "running";
  if (stop.hidden) stop.firstChild?.closeDialog();
  if (run.state === "running") showMoment(moment, run.since, (at) => `for ${duration(since(at))} · process ${run.pid}`);
  else showMoment(moment, run.end?.at ?? run.since, (at) => `${run.end ? "ended" : "began"} ${duration(since(at))} ago`);
  if (run.id !== shown.id || run.state !== shown.state) lines.open = run.state === "running" || run.state === "lost";
  const fresh = run.id !== shown.id || run.last > shown.last;
  const before = shown;
  shown = { id: run.id, last: run.last, state: run.state };
  card.hidden = run.state !== "running" && phaseChangedAt > Date.parse(run.end?.at ?? lastLineAt);
  if (fresh) append(run);
  if (before.id === run.id && before.state === "running" && run.state !== "running") announce(`The agent's run ${word}`);
  else if (run.state === "running") say(run, before.id === run.id);
}

function placeWords({ state, phase, by, end }) {
  if (end) return end.text;
  const where = [by, phase].filter(Boolean).join(" · ") || "begins";
  return state === "lost" ? `The run's process was killed, or the machine went down, at: ${where}. Nothing that was accepted is lost; run it again to continue.` : where;
}

function append(run) {
  const atEnd = isAtEnd();
  if (run.missed > 0) list.replaceChildren();
  if (list.childElementCount === 0) missed.hidden = run.missed === 0;
  list.append(...run.lines.map(row));
  if (list.childElementCount > SHOWN) {
    list.replaceChildren(...[...list.children].slice(-KEPT).map((each) => each.cloneNode(true))); // others do not move
    missed.hidden = false;
  }
  if (atEnd) scroll.scrollTop = scroll.scrollHeight;
  else newest.hidden = false;
}

function row({ at, kind, text }) {
  return element("li", { "data-kind": kind in NAMES ? kind : "line" },
    element("time", { datetime: at, title: absolute(at) }, clock.format(new Date(at))),
    NAMES[kind] ? element("span", { class: "kind" }, NAMES[kind]) : null,
    element("span", { class: "words" }, text));
}

const isAtEnd = () => scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 24;

function follow() {
  scroll.scrollTop = scroll.scrollHeight;
  newest.hidden = true;
  scroll.focus({ preventScroll: true });
}

scroll.addEventListener("scroll", () => {
  if (isAtEnd()) newest.hidden = true;
});
lines.addEventListener("toggle", () => {
  if (lines.open) scroll.scrollTop = scroll.scrollHeight;
});

/** Say politely that there are new lines: how many, and the newest, not each of them. */
function say(run, known) {
  unsaid += known ? run.lines.length + run.missed : 0;
  if (!unsaid || Date.now() - saidAt < SAID_MS) return;
  announce(`${counted(unsaid, "new line")} of the agent: ${clean(run.lines.at(-1)?.text ?? "").slice(0, 120)}`);
  unsaid = 0;
  saidAt = Date.now();
}
