import { paintLayers } from './grid.ts';

/** What of a pointer's event a stroke looks at. */
export interface StrokeEvent {
  readonly pointerType: string;
  readonly button: number;
  /** Buttons that are down, one bit each; the first is 1. */
  readonly buttons: number;
}

/** One press of a pointer over layers: a click, or a drag that takes them or gives them back. */
export class Stroke {
  /** Where it began, with what was taken before it. */
  #begun: { readonly from: number; readonly before: readonly number[]; readonly paints: boolean } | null = null;
  #moved = false;

  /** Begins with the first button. Returns whether moving on paints: a finger scrolls instead. */
  begin(from: number, before: readonly number[], { pointerType, button }: StrokeEvent): boolean {
    if (button !== 0) return false;
    const paints = pointerType !== 'touch';
    this.#begun = { from, before, paints };
    this.#moved = false;
    return paints;
  }

  /** The layers taken once it has come to one; null when nothing is painted. */
  move(to: number | null, { buttons }: StrokeEvent): number[] | null {
    // Its end may have been seen by nobody: a dialog, another window.
    if ((buttons & 1) === 0) this.cancel();
    if (!this.#begun?.paints || to === null) return null;
    const { from, before } = this.#begun;
    if (to === from && !this.#moved) return null;
    this.#moved = true;
    return paintLayers(before, from, to, !before.includes(from));
  }

  /** Ends it. Returns whether it was a click. */
  end({ button }: StrokeEvent): boolean {
    if (button !== 0) return false;
    const isClick = this.#begun !== null && !this.#moved;
    this.cancel();
    return isClick;
  }

  /** Ends it without a click: the pointer was taken away. What is painted stays. */
  cancel(): void {
    this.#begun = null;
    this.#moved = false;
  }
}
