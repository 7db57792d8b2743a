// Reporter of Node.js' own runner. It is loaded into the process that starts one for each file.
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";

import { DETAIL_CHARACTERS, openReports, textOf } from "./signed_reports.cjs";

const UNSELECTED = "test name does not match pattern"; // a reason to skip, up to Node.js 20
const report = openReports();
const printed = new Map();
const running = new Map();

const is = (value) => value !== undefined && value !== null && value !== false;

function outcomeOf({ type, data, failure }) {
  if (data.skip === UNSELECTED) return "unselected";
  if (is(data.skip)) return "skipped";
  if (is(data.todo) || is(data.expectFailure)) return "expected_failure";
  if (failure === "cancelledByParent") return "error";
  return type === "test:pass" ? "passed" : "failed";
}

function take({ type, data }) {
  const file = data.file ?? ".";
  const path = file.startsWith("file:") ? fileURLToPath(file) : resolve(file);
  if (type === "test:stdout" || type === "test:stderr") {
    process.stdout.write(data.message);
    printed.set(path, ((printed.get(path) ?? "") + data.message).slice(-DETAIL_CHARACTERS));
    return;
  }
  if (!["test:start", "test:pass", "test:fail"].includes(type)) return;
  if (data.nesting === 0 && resolve(data.name) === path) {
    if (type === "test:fail") report("red", { path, detail: printed.get(path) ?? "", atLoad: true });
    return;
  }
  const titles = [...(running.get(path) ?? []).slice(0, data.nesting), data.name];
  if (type === "test:start") {
    running.set(path, titles);
    report("start", { path, titles });
    return;
  }
  const { details } = data;
  const detail = type === "test:fail" ? textOf(details.error) : "";
  const failure = details.error?.failureType;
  if (details.type !== "suite") {
    report("test", { path, titles, outcome: outcomeOf({ type, data, failure }), detail });
  } else if (type === "test:fail" && failure !== "subtestsFailed") {
    report("red", { path, titles, detail, atLoad: failure !== "hookFailed" });
  }
}

export default async function* reports(events) {
  for await (const event of events) take(event);
  report("end");
  yield "";
}
