/** What every NodeRegistry promises. */
import * as Effect from "effect/Effect";
import type * as Layer from "effect/Layer";
import { describe, expect, it } from "vitest";
import { defineNode } from "#nodes/define-node";
import type { NodeDefinition } from "#services/node-definition";
import type { Registry } from "#services/node-registry";
import { NodeRegistry } from "#services/node-registry";
import { nastyIds } from "./nasty-ids.ts";

const nodeOf = (type: string, name = type): NodeDefinition =>
  defineNode({
    type,
    name,
    category: "test",
    description: "A node.",
    inputs: [],
    outputs: [],
    run: () => ({}),
  });

export const nodeRegistryContract = (
  name: string,
  makeLayer: (definitions: readonly NodeDefinition[]) => Layer.Layer<NodeRegistry>,
): void => {
  const open = (definitions: readonly NodeDefinition[]): Registry =>
    Effect.runSync(Effect.provide(NodeRegistry, makeLayer(definitions)));

  describe(`NodeRegistry: ${name}`, () => {
    it("knows no type that nobody gave it", () => {
      const registry = open([]);
      expect(nastyIds.map(registry.get)).toEqual(nastyIds.map(() => undefined));
      expect(registry.list).toEqual([]);
    });

    it("finds a type whatever it is called", () => {
      const definitions = nastyIds.map((type) => nodeOf(type));
      const registry = open(definitions);
      expect(nastyIds.map(registry.get)).toEqual(definitions);
      expect(registry.get("addition")).toBeUndefined();
    });

    it("lists types in the order they were given", () => {
      const definitions = ["b", "a", "2", "1"].map((type) => nodeOf(type));
      expect(open(definitions).list).toEqual(definitions);
    });

    it("lets a later definition take the place of an earlier one", () => {
      const [first, other, later] = [nodeOf("a", "first"), nodeOf("b"), nodeOf("a", "later")];
      const registry = open([first, other, later]);
      expect(registry.get("a")).toBe(later);
      expect(registry.list).toEqual([later, other]);
    });

    it("is not changed by what is done to the list that it was made of", () => {
      const definitions = [nodeOf("a")];
      const registry = open(definitions);
      definitions.push(nodeOf("b"));
      expect(registry.get("b")).toBeUndefined();
      expect(registry.list).toEqual([definitions[0]]);
    });
  });
};
