/** Milliseconds. The platform neither sleeps nor waits longer, so nothing here asks it to. */
export const year = 365 * 24 * 60 * 60 * 1000;
