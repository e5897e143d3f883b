#!/usr/bin/env node
// Starts `pawl` from the sources of a clone or from an installed package. Written so that a Node of any age can read it:
// the version is checked before anything newer is loaded.
const version = process.versions.node.split(".").map(Number);
const isRecent = version[0] > 22 || (version[0] === 22 && version[1] >= 18);

// Node 22 warns that stripping types is experimental. A person who runs a workflow can do nothing about it.
const emitWarning = process.emitWarning;
process.emitWarning = function (warning, ...rest) {
  const kind = typeof rest[0] === "string" ? rest[0] : rest[0] && rest[0].type;
  if (kind !== "ExperimentalWarning") emitWarning.call(process, warning, ...rest);
};

const start = async () => {
  const [{ existsSync }, module] = await Promise.all([import("node:fs"), import("node:module")]);
  // Keeps compiled code in the system's temporary directory: the second start takes half the time.
  module.enableCompileCache();
  const sources = new URL("../src/cli/main.ts", import.meta.url);
  // Node strips types of a clone's sources, and refuses to below node_modules.
  const isClone = existsSync(sources) && !sources.pathname.includes("/node_modules/");
  const entry = isClone ? sources : new URL("../dist/cli/main.js", import.meta.url);
  const { main } = await import(entry.href);
  await main(process.argv.slice(2));
};

if (isRecent) {
  start().catch((error) => {
    console.error(
      "pawl could not start: " + (process.env.PAWL_DEBUG ? error.stack : error.message),
    );
    process.exitCode = 1;
  });
} else {
  console.error(
    "pawl needs Node 22.18 or newer, and this is Node " +
      process.versions.node +
      ".\n" +
      "In a clone, run it as 'npx pawl' after 'npm ci', which brings its own Node.\n" +
      "Elsewhere, install a newer Node: https://nodejs.org/en/download",
  );
  process.exitCode = 2;
}
