import { expect, it } from "vitest";
import type { WorkflowExecution } from "#core/report";
import type { Outcome } from "./pawl.ts";
import { directoryWith, pawl } from "./pawl.ts";

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
      "Only 'pawl run --credits' limits a run. 'pawl credits plan fixed --allowance 1000' limits them all.\n",
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
  expect(refused.stdout).toMatch(
    /\n {2}Insufficient compute credits\n {2}run .*\n\n'pawl credits' shows what the organization has left, and 'pawl credits plan' sets/,
  );
  expect((await call("show", "last")).stdout).toContain("\n'pawl credits' shows");
  expect((await call("credits")).stdout).toContain("\nSpent     3\nReserved  0\nLeft      1\n");
  await call("credits", "plan", "fixed", "--allowance", "6");
  expect(await call("redrive", "last")).toMatchObject({ exitCode: 0 });
  expect((await call("credits")).stdout).toMatch(
    /\nLeft {6}0\n\nNothing is left\. 'pawl credits plan --help' tells/,
  );
});

it("goes on with a larger budget where a run met its own", { timeout }, async () => {
  const call = project({ budget: 1 });
  const first = await call("run", "flow.json");
  expect(first.exitCode).toBe(3);
  const [, id = ""] = /run ([0-9a-f-]{36})/.exec(first.stdout) ?? [];
  const hint = `'pawl redrive ${id.slice(0, 8)} --budget CREDITS' goes on with a larger budget, and keeps what is done.\n`;
  expect(first.stdout).toMatch(/\n {2}The budget of 1 compute credits is spent\./);
  expect(first.stdout.endsWith(`\n\n${hint}`)).toBe(true);
  expect((await call("show", id)).stdout.endsWith(`\n\n${hint}`)).toBe(true);

  const second = await call("redrive", id, "--budget", "2", "--json");
  expect(second.exitCode).toBe(3);
  expect(statusesOf(second)).toStrictEqual(["reused", "completed", "idle"]);
  const planned = await call("redrive", "last", "--budget", "3", "--dry-run", "--json");
  expect(json(planned)).toMatchObject({
    nodes: [{ action: "reuse" }, { action: "reuse" }, { action: "run" }],
  });
  const third = await call("redrive", "last", "--budget", "3", "--json");
  expect(third.exitCode).toBe(0);
  expect(statusesOf(third)).toStrictEqual(["reused", "reused", "completed"]);
  expect((await call("credits")).stdout).toContain("\nSpent     3\n");
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
    expect(raised.stdout).toContain("\n'pawl credits' shows");
    // Nothing of it is kept: there is nothing to go on with.
    const direct = await call("run", "flow.json", "--direct");
    expect(direct.exitCode).toBe(3);
    expect(direct.stdout).not.toContain("goes on");
  },
);

it.each([
  ["no plan of that name", ["plenty"], /Allowed choices are fixed, overage, unlimited/],
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

it.each(["", "much", "-1", "Infinity"])("refuses '%s' as a budget", async (budget) => {
  const outcome = await project()("redrive", "last", `--budget=${budget}`, "--json");
  expect(outcome.exitCode).toBe(2);
  expect(json(outcome)).toMatchObject({ error: { code: "USAGE" } });
  expect(outcome.stderr).toContain("--budget takes a number of at least 0");
});
