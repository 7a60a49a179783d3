/** The steps of the page, in the order they come. */
export const STEPS = ['ask', 'locate', 'edit', 'compare'] as const;

/** A step; its address is `#/‹step›`. */
export type Step = (typeof STEPS)[number];

/** The step that an address names; null when it names none. */
export function stepOf(hash: string): Step | null {
  return STEPS.find((step) => hash === `#/${step}`) ?? null;
}

/**
 * Where in the page the person is. An address leads to its step: the step scrolls into view and its heading takes the
 * focus. Scrolling by hand changes what the navigation marks, not the address.
 */
export class Route {
  step = $state<Step>('ask');

  /** Goes to the step that the address names. */
  follow(hash: string): void {
    const step = stepOf(hash);
    if (!step) return;
    this.step = step;
    const heading = document.getElementById(headingOf(step));
    heading?.focus({ preventScroll: true });
    heading?.closest('section')?.scrollIntoView();
  }

  /** Marks the step that the person has scrolled to: the last whose top is above the upper part of the window. */
  look(): void {
    const top = (step: Step) => document.getElementById(step)?.getBoundingClientRect().top ?? Infinity;
    this.step = STEPS.findLast((step) => top(step) < UPPER * innerHeight) ?? STEPS[0];
  }
}

/** The id of a step's heading. */
export function headingOf(step: Step): string {
  return `${step}-heading`;
}

// ---

/** Where the window's upper part ends, as a share of its height. */
const UPPER = 0.4;
