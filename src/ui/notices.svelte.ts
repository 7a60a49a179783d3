import type { Announcer } from './announcer.svelte.ts';

/** Something the page tells that nobody asked for. */
export interface Notice {
  readonly id: number;
  readonly text: string;
  /** A warning stays until it is dismissed or overtaken; news can be read once. */
  readonly kind: 'news' | 'warning';
  /** Something to choose, when nothing runs; such a notice stays until it is dismissed. */
  readonly action?: { readonly name: string; readonly run: () => void };
}

/** What the page tells unasked. A notice overtakes the ones before it: there is one state of things. An offer stands beside it. */
export class NoticeBoard {
  readonly #announcer: Announcer;
  #count = 0;

  list = $state.raw<readonly Notice[]>([]);

  constructor(announcer: Announcer) {
    this.#announcer = announcer;
  }

  tell(text: string, kind: Notice['kind'], action?: Notice['action']): void {
    const others = this.list.filter((notice) => (notice.action === undefined) === (action !== undefined));
    this.list = [...others, { id: ++this.#count, text, kind, ...(action && { action }) }];
    this.#announcer.result(text);
  }

  /** What was told of a state of things that is over is gone; offers stay. */
  clear(): void {
    this.list = this.list.filter(({ action }) => action !== undefined);
  }

  dismiss(id: number): void {
    this.list = this.list.filter((notice) => notice.id !== id);
  }
}
