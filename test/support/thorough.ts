/**
 * Whether everything that the lists hold is computed, which takes an hour, or as much of it as a run of all tests has time
 * for: `THOROUGH=1 npx vitest run --config vite.config.ts --project ort test/edit`. Bars that a method must pass, and what
 * is compared for each case, are the same.
 */
export const THOROUGH = process.env['THOROUGH'] === '1';
