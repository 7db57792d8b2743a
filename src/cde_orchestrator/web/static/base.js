// What both pages share: elements out of text, figures, times, theme and the connection.

// Characters that turn the reading direction, or cannot be seen, are shown as what they are.
const UNSEEN = /(?![\t\n\u200c\u200d\ufe0e\ufe0f])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{DI}]/gu;

export const $ = (id) => document.getElementById(id);

export function clean(text) {
  return String(text ?? "").replace(UNSEEN, "\ufffd");
}

/** An element; texts become text nodes, never markup. */
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "class") made.className = value;
    else if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined)
    .map((child) => (child instanceof Node ? child : clean(child))));
  return made;
}

/** A text in which words between backticks are code, as whoever wrote it meant it. */
export const coded = (text) => clean(text).split(/`([^`\n]+)`/).map((each, place) => (place % 2 ? element("code", {}, each) : each));

export function write(target, text) {
  const wanted = clean(text);
  if (target.textContent !== wanted) target.textContent = wanted;
}

export function attribute(target, name, value) {
  if (value === null || value === undefined) target.removeAttribute(name);
  else if (target.getAttribute(name) !== String(value)) target.setAttribute(name, value);
}

// ---- figures ----

const number = (digits) => new Intl.NumberFormat("en", { maximumFractionDigits: digits });
const plain = [number(0), number(1), number(2)];

export function figure(value) {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  return plain[size >= 100 || Number.isInteger(value) ? 0 : size >= 1 ? 1 : 2].format(value);
}

export const percent = (share) => (share === null || share === undefined ? "–" : `${figure(share * 100)} %`);

export function milliseconds(value) {
  if (value === null || value === undefined) return "–";
  return value >= 1000 ? `${figure(value / 1000)} s` : `${figure(value)} ms`;
}

export function megabytes(value) {
  if (value === null || value === undefined) return "–";
  return value >= 1024 ? `${figure(value / 1024)} GB` : `${figure(value)} MB`;
}

/** A number of things: "no files", "1 file", "3 files". */
export const counted = (count, noun) => `${count ? figure(count) : "no"} ${noun}${count === 1 ? "" : "s"}`;

/** How many lines a change has: "+3 −1 lines"; empty where it has none. */
export function changedLines({ added, removed }) {
  const signed = [["+", added], ["−", removed]].filter(([, count]) => count).map(([sign, count]) => `${sign}${count}`);
  return signed.length ? `${signed.join(" ")} ${added + removed === 1 ? "line" : "lines"}` : "";
}

export function bytes(value) {
  if (value < 1024) return `${value} B`;
  return value < 1024 * 1024 ? `${figure(value / 1024)} kB` : megabytes(value / 1024 / 1024);
}

export function duration(seconds) {
  if (seconds < 60) return `${Math.max(0, Math.floor(seconds))} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86400)} d`;
}

/** The states of a feature that is done. */
export const CLOSED = ["completed", "failed", "cancelled"];

export const words = (name) => (name === "waits_for_person" ? "waits for a person" : clean(name).replaceAll("_", " "));

/** Who did something: an agent is called one, a person is not. */
export const who = (by) => (/^(person:|(cli|library|cde)( \(|$))/.test(by) ? clean(by).replace(/^person:/, "") : `agent ${clean(by).replace(/^mcp:/, "")}`);

// ---- times: relative, the moment itself in the title ----

const moment = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
let ahead = 0; // milliseconds by which the server's clock is ahead of this one

export function serverTime(at) {
  ahead = Date.parse(at) - Date.now();
}

export const now = () => Date.now() + ahead;

export function since(at) {
  return Math.max(0, (now() - Date.parse(at)) / 1000);
}

export function ago(at) {
  const seconds = since(at);
  return seconds < 5 ? "just now" : `${duration(seconds)} ago`;
}

export const absolute = (at) => moment.format(new Date(at));

/** Show a moment in an element, and keep it up to date. */
export function showMoment(target, at, template = ago) {
  target.dataset.at = at ?? "";
  target.tell = template;
  if (!at) {
    write(target, "");
    return target;
  }
  attribute(target, "title", absolute(at));
  if (target.tagName === "TIME") attribute(target, "datetime", at);
  write(target, template(at));
  return target;
}

export const time = (at, template = ago) => showMoment(element("time", { "data-at": at ?? "" }), at, template);

setInterval(() => {
  for (const each of document.querySelectorAll("[data-at]")) {
    if (each.dataset.at && each.tell) write(each, each.tell(each.dataset.at));
  }
}, 1000);

// ---- lists whose members stand at places of equal height, and move without a layout ----

export class Stack {
  /** `make(item)` gives an element, `fill(element, item)` brings it up to date; `height` is in pixels, or a length of CSS. */
  constructor(container, height, make, fill) {
    const times = (count) => (Number.isFinite(height) ? `${count * height}px` : `calc(${count} * ${height})`);
    Object.assign(this, { container, times, make, fill, members: new Map() });
    container.classList.add("stacked");
  }

  show(items, key) {
    const first = this.members.size === 0;
    const wanted = new Set(items.map(key));
    for (const [id, each] of this.members) {
      if (wanted.has(id)) continue;
      each.remove();
      this.members.delete(id);
    }
    items.forEach((item, place) => {
      const id = key(item);
      let member = this.members.get(id);
      const fresh = member === undefined;
      if (fresh) {
        member = this.make(item);
        member.classList.add("member");
        if (!first) member.classList.add("fresh");
        this.members.set(id, member);
      }
      this.fill(member, item);
      const shift = `translateY(${this.times(place)})`;
      if (member.style.transform !== shift) member.style.transform = shift;
      const present = this.container.children[place];
      if (present !== member) {
        const focused = member.contains(document.activeElement) ? document.activeElement : null;
        this.container.insertBefore(member, present ?? null);
        focused?.focus({ preventScroll: true });
      }
    });
    this.container.style.height = this.times(items.length);
  }
}

/** A button that copies a text. */
export function copy(text, label) {
  const button = element("button", { class: "plain copy", type: "button", title: "Copy", "aria-label": label }, "Copy");
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(text);
    write(button, "Copied");
    announce("Copied");
    setTimeout(() => write(button, "Copy"), 1500);
  });
  return button;
}

/** A command that can be copied. */
export const command = (line) => element("span", { class: "command" }, element("code", {}, line), copy(line, `Copy: ${clean(line)}`));

export function empty(title, ...rest) {
  return element("div", { class: "empty" }, element("p", { class: "strong" }, title), ...rest);
}

export function announce(text) {
  write($("announcer"), text);
}

// ---- theme ----

export function setUpTheme() {
  const button = $("theme");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const present = () => document.documentElement.dataset.theme ?? (dark.matches ? "dark" : "light");
  const label = () => {
    const next = present() === "dark" ? "light" : "dark";
    attribute(button, "aria-label", `Switch to the ${next} theme`);
    attribute(button, "title", `Switch to the ${next} theme`);
  };
  button.addEventListener("click", () => {
    const next = present() === "dark" ? "light" : "dark";
    document.documentElement.dataset.theme = next;
    localStorage.setItem("cde-theme", next);
    label();
  });
  dark.addEventListener("change", label);
  label();
}

// ---- the connection ----

// An address of `cde dashboard` makes a person of the browser: its word is kept for this port alone, where cookies go to all.
const WORD = "cde-page";
const [, how, given] = /^#(once|person)=(.+)/.exec(location.hash) ?? [];
const keep = ({ person }) => (localStorage[WORD] = person);

/** End the session of this browser, here and at the server. */
export async function signOut() {
  await load("/dashboard", { out: "1" });
  localStorage.removeItem(WORD);
  location.assign("/dashboard");
}
if (how) history.replaceState(null, "", location.pathname + location.search);
if (how === "person") keep({ person: given });
export const signedIn = how === "once" ? load(location.pathname, { once: given }).then(keep, () => null) : Promise.resolve();
addEventListener("hashchange", () => /^#(once|person)=/.test(location.hash) && location.reload());

/** What is at an address, or what a form with these fields is answered there. */
export async function load(address, fields) {
  const form = fields && { method: "POST", body: new URLSearchParams(fields) };
  const answer = await fetch(address, { headers: { Accept: "application/json", [WORD]: localStorage[WORD] }, cache: "no-store", ...form });
  if (answer.status === 401) reload();
  const content = await answer.json();
  if (answer.ok) return content;
  throw Object.assign(new Error(content.error?.title ?? "No answer"), { told: content.error, form: content.form });
}

/** Get the page anew, unless a form holds what somebody typed. */
export function reload() {
  if (!document.querySelector("form[data-typed]")) location.reload();
}

const STATES = { live: "Live", lost: "Connection lost, reconnecting", out: "Signed out: run cde dashboard in a terminal", paused: "Paused", connecting: "Connecting" };

/** Whether the server does not know this browser any more. */
export const isOut = ({ told }) => told?.code === "E902";

const isLost = (state) => state === "lost" || state === "out";

/** Calls `refresh` now, and whenever the server says that there is something new. */
export class Connection {
  constructor(refresh) {
    Object.assign(this, { refresh, source: null, waiting: null, failures: 0, running: false, again: false });
    document.addEventListener("visibilitychange", () => (document.hidden ? this.pause() : this.connect()));
    addEventListener("pagehide", () => this.pause());
    this.connect();
  }

  connect() {
    this.pause("connecting");
    const source = new EventSource("/dashboard/events");
    this.source = source;
    // The first of these comes at once: what the page shows is read once, and misses no change.
    for (const name of ["hello", "change", "beat"]) source.addEventListener(name, () => this.update());
    source.addEventListener("lines", ({ data }) => this.lines?.(JSON.parse(data).lines));
    source.addEventListener("error", () => this.lose());
  }

  pause(state = "paused") {
    this.source?.close();
    clearTimeout(this.waiting);
    if (!isLost($("connection").dataset.state)) this.show(state);
  }

  /** The server is gone, or has another token by now and does not know this browser. */
  lose() {
    const { source } = this;
    source?.close();
    clearTimeout(this.waiting);
    if ($("connection").dataset.state !== "out") this.show("lost");
    load("/dashboard/actions").catch((error) => this.source === source && this.show(isOut(error) ? "out" : "lost"));
    this.failures += 1;
    this.waiting = setTimeout(() => this.connect(), Math.min(1000 * this.failures, 5000));
  }

  /** One request at a time; what changes meanwhile is asked for once more after it. */
  async update() {
    if (this.running) {
      this.again = true;
      return;
    }
    this.running = true;
    try {
      await this.refresh();
      this.failures = 0;
      this.show("live");
    } catch (error) {
      if (!(error instanceof TypeError) && !isOut(error)) { // else the server is gone, or lets nobody in
        document.body.classList.add("ready"); // what there is, is not hidden by what failed
        throw error;
      }
      if (isOut(error)) this.show("out");
      this.lose();
    } finally {
      this.running = false;
      if (this.again) {
        this.again = false;
        this.update();
      }
    }
  }

  show(state) {
    const place = $("connection");
    if (place.dataset.state === state) return;
    const before = place.dataset.state;
    place.dataset.state = state;
    document.body.classList.toggle("stale", isLost(state));
    write($("connection-text"), STATES[state]);
    if (state === "live" && isLost(before)) dispatchEvent(new Event("reconnected"));
    if (isLost(state) || isLost(before)) announce(isLost(state) ? STATES[state] : "Connected again");
  }
}
