/** A Chromium to drive, or why there is none. */
export function findBrowser(options?: {
  install?: boolean;
}): { path: string; from: string } | { path: null; reason: string };
