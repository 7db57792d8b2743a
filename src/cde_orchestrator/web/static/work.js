// What a feature made: its outputs with their versions, and the code that differs. Both are asked for when somebody opens them.
import { absolute, attribute, bytes, clean, counted, element, load, now, words } from "./base.js";
import { difference, drawn } from "./drawn.js";

const address = (feature, ...rest) => ["/dashboard/data/features", ...[feature, ...rest].map(encodeURIComponent)].join("/");

/** Why something cannot be shown. */
function failed(error) {
  if (!(error.told || error instanceof TypeError || error instanceof SyntaxError)) throw error;
  return element("p", { class: "problem", role: "alert" }, error.told?.message ?? "The server does not answer: open it again.");
}

/** A part that is filled when it is opened, and again whenever it is opened later. */
function opening(name, summary, fill) {
  const body = element("div", { class: "opened" });
  async function open({ target }) {
    if (!target.open) return;
    try {
      body.replaceChildren(...[await fill(body)].flat().filter(Boolean));
    } catch (error) {
      body.replaceChildren(failed(error));
    }
  }
  return element("details", { "data-name": name, ontoggle: open }, element("summary", {}, summary), body);
}

/** Every output that was accepted, and those that the present phase has to deliver. */
export function outputsOf({ phases, phase }) {
  const found = new Map();
  for (const record of phases) {
    for (const each of record.outputs) found.set(each.id, { id: each.id, path: each.path, sha256: each.sha256, note: `${words(record.id)} · ${bytes(each.size)}` });
  }
  for (const each of phase?.outputs ?? []) {
    if (!found.has(each.id)) found.set(each.id, { id: each.id, path: each.path, note: `due in ${words(phase.id)}` });
  }
  return [...found.values()];
}

const rows = new Map();

/** The row of an output; one that did not change stays as its reader has it. */
function row(feature, each) {
  const told = JSON.stringify(each);
  if (rows.get(each.id)?.told !== told) {
    rows.set(each.id, { told, made: opening(`output ${each.id}`, [element("code", {}, each.path), element("span", { class: "muted", title: each.sha256 ? `sha256 ${each.sha256}` : null }, ` ${each.note}${each.sha256 ? ` · ${each.sha256.slice(0, 10)}` : ""}`)], () => output(feature, each)) });
  }
  return rows.get(each.id).made;
}

export function outputsCard(feature, outputs) {
  return element("section", { class: "card made", "aria-label": "Outputs" },
    element("header", { class: "head" }, element("h2", {}, "Outputs")),
    outputs.map((each) => row(feature, each)));
}

async function output(feature, { id, path }) {
  const first = await load(address(feature, "outputs", id));
  if (first.version === null) return element("p", { class: "muted" }, first.versions.length ? "No version of it is kept any more." : "Nothing is written yet.");
  const content = element("div", { class: "drawn", tabindex: 0, role: "region", "aria-label": `Text of ${clean(path)}` });
  const option = (each) => element("option", { value: each.id }, [each.words.join(", "), each.at ? absolute(each.at) : null].filter(Boolean).join(" · "));
  const version = element("select", { "aria-label": `Version of ${clean(path)}`, onchange: show }, first.versions.map(option));
  const against = element("select", { "aria-label": `Compare ${clean(path)} with`, onchange: show }, element("option", { value: "" }, "alone"), first.versions.map(option));
  const whole = element("a", { class: "more" }, "Download the whole text");
  async function show() {
    const asked = new URLSearchParams({ version: version.value, ...(against.value ? { against: against.value } : {}) });
    try {
      present(await load(`${address(feature, "outputs", id)}?${asked}`));
    } catch (error) {
      content.replaceChildren(failed(error));
    }
  }
  function present(shown) {
    whole.href = `${address(feature, "outputs", id, "text")}?${new URLSearchParams({ version: shown.version })}`;
    const text = shown.compared ? difference(shown.compared) : drawn(shown.nodes);
    const more = !shown.compared && shown.partial ? element("p", { class: "strong" }, `This is the first part of ${bytes(shown.size)}.`) : null;
    content.classList.toggle("drawn", !shown.compared);
    attribute(content, "tabindex", shown.compared ? null : 0); // lines have a place of their own
    content.replaceChildren(...[more, text].flat().filter(Boolean));
  }
  version.value = first.version;
  present(first);
  return [element("div", { class: "choices" }, element("label", {}, "Version ", version), first.versions.length > 1 ? element("label", {}, "Compared with ", against) : null, whole), content];
}

const lines = (added, removed) => (added === null ? "" : ` +${added} −${removed}`);

/** The files that differ since the feature began, as of when somebody looks. */
export function codeCard(feature) {
  return element("section", { class: "card made", "aria-label": "Code" },
    element("header", { class: "head" }, element("h2", {}, "Code")),
    opening("code", "What differs since the feature began", () => code(feature)));
}

async function code(feature) {
  const { files, total, commit, until, problem } = await load(address(feature, "code"));
  if (problem) return element("p", { class: "muted" }, `Nothing can be compared: ${problem}.`);
  const end = until === "now" ? `what was there at ${absolute(now())} (open this again for a newer one)` : "what the feature saw last";
  const note = element("p", { class: "muted" }, `${total ? counted(total, "file") : "No file"} of the project's folder, from commit ${commit.slice(0, 10)} to ${end}, whoever changed them; the feature's own records apart.`);
  const rows = files.map((each) => opening(`code ${each.path}`,
    [element("code", {}, each.path), element("span", { class: "muted" }, ` ${each.kind}${lines(each.lines_added, each.lines_removed)}`)],
    async () => difference((await load(`${address(feature, "code")}?${new URLSearchParams({ path: each.path })}`)).compared)));
  return [note, ...rows, total > files.length ? element("p", { class: "muted" }, `And ${total - files.length} more.`) : null];
}

/** How an output that was accepted became what it is now, or what it was where it is gone. */
export function outputDifference(feature, output, accepted, now) {
  return opening(`changed ${output}`, now ? "What differs from what was accepted" : "What was accepted", async () => {
    const asked = now ? { version: now, against: accepted } : { version: accepted };
    const shown = await load(`${address(feature, "outputs", output)}?${new URLSearchParams(asked)}`);
    return shown.compared ? difference(shown.compared) : element("div", { class: "drawn", tabindex: 0 }, drawn(shown.nodes));
  });
}

const printed = new Map();

/** What a check printed: its end, and all of it as a file; it stays open while the same check is shown. */
export function checkOutput(feature, phase, { at, size }) {
  const told = JSON.stringify([at, size]);
  if (printed.get(phase)?.told !== told) {
    const made = opening(`check ${phase}`, `What it printed, ${bytes(size)}`, () => wholeOutput(feature, phase));
    printed.set(phase, { told, made });
  }
  return printed.get(phase).made;
}

async function wholeOutput(feature, phase) {
  const { text, partial, whole } = await load(address(feature, "checks", phase));
  const note = whole ? (partial ? "This is the last part of it." : null) : "Only the end of it is kept.";
  const content = element("pre", { class: "printed", tabindex: 0, "aria-label": "What the check printed" }, text);
  requestAnimationFrame(() => (content.scrollTop = content.scrollHeight));
  return [element("div", { class: "choices" }, note ? element("span", { class: "strong" }, note) : null, element("a", { class: "more", href: address(feature, "checks", phase, "text") }, "Download as text")), content];
}
