/** Chromium as root in a container, and without its own errands on the network. */
export const BROWSER_FLAGS: readonly string[];

/** A Chromium to drive, or why there is none. */
export function findBrowser(options?: {
  install?: boolean;
}): { path: string; from: string } | { path: null; reason: string };
