/**
 * A name of this tab: the same when the page in it is loaded again, another in every other tab, except in a copy of this
 * one. Anew each time where the browser keeps none.
 */
export function tabName(): string {
  const fresh = crypto.randomUUID();
  try {
    const name = sessionStorage.getItem(KEY) ?? fresh;
    sessionStorage.setItem(KEY, name);
    return name;
  } catch {
    return fresh;
  }
}

// ---

const KEY = 'palimpsest tab';
