/** The laws of the redrive: what must run again does, what may be kept is, and each says why or whence. */
import * as fc from "fast-check";
import { expect, it } from "vitest";
import type { RedriveDecision } from "#core/redrive";
import { planRedrive } from "#core/redrive";
import { nodeHash } from "#core/redrive-node";
import type { JsonValue } from "#core/value";
import type { Workflow } from "#core/workflow";
import type { Behaviour } from "./arbitraries.ts";
import { runtimeValue } from "./arbitraries.ts";
import { idleRedrive, ranToItsEnd, redrive } from "./corrections.ts";
import { downstreamOf, inputsOf, orderOf, outcomesOf } from "./model.ts";
import { graphOf } from "./play.ts";
import type { Redrive } from "./redrive-model.ts";
import { expectedPlan, idsToRun, inputsNow, tellingNodes } from "./redrive-model.ts";
import { holds } from "./runs.ts";

const planOf = ({ before, execution, after, from }: Redrive): readonly RedriveDecision[] =>
  planRedrive(
    { graph: graphOf(before.workflow), execution, overrides: before.overrides },
    {
      graph: graphOf(after.workflow),
      overrides: after.overrides,
      ...(from === undefined ? {} : { from }),
    },
  );

const idsThat = (action: RedriveDecision["action"], plan: readonly RedriveDecision[]) =>
  plan.filter((decision) => decision.action === action).map(({ nodeId }) => nodeId);

const notCompleted = ({ execution }: Redrive): readonly string[] =>
  execution.nodeExecutions
    .filter(({ status }) => status !== "completed")
    .map(({ nodeId }) => nodeId);

const withBehind = (workflow: Workflow, ids: readonly string[]): ReadonlySet<string> =>
  new Set([...ids, ...downstreamOf(workflow, ids)]);

it("REDRIVE-1 what did not complete, is chosen, new or changed runs again, with all behind it", () => {
  holds(
    fc.property(redrive, (drawn) => {
      const kept = idsThat("reuse", planOf(drawn));
      const again = idsToRun(drawn);
      expect(kept.filter((id) => again.has(id))).toEqual([]);
    }),
  );
});

it("REDRIVE-1 what is taken over is what a run of the whole corrected document gives", () => {
  holds(
    fc.property(redrive, fc.boolean(), (drawn, isMended) => {
      const { after, played, known } = drawn;
      const mended: Behaviour = { does: "complete", outputs: { out: 0, true: 0 }, usage: 0 };
      const behaviours = new Map(
        after.workflow.nodes.map(({ id }): [string, Behaviour] => {
          const behaviour = played.behaviours.get(id) ?? mended;
          return [id, isMended && !("outputs" in behaviour) ? mended : behaviour];
        }),
      );
      const scenarioNow = { ...played, ...after, behaviours };
      const fresh = outcomesOf(scenarioNow, tellingNodes(after, behaviours, known));
      for (const decision of planOf(drawn)) {
        if (decision.action === "run") continue;
        const { nodeId, inputs, outputs } = decision;
        expect(fresh.get(nodeId)).toMatchObject({ status: "completed", outputs });
        expect(inputsOf(after, fresh, nodeId)).toEqual(inputs);
      }
    }),
  );
});

it("REDRIVE-2 everything else is taken over, as recorded", () => {
  holds(
    fc.property(redrive, (drawn) => {
      const again = idsToRun(drawn);
      const kept = planOf(drawn).filter(({ nodeId }) => !again.has(nodeId));
      const recorded = new Map(drawn.execution.nodeExecutions.map((one) => [one.nodeId, one]));
      expect(kept).toEqual(
        kept.map(({ nodeId }) => {
          const entry = recorded.get(nodeId)!;
          const { inputs, outputs, reusedFrom = "earlier run", reusedUsage = entry.usage } = entry;
          return { nodeId, action: "reuse", inputs, outputs, reusedFrom, reusedUsage };
        }),
      );
    }),
  );
});

it("REDRIVE-2 the same document runs again what did not complete and what is behind it, no more", () => {
  holds(
    fc.property(redrive, (drawn) => {
      const { before } = drawn;
      const again = withBehind(before.workflow, notCompleted(drawn));
      const same = planOf({ ...drawn, after: structuredClone(before), from: undefined });
      expect(new Set(idsThat("run", same))).toEqual(again);
    }),
  );
});

it("REDRIVE-2 a run that completed whole is taken over whole", () => {
  holds(
    fc.property(ranToItsEnd, (drawn) => {
      expect(idsThat("run", planOf(drawn))).toEqual([]);
      expect(idsThat("reuse", planOf(drawn))).toEqual(orderOf(drawn.after.workflow));
    }),
  );
});

it("REDRIVE-2 a literal that is another runs its node again and what is behind it, no more", () => {
  holds(
    fc.property(redrive, fc.nat(1_000), runtimeValue, (drawn, place, literal) => {
      const { before } = drawn;
      const { workflow } = before;
      const struck = workflow.nodes[place % workflow.nodes.length];
      fc.pre(struck !== undefined);
      const [input, ...rest] = struck.inputs;
      const value = [literal as JsonValue, input!.value ?? null];
      const corrected = { ...struck, inputs: [{ ...input!, value }, ...rest] };
      const nodes = workflow.nodes.map((node) => (node === struck ? corrected : node));
      const after = { ...before, workflow: { ...workflow, nodes } };
      const plan = planOf({ ...drawn, after, from: undefined });
      const own = [...notCompleted(drawn), struck.id];
      expect(new Set(idsThat("run", plan))).toEqual(withBehind(workflow, own));
    }),
  );
});

it("REDRIVE-3 every node has its decision in topological order, with its own reason or an upstream", () => {
  holds(
    fc.property(redrive, (drawn) => {
      expect(planOf(drawn)).toEqual(expectedPlan(drawn));
    }),
  );
});

it("REDRIVE-3 what runs again because of an upstream stands right behind one that does", () => {
  holds(
    fc.property(redrive, (drawn) => {
      const plan = planOf(drawn);
      const again = idsThat("run", plan);
      for (const decision of plan) {
        if (decision.action === "reuse" || decision.reason !== "upstream") continue;
        expect(again.indexOf(decision.because)).toBeGreaterThanOrEqual(0);
        expect(again.indexOf(decision.because)).toBeLessThan(again.indexOf(decision.nodeId));
      }
    }),
  );
});

it("REDRIVE-4 other words for the same document change no decision", () => {
  holds(
    fc.property(idleRedrive, (drawn) => {
      const same = planOf({ ...drawn, after: drawn.before });
      expect(new Set(idsThat("reuse", planOf(drawn)))).toEqual(new Set(idsThat("reuse", same)));
    }),
  );
});

it("REDRIVE-4 the hash of a completed node is the same exactly where nothing about it has changed", () => {
  holds(
    fc.property(redrive, (drawn) => {
      const before = graphOf(drawn.before.workflow).nodesById;
      const after = graphOf(drawn.after.workflow).nodesById;
      const hashes = new Map(
        drawn.execution.nodeExecutions.map(({ nodeId, inputs }) => {
          const now = after.get(nodeId) && nodeHash(after.get(nodeId)!, inputsNow(drawn, nodeId));
          return [nodeId, { then: nodeHash(before.get(nodeId)!, inputs), now }];
        }),
      );
      for (const decision of planOf(drawn)) {
        const { then, now } = hashes.get(decision.nodeId) ?? {};
        if (decision.action === "reuse") expect(now).toBe(then);
        else if (decision.reason === "definition" || decision.reason === "inputs") {
          expect(now).not.toBe(then);
        }
      }
    }),
  );
});
