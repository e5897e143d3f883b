/**
 * The secrets and tokens of an organization that a run knows, as a mask. Grows with every value that is read later and never
 * shrinks: a value that was replaced may still be on its way out of a step.
 */
import type { KnownSecret, Mask } from "#core/mask";
import { maskOf } from "#core/mask";

export interface KnownValues {
  /** At hand once `load` has come back; the same object until something is added. */
  readonly mask: () => Mask | Promise<Mask>;
  /** Of what is known by now. Loads nothing: it may be asked in another request, whose end would end the load. */
  readonly atHand: () => Mask;
  readonly add: (secrets: readonly KnownSecret[]) => void;
}

interface Compiled {
  readonly keys: ReadonlySet<string>;
  readonly mask: Mask;
}

/**
 * The last mask of each organization in this isolate, while a run holds it. A large one takes megabytes, and hundreds of runs of
 * one organization, which know the same values, share one memory.
 */
const compiledById = new Map<string, WeakRef<Compiled>>();
const mostCompiled = 256;

const compiledFor = (
  organizationId: string,
  secrets: ReadonlyMap<string, KnownSecret>,
): Compiled => {
  const last = compiledById.get(organizationId)?.deref();
  const keys = [...secrets.keys()];
  if (last?.keys.size === keys.length && keys.every((key) => last.keys.has(key))) return last;
  if (compiledById.size >= mostCompiled) {
    for (const [id, held] of compiledById) if (held.deref() === undefined) compiledById.delete(id);
  }
  const compiled = { keys: new Set(keys), mask: maskOf([...secrets.values()]) };
  compiledById.set(organizationId, new WeakRef(compiled));
  return compiled;
};

/** `load` gives all that are stored. It is asked once for all who want the mask at the same time, and again after a failure. */
export const knownValuesOf = (
  organizationId: string,
  load: () => Promise<readonly KnownSecret[]>,
): KnownValues => {
  const secrets = new Map<string, KnownSecret>();
  let isLoaded = false;
  let loading: Promise<Mask> | undefined;
  let compiled: Compiled | undefined;

  const add = (added: readonly KnownSecret[]): void => {
    for (const secret of added) {
      const key = JSON.stringify([secret.name, secret.value]);
      if (secrets.has(key)) continue;
      secrets.set(key, secret);
      compiled = undefined;
    }
  };

  const current = (): Mask => (compiled ??= compiledFor(organizationId, secrets)).mask;

  const loadMask = async (): Promise<Mask> => {
    try {
      add(await load());
      isLoaded = true;
      return current();
    } finally {
      loading = undefined;
    }
  };

  return {
    add,
    atHand: current,
    mask: () => (isLoaded ? current() : (loading ??= loadMask())),
  };
};
