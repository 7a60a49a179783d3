import { VIEWS, type View } from './locating.svelte.ts';

/** The steps of the page, in the order they come. */
export const STEPS = ['ask', 'locate', 'edit', 'compare'] as const;

/** A step; its address is `#/‹step›`, a view of the second one's `#/locate/‹view›`. */
export type Step = (typeof STEPS)[number];

/** Where an address leads. */
export interface Place {
  readonly step: Step;
  /** Null where the address names none. */
  readonly view: View | null;
}

/** The place that an address names; null when it names none. */
export function placeAt(hash: string): Place | null {
  const [, name, rest] = /^#\/(\w+)(?:\/(\w+))?$/.exec(hash) ?? [];
  const step = STEPS.find((each) => each === name);
  const view = step === 'locate' ? VIEWS.find((each) => each === rest) : undefined;
  return step && (view || rest === undefined) ? { step, view: view ?? null } : null;
}

/** The address of a view, to be given to others. */
export function linkTo(view: View): string {
  return new URL(hashOf(view), location.href).href;
}

/**
 * Where in the page the person is. An address leads to its step: the step scrolls into view and its heading takes the
 * focus. Scrolling by hand changes what the navigation marks, not the address.
 */
export class Route {
  step = $state<Step>('ask');

  /** Goes to the place that the address names. Another view of the step where the person is moves nothing. */
  follow(hash: string): Place | null {
    const place = placeAt(hash);
    if (!place) return null;
    const isThere = place.view !== null && this.step === place.step;
    this.step = place.step;
    if (!isThere) {
      const heading = document.getElementById(headingOf(place.step));
      heading?.focus({ preventScroll: true });
      heading?.closest('section')?.scrollIntoView();
    }
    return place;
  }

  /** Marks the step that the person has scrolled to: the last whose top is above the upper part of the window. */
  look(): void {
    const top = (step: Step) => document.getElementById(step)?.getBoundingClientRect().top ?? Infinity;
    this.step = STEPS.findLast((step) => top(step) < UPPER * innerHeight) ?? STEPS[0];
  }
}

/** Puts the view that was chosen into the address, so that going back leads to the one before. */
export function enterView(view: View, before: View): void {
  if (!placeAt(location.hash)?.view) history.replaceState(null, '', hashOf(before));
  history.pushState(null, '', hashOf(view));
}

/** The id of a step's heading. */
export function headingOf(step: Step): string {
  return `${step}-heading`;
}

// ---

/** Where the window's upper part ends, as a share of its height. */
const UPPER = 0.4;

function hashOf(view: View): string {
  return `#/locate/${view}`;
}
