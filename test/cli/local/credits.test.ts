import { expect, it } from "vitest";
import { outlookOf } from "#cli/redrive-budget";
import type { WorkflowExecution } from "#core/report";
import type { Workflow } from "#core/workflow";
import type { Outcome } from "../pawl.ts";
import { directoryWith, pawl } from "../pawl.ts";

const timeout = 60_000;

const node = (id: string, type: string, inputs: Readonly<Record<string, unknown>> = {}) => ({
  id,
  name: id,
  type,
  inputs: Object.entries(inputs).map(([name, value]) => ({ name, type: "any", value })),
  outputs: [],
});

/** Three nodes in a row, of one credit each. */
const flow = (settings: object): string =>
  JSON.stringify({
    id: "flow",
    name: "Flow",
    trigger: "manual",
    settings,
    nodes: [
      node("one", "addition", { a: 1, b: 1 }),
      node("two", "addition", { b: 1 }),
      node("three", "addition", { b: 1 }),
    ],
    edges: [
      { source: "one", sourceOutput: "result", target: "two", targetInput: "a" },
      { source: "two", sourceOutput: "result", target: "three", targetInput: "a" },
    ],
  });

const project = (settings: object = {}) => {
  const cwd = directoryWith({ "flow.json": flow(settings) });
  return (...args: readonly string[]): Promise<Outcome> => pawl(args, { cwd });
};

const json = ({ stdout }: Outcome): unknown => JSON.parse(stdout);

const statusesOf = (outcome: Outcome): readonly string[] =>
  (json(outcome) as WorkflowExecution).nodeExecutions.map(({ status, reusedFrom }) =>
    reusedFrom === undefined ? status : "reused",
  );

it("shows what an organization may spend and has left", { timeout }, async () => {
  const call = project();
  expect(await call("credits")).toStrictEqual({
    exitCode: 0,
    stdout:
      "Credits of organization 'local'\nPlan      none\nSpent     0\nReserved  0\nLeft      no limit\n\n" +
      "There is no limit but one that a run is started with ('pawl run FILE --credits CREDITS'). " +
      "'pawl credits plan fixed --allowance 1000' sets one for all runs.\n",
    stderr: "",
  });
  expect((await call("credits", "plan", "fixed", "--allowance", "7.5")).stdout).toBe(
    "Credits of organization 'local'\nPlan      fixed, 7.5 credits\nSpent     0\nReserved  0\nLeft      7.5\n",
  );
  expect(await call("run", "flow.json")).toMatchObject({ exitCode: 0 });
  expect(json(await call("credits", "show", "--json"))).toStrictEqual({
    organization: "local",
    plan: { type: "fixed", allowance: 7.5 },
    spent: 3,
    reserved: 0,
    left: 4.5,
  });
  const overage = await call("credits", "plan", "overage", "--allowance", "2", "--overage", "4");
  expect(overage.stdout).toBe(
    "Credits of organization 'local'\nPlan      overage, 2 credits and 4 beyond\nSpent     3\n" +
      "Overage   1 spent beyond the allowance, of 4\nReserved  0\nLeft      3\n",
  );
  const without = await call("credits", "plan", "overage", "--allowance", "2", "--json");
  expect(json(without)).toMatchObject({ plan: { type: "overage", allowance: 2 }, left: null });
  const unlimited = await call("credits", "plan", "unlimited", "--json");
  expect(json(unlimited)).toMatchObject({ plan: { type: "unlimited" }, spent: 3, left: null });
  expect(json(await call("credits", "--org", "acme", "--json"))).toStrictEqual({
    organization: "acme",
    plan: null,
    spent: 0,
    reserved: 0,
    left: null,
  });
});

