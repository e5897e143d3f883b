import * as Result from "effect/Result";
import { expect, it } from "vitest";
import {
  apiToNodeParameter,
  isBinaryType,
  isFittingPort,
  nodeToApiParameter,
} from "#core/parameter";
import type { RuntimeValue } from "#core/value";
import type { Parameter, ParameterType } from "#core/workflow";
import { parameterTypes } from "#core/workflow";

const picture = { id: "run/picture", mimeType: "image/png" };

const take = (
  port: Omit<Parameter, "name">,
  value: RuntimeValue,
  isLiteral = false,
): RuntimeValue => Result.merge(apiToNodeParameter({ name: "a", ...port }, value, isLiteral));

it("lets ports of one type fit, any fit all, and blob fit the types of files", () => {
  const fits = (source: ParameterType, target: ParameterType) => isFittingPort(source, target);
  expect([fits("number", "number"), fits("any", "date"), fits("date", "any")]).toEqual([
    true,
    true,
    true,
  ]);
  expect([fits("blob", "gltf"), fits("image", "blob"), fits("image", "video")]).toEqual([
    true,
    true,
    false,
  ]);
  expect([fits("number", "string"), fits("blob", "json"), fits("json", "geojson")]).toEqual([
    false,
    false,
    false,
  ]);
});

it("knows which types are bytes inside a node", () => {
  expect(parameterTypes.filter(isBinaryType)).toEqual([
    "blob",
    "image",
    "audio",
    "video",
    "document",
    "gltf",
  ]);
});

it("says what a port expects and what it got instead", () => {
  expect(take({ type: "number" }, "3")).toBe("Input 'a' expects number, got string");
  expect(take({ type: "number" }, true)).toBe("Input 'a' expects number, got boolean");
  expect(take({ type: "string" }, 3)).toBe("Input 'a' expects string, got number");
  expect(take({ type: "boolean" }, [true])).toBe("Input 'a' expects boolean, got an array");
  expect(take({ type: "image" }, { url: "x" })).toBe("Input 'a' expects image, got an object");
  expect(take({ type: "string" }, picture)).toBe(
    "Input 'a' expects string, got a file (image/png)",
  );
  expect(take({ type: "geojson" }, [])).toBe("Input 'a' expects geojson, got an array");
  expect(take({ type: "date" }, "soon")).toBe("Input 'a' expects date, got string");
});

it("passes on a value that fits, unchanged", () => {
  expect(take({ type: "number" }, 3)).toBe(3);
  expect(take({ type: "string" }, "3")).toBe("3");
  expect(take({ type: "date" }, "2026-11-24")).toBe("2026-11-24");
  expect(take({ type: "date" }, "2026-11-24T09:30:00.000+01:00")).toBe(
    "2026-11-24T09:30:00.000+01:00",
  );
  expect(take({ type: "image" }, picture)).toBe(picture);
  expect(take({ type: "any" }, [picture])).toEqual([picture]);
});

it("asks each element of a repeated port, and names the first that does not fit", () => {
  const numbers = { type: "number", repeated: true } as const;
  expect(take(numbers, [1, 2])).toEqual([1, 2]);
  expect(take(numbers, [1, "2"])).toBe("Input 'a' expects number, got an array with string");
  expect(take(numbers, 1)).toBe(1);
  expect(take({ type: "number" }, [1])).toBe("Input 'a' expects number, got an array");
});

it("parses a string that stands in the document for a json port, and only there", () => {
  expect(take({ type: "json" }, '{"x":[1]}', true)).toEqual({ x: [1] });
  expect(take({ type: "json" }, '{"x":[1]}', false)).toBe('{"x":[1]}');
  expect(take({ type: "json" }, ['{"x":1}'], true)).toEqual(['{"x":1}']);
  expect(take({ type: "json" }, "x:", true)).toBe(
    "Input 'a' expects json, got a string that is not JSON",
  );
  expect(take({ type: "any" }, "[1]", true)).toBe("[1]");
});

it("holds outputs to their ports too", () => {
  const port: Parameter = { name: "sum", type: "number" };
  expect(nodeToApiParameter(port, 8)).toEqual(Result.succeed(8));
  expect(nodeToApiParameter(port, Number.NaN)).toEqual(
    Result.fail("Output 'sum' expects number, got NaN"),
  );
  expect(nodeToApiParameter(port, "8")).toEqual(
    Result.fail("Output 'sum' expects number, got string"),
  );
});
