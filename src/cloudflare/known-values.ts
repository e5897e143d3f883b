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

/** `load` gives all that are stored. It is asked once for all who want the mask at the same time, and again after a failure. */
export const knownValuesOf = (load: () => Promise<readonly KnownSecret[]>): KnownValues => {
  const secrets = new Map<string, KnownSecret>();
  let isLoaded = false;
  let loading: Promise<Mask> | undefined;
  let mask: Mask | undefined;

  const add = (added: readonly KnownSecret[]): void => {
    for (const secret of added) {
      const key = JSON.stringify([secret.name, secret.value]);
      if (secrets.has(key)) continue;
      secrets.set(key, secret);
      mask = undefined;
    }
  };

  const current = (): Mask => (mask ??= maskOf([...secrets.values()]));

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