it("runs nothing that the plan does not allow, and tells how to go on", { timeout }, async () => {
  const call = project();
  await call("credits", "plan", "fixed", "--allowance", "4");
  expect(await call("run", "flow.json")).toMatchObject({ exitCode: 0 });
  const refused = await call("run", "flow.json");
  expect(refused.exitCode).toBe(3);
  const [, id = ""] = /run ([0-9a-f]{8})/.exec(refused.stdout) ?? [];
  const facts =
    "To go on, the run needs 3 compute credits by its estimate: with 3 that the organization has spent and 0 reserved, 6 in all";
  const hint = `${facts}, but its plan allows 4. 'pawl credits plan fixed --allowance 6' allows more, and then 'pawl redrive ${id}' goes on.\n`;
  expect(refused.stdout).toMatch(
    /\n {2}Insufficient compute credits\n {2}run .*\n\nTo go on, the run/,
  );
  expect(refused.stdout.endsWith(`\n\n${hint}`)).toBe(true);
  expect((await call("show", "last")).stdout.endsWith(`\n\n${hint}`)).toBe(true);
  expect((await call("credits")).stdout).toContain("\nSpent     3\nReserved  0\nLeft      1\n");
  await call("credits", "plan", "overage", "--allowance", "4", "--overage", "1");
  expect((await call("show", "last")).stdout).toContain(
    "its plan allows 5. 'pawl credits plan overage --allowance 4 --overage 2' allows more",
  );
  await call("credits", "plan", "fixed", "--allowance", "6");
  expect((await call("show", "last")).stdout).toContain(
    `${facts}. As things stand now that fits: 'pawl redrive ${id}' goes on.\n`,
  );
  expect(await call("redrive", "last")).toMatchObject({ exitCode: 0 });
  expect((await call("credits")).stdout).toMatch(
    /\nLeft {6}0\n\nNothing is left\. 'pawl credits plan fixed --allowance CREDITS' lets more be spent\.\n$/,
  );
});

it("tells a limit that a run was started with from the plan", { timeout }, async () => {
  const call = project();
  const acme = (...args: readonly string[]): Promise<Outcome> => call(...args, "--org", "acme");
  await acme("run", "flow.json");
  // What was spent before counts: the limit is the organization's.
  const refused = await acme("run", "flow.json", "--credits", "5");
  expect(refused.exitCode).toBe(3);
  expect(refused.stdout).toMatch(
    /6 in all, but --credits allows 5\. 'pawl redrive [0-9a-f]{8} --credits 6 --org acme' goes on\.\n$/,
  );
  await acme("credits", "plan", "fixed", "--allowance", "4");
  const shown = await acme("show", "last");
  expect(shown.stdout).toMatch(
    /but --credits allows 5 and its plan allows 4\. 'pawl credits plan fixed --allowance 6 --org acme' allows more, and then 'pawl redrive [0-9a-f]{8} --credits 6 --org acme' goes on\.\n$/,
  );
  await acme("credits", "plan", "fixed", "--allowance", "6");
  expect(await acme("redrive", "last", "--credits", "6")).toMatchObject({ exitCode: 0 });
  // A redrive needs what it does not take over.
  const again = await acme("redrive", "last", "--from", "three");
  expect(again.stdout).toMatch(
    /To go on, the run needs 1 compute credit by its estimate: with 6 .* 7 in all, but --credits allows 6 and its plan allows 6\./,
  );
  for (const command of ["run", "redrive"]) {
    const { stdout } = await call(command, "--help");
    const words = stdout.replaceAll(/\s+/g, " ");
    expect(words).toContain("the organization may spend in all, with what it has spent before");
    expect(words).toContain("settings.budget");
  }
});

