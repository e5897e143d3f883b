/**
 * The secrets and tokens of an organization that a run knows, as a mask. Grows with every value that is read later and never
 * shrinks: a value that was replaced may still be on its way out of a step.
 */
import type { KnownSecret, Mask } from "#core/mask";
import { maskOf, noMask } from "#core/mask";

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
 * The last masks of each organization in this isolate, while runs hold them. A large one takes megabytes, and hundreds of runs of
 * one organization, which know the same values but for a token or two, share one memory.
 */
const compiledById = new Map<string, readonly WeakRef<Compiled>[]>();
const mostOrganizations = 256;
const mostOfEach = 4;

/** Workers with an old compatibility date lack them: there each run has a mask of its own. */
const canShare = typeof WeakRef === "function";

const keep = (organizationId: string, compiled: Compiled): void => {
  const isHeld = (one: WeakRef<Compiled>): boolean => one.deref() !== undefined;
  if (compiledById.size >= mostOrganizations) {
    for (const [id, held] of compiledById) if (!held.some(isHeld)) compiledById.delete(id);
  }
  const others = (compiledById.get(organizationId) ?? []).filter(isHeld).slice(0, mostOfEach - 1);
  compiledById.set(organizationId, [new WeakRef(compiled), ...others]);
};

const compiledFor = (
  organizationId: string,
  secrets: ReadonlyMap<string, KnownSecret>,
): Compiled => {
  const keys = [...secrets.keys()];
  // Asked for every line of the console, also before anything is known.
  if (keys.length === 0) return { keys: new Set(), mask: noMask };
  for (const held of compiledById.get(organizationId) ?? []) {
    const made = held.deref();
    if (made?.keys.size === keys.length && keys.every((key) => made.keys.has(key))) return made;
  }
  const compiled = { keys: new Set(keys), mask: maskOf([...secrets.values()]) };
  if (canShare) keep(organizationId, compiled);
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
