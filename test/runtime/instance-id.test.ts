import { describe, expect, test } from "vitest";
import { partInstanceId, runInstanceId } from "#runtime/instance-id";
import { asText, likeOrganizations, nastyIds, unpairedIds } from "../contracts/nasty-ids.ts";

const organizations = [...likeOrganizations, ...unpairedIds, "", '["acme"', 'acme","run'];
const executions = [...nastyIds, ...unpairedIds, "run", "-run", "run-part-1", '"]', 'run",1', "-"];

/** The platform takes no other ids. */
const platformPattern = /^[a-zA-Z0-9_][a-zA-Z0-9-_]{0,99}$/;

describe("an instance's id", () => {
  test("is one that the platform takes, and another for every organization, run and part", async () => {
    const ids = new Set<string>();
    let made = 0;
    for (const organization of organizations) {
      for (const execution of executions) {
        const parts = [1, 2, 10_000].map((part) => partInstanceId(organization, execution, part));
        for (const id of await Promise.all([runInstanceId(organization, execution), ...parts])) {
          expect([asText(execution).slice(0, 60), id]).toEqual([
            asText(execution).slice(0, 60),
            expect.stringMatching(platformPattern),
          ]);
          ids.add(id);
          made++;
        }
      }
    }
    expect(ids.size).toBe(made);
  });

  test("begins with the run's, as far as the platform takes that, and says how it is made", async () => {
    // SHA-256 of ["acme","order 7"] and ["acme","order 7",3], of which 128 bits count: never change them, runs in flight are found by them.
    expect(await runInstanceId("acme", "order 7")).toBe("order_7-0ca802090cea60fb5c32fa0377df298d");
    expect(await partInstanceId("acme", "order 7", 3)).toBe(
      "order_7-part-3-5966dbbefe4acc78669a77b9f9dc99b0",
    );
    expect(await runInstanceId("acme", `-${"x".repeat(200)}`)).toMatch(/^_x{49}-[0-9a-f]{32}$/);
  });
});