it("goes on with a larger budget where a run met its own", { timeout }, async () => {
  const call = project({ budget: 1 });
  const first = await call("run", "flow.json");
  expect(first.exitCode).toBe(3);
  const [, id = ""] = /run ([0-9a-f-]{36})/.exec(first.stdout) ?? [];
  const hint = `'pawl redrive ${id.slice(0, 8)} --budget CREDITS' goes on with a larger budget, and keeps what is done.\n`;
  expect(first.stdout).toMatch(/\n {2}The budget of 1 compute credit is spent\./);
  expect(first.stdout.endsWith(`\n\n${hint}`)).toBe(true);
  expect((await call("show", id)).stdout.endsWith(`\n\n${hint}`)).toBe(true);

  const run = /run ([0-9a-f-]{36})/.exec(first.stdout)?.[1] ?? "";
  for (const args of [[], ["--budget", "1.5"]]) {
    const refused = await call("redrive", id, ...args);
    expect({ ...refused, stderr: refused.stderr.replace(run, "ID") }).toStrictEqual({
      exitCode: 2,
      stdout: "",
      stderr:
        `pawl: A budget of ${args[1] ?? 1} compute credit${args[1] === undefined ? "" : "s"} does not bring run ID on: what would be taken over has cost 1, ` +
        `and the cheapest node that would run first costs 1. 'pawl redrive ${id.slice(0, 8)} --budget 3' has room for all that would run, by its types.\n`,
    });
  }
  expect(json(await call("runs", "--json"))).toMatchObject({ runs: [{ id: run }], more: false });
  const planned = await call("redrive", id, "--budget", "2", "--dry-run");
  expect(planned.stdout).toMatch(
    /\nThe budget of 2 compute credits has no room for all of it, and --budget 3 would: what is taken over has cost 1, and what would run costs 2 by its types\.\n$/,
  );
  const second = await call("redrive", id, "--budget", "2", "--json");
  expect(second.exitCode).toBe(3);
  expect(statusesOf(second)).toStrictEqual(["reused", "completed", "idle"]);
  const plan = await call("redrive", "last", "--budget", "3", "--dry-run", "--json");
  expect(json(plan)).toMatchObject({
    nodes: [{ action: "reuse", usage: 1 }, { action: "reuse" }, { action: "run" }],
    budget: { credits: 3, taken: 2, estimate: 1, suffices: true },
  });
  const third = await call("redrive", "last", "--budget", "3", "--json");
  expect(third.exitCode).toBe(0);
  expect(statusesOf(third)).toStrictEqual(["reused", "reused", "completed"]);
  expect((await call("credits")).stdout).toContain("\nSpent     3\n");
});

it("goes on by what is told until all is done once", { timeout }, async () => {
  const call = project({ budget: 2 });
  await call("credits", "plan", "fixed", "--allowance", "2");
  expect(await call("run", "flow.json")).toMatchObject({ exitCode: 3 });
  const short = await call("redrive", "last", "--budget", "3");
  expect(short.stdout).toContain("To go on, the run needs 1 compute credit by its estimate");
  const told = [...short.stdout.matchAll(/'pawl ([^']*)'/g)].map(([, words = ""]) => words);
  expect(told).toStrictEqual([
    "credits plan fixed --allowance 3",
    expect.stringMatching(/^redrive [0-9a-f]{8}$/),
  ]);
  const [plan = "", redrive = ""] = told;
  expect(await call(...plan.split(" "))).toMatchObject({ exitCode: 0 });
  const ended = await call(...redrive.split(" "), "--json");
  expect(statusesOf(ended)).toStrictEqual(["reused", "reused", "completed"]);
  expect(json(await call("credits", "--json"))).toMatchObject({ spent: 3, reserved: 0 });
});

it(
  "tells a budget that lets nothing start from an organization without credits",
  {
    timeout,
  },
  async () => {
    const call = project({ budget: 0.5 });
    expect((await call("run", "flow.json")).stdout).toContain("--budget CREDITS' goes on");
    await call("credits", "plan", "fixed", "--allowance", "0.25");
    const raised = await call("redrive", "last", "--budget", "3");
    expect(raised).toStrictEqual({
      exitCode: 3,
      stdout: expect.stringContaining("3 in all, but its plan allows 0.25. "),
      stderr: "",
    });
    // Nothing of it is kept: there is nothing to go on with.
    const direct = await call("run", "flow.json", "--direct");
    expect(direct.exitCode).toBe(3);
    expect(direct.stdout).not.toContain("goes on");
  },
);

