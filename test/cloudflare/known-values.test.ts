import { expect, it } from "vitest";
import type { KnownSecret } from "#core/mask";
import { knownValuesOf } from "#cloudflare/known-values";

const secret = (value: string): KnownSecret => ({ name: "key", value });

const loaded = async (organizationId: string, ...values: readonly string[]) => {
  const known = knownValuesOf(organizationId, async () => values.map(secret));
  return { known, mask: await known.mask() };
};

it("has one mask in memory for all runs of an organization that know the same", async () => {
  const first = await loaded("shared", "first-value", "second-value");
  const second = await loaded("shared", "second-value", "first-value");
  expect(second.mask).toBe(first.mask);
});

it("is not led astray by runs that do not know anything yet, or that know more", async () => {
  const first = await loaded("busy", "old-token");
  const more = await loaded("busy", "old-token", "new-token");
  const early = knownValuesOf("busy", async () => [secret("old-token")]);
  expect(early.atHand().isEmpty).toBe(true);
  expect(await early.mask()).toBe(first.mask);
  expect((await loaded("busy", "new-token", "old-token")).mask).toBe(more.mask);
});

it("masks by what it knows itself, and not by what another knows", async () => {
  const few = await loaded("grown", "first-value");
  const other = await loaded("grown", "third-value");
  const more = await loaded("grown", "first-value", "second-value");
  const stranger = await loaded("stranger", "fourth-value");
  const text = "first-value second-value third-value fourth-value";
  const masked = "[secret:key]";
  expect([few, more, other, stranger].map(({ mask }) => mask.text(text))).toEqual([
    `${masked} second-value third-value fourth-value`,
    `${masked} ${masked} third-value fourth-value`,
    `first-value second-value ${masked} fourth-value`,
    `first-value second-value third-value ${masked}`,
  ]);
  few.known.add([secret("second-value")]);
  expect(few.known.atHand().text(text)).toBe(more.mask.text(text));
});
