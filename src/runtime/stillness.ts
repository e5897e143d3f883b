/** Does something once nothing has asked for it anew for a while. Decides when a replay is through, and nothing else. */
export interface Stillness {
  /** Takes the place of what was to be done before. */
  readonly whenStill: (act: () => void) => void;
  readonly forget: () => void;
}

const millis = 200;

export const makeStillness = (): Stillness => {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const forget = (): void => {
    if (timer !== undefined) clearTimeout(timer);
  };
  return {
    whenStill: (act) => {
      forget();
      timer = setTimeout(act, millis);
    },
    forget,
  };
};
