// Reporter of vitest, from version 1 on; its tests run in other threads or processes.
import { openReports, textOf } from "./signed_reports.cjs";

const report = openReports();

const detailOf = (task) => (task.result?.errors ?? []).map(textOf).join("\n");

function outcomeOf(task, aroundFailed) {
  const state = task.result?.state;
  if (task.mode === "todo") return "expected_failure";
  if (state === "pass") return task.fails ? "expected_failure" : "passed";
  if (state === "fail") return "failed";
  if (aroundFailed) return "error";
  return task.mode === "skip" ? "skipped" : "failed";
}

function take(path, task, around, aroundDetail) {
  const titles = [...around, task.name];
  const detail = detailOf(task) || aroundDetail;
  if (task.type === "suite") {
    for (const part of task.tasks) take(path, part, titles, detail);
    return;
  }
  report("test", { path, titles, outcome: outcomeOf(task, Boolean(aroundDetail)), detail });
}

function takeAll(files, errors) {
  for (const file of files) {
    const path = file.filepath;
    const detail = detailOf(file);
    if (detail) report("red", { path, detail, atLoad: file.tasks.length === 0 });
    for (const task of file.tasks) take(path, task, [], detail);
  }
  for (const error of errors) console.log(textOf(error));
  report("end");
}

export default class Reports {
  #done = false;

  /** A snapshot that is not in the project is none: it is not written, so that the test fails. */
  onInit(vitest) {
    for (const { config } of [vitest, ...(vitest.projects ?? [])]) {
      if (config?.snapshotOptions) config.snapshotOptions.updateSnapshot = "none";
    }
  }

  /** Up to version 3. */
  onFinished(files = [], errors = []) {
    if (!this.#done) takeAll(files, errors);
    this.#done = true;
  }

  /** From version 3 on. */
  onTestRunEnd(modules, errors) {
    this.onFinished(
      modules.map((module) => module.task),
      errors,
    );
  }
}
