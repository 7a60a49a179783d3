/** The steps of the page, in the order they come. */
export const STEPS = ['ask', 'edit', 'compare'] as const;

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

  /** Marks the step that fills the upper part of the window, as the person scrolls. Returns how to stop. */
  watch(): () => void {
    let inside: readonly string[] = [];
    const seen = new IntersectionObserver(
      (entries) => {
        for (const { isIntersecting, target } of entries) {
          const others = inside.filter((id) => id !== target.id);
          inside = isIntersecting ? [...others, target.id] : others;
        }
        // Where two steps meet, the person is on the way into the later one.
        const here = STEPS.findLast((step) => inside.includes(step));
        // Above the first step there is only the title.
        const isAbove = (document.getElementById(STEPS[0])?.getBoundingClientRect().top ?? 0) > 0;
        this.step = here ?? (isAbove ? STEPS[0] : this.step);
      },
      { rootMargin: '-35% 0px -60% 0px' },
    );
    for (const step of STEPS) {
      const section = document.getElementById(step);
      if (section) seen.observe(section);
    }
    return () => seen.disconnect();
  }
}

/** The id of a step's heading. */
export function headingOf(step: Step): string {
  return `${step}-heading`;
}