it.each([
  [
    "no plan of that name",
    ["plenty"],
    /^pawl: There is no plan 'plenty'\. A plan is fixed, overage or unlimited; 'pawl credits plan --help' explains them\.\n$/,
  ],
  ["a plan without its allowance", ["fixed"], /needs --allowance/],
  ["an allowance that is no number", ["fixed", "--allowance", "many"], /not 'many'/],
  ["an empty allowance", ["fixed", "--allowance", ""], /not ''/],
  ["less than nothing", ["fixed", "--allowance=-1"], /not '-1'/],
  ["parts of a millionth", ["fixed", "--allowance", "0.0000001"], /at most six decimals/],
  ["more than can be counted", ["fixed", "--allowance", "1e300"], /from 0 to 4294967296/],
  ["overage where there is none", ["fixed", "--allowance", "1", "--overage", "1"], /belongs to/],
  ["a limit without a limit", ["unlimited", "--allowance", "1"], /has a limit/],
])("refuses %s", async (_, args, words) => {
  const outcome = await project()("credits", "plan", ...args, "--json");
  expect(outcome.exitCode).toBe(2);
  expect(json(outcome)).toMatchObject({ error: { code: "USAGE" } });
  expect(outcome.stderr).toMatch(words);
});

it.each(["", "much", "-1", "Infinity", "1e300", "1.9999996", "4e-7"])(
  "refuses '%s' as a budget",
  async (budget) => {
    const outcome = await project()("redrive", "last", `--budget=${budget}`, "--json");
    expect(outcome.exitCode).toBe(2);
    expect(json(outcome)).toMatchObject({ error: { code: "USAGE" } });
    expect(outcome.stderr).toBe(
      `pawl: --budget takes a number from 0 to 4294967296 with at most six decimals, not '${budget}'.\n`,
    );
  },
);

it.each([
  [
    "bogus",
    "'pawl credits' shows what an organization may spend, and 'pawl credits plan' sets it.",
  ],
  ["fixed", "Did you mean 'pawl credits plan fixed'?"],
  ["plann", "Did you mean 'pawl credits plan'?"],
])("tells what 'pawl credits %s' may have meant", async (word, words) => {
  expect(await project()("credits", word)).toStrictEqual({
    exitCode: 2,
    stdout: "",
    stderr: `pawl: There is no 'pawl credits ${word}'. ${words}\n`,
  });
});

it("refuses a budget that is less than can be counted", async () => {
  const call = project({ budget: 0.0000001 });
  const { stdout, exitCode } = await call("validate", "flow.json");
  expect(exitCode).toBe(2);
  expect(stdout).toMatch(
    /^error MALFORMED .* settings\.budget\n {2}A budget is 0, or at least 0\.000001: /,
  );
  expect(await call("run", "flow.json", "--direct")).toMatchObject({ exitCode: 2 });
  expect(await project({ budget: 0 })("validate", "flow.json")).toMatchObject({ exitCode: 0 });
});

/** Of the three nodes in a row, by what became of them. */
const outlook = (reasons: readonly string[], budget?: number) =>
  outlookOf(
    JSON.parse(flow(budget === undefined ? {} : { budget })) as Workflow,
    ["one", "two", "three"].map((nodeId, index) => {
      const reason = reasons[index] ?? "upstream";
      const action = reason === "reused" ? "reuse" : "run";
      return { nodeId, action, reason, text: "", ...(action === "reuse" ? { usage: 1.5 } : {}) };
    }),
  );

it("reckons a budget from what nodes have cost, and their types do", () => {
  expect(outlook(["reused", "failed"])).toBeUndefined();
  expect(outlook(["reused", "failed"], 3)).toStrictEqual({
    budget: 3,
    taken: 1.5,
    estimate: 2,
    first: 1,
  });
  expect(outlook(["reused", "reused", "reused"], 3)).toMatchObject({ taken: 4.5, estimate: 0 });
  // A branch that was not taken will not be taken again, and costs nothing.
  expect(outlook(["reused", "skipped", "skipped"], 1)).toMatchObject({ first: undefined });
});
