/**
 * What the page tells the service worker: the model is open, in a page whose first script has this address; the person wants
 * the version that waits. The address tells versions apart: it holds a hash of all that the script may ask for.
 */
export type Tidings = { readonly opened: string } | 'take-over';

/** One stay on the page, as far as the service worker is concerned. */
export interface Visit {
  /** Resolves when the engine may start. Never, when the page is about to be loaded once more, isolated. */
  readonly begun: Promise<void>;
  /** The model is open, the network is free: what is still missing for a visit without one is fetched. */
  opened(): void;
}

/**
 * Registers the service worker. On a host that doesn't isolate the page, a first visit is loaded twice: once without, and,
 * before anything but the page is fetched, once more from the service worker, which does. Where that doesn't help or takes
 * too long, the visit goes on as it is, and nothing reloads the page any more unless the person says so.
 *
 * @param onUpdate hears that a new version waits; what it is given lets it take over, and reloads the page
 */
export function beginVisit(onUpdate: (update: () => void) => void): Visit {
  const container = import.meta.env.PROD ? findContainer() : null;
  if (!container) return { begun: Promise.resolve(), opened: () => undefined };
  const registered = register(container);
  void registered.then((registration) => registration && watchUpdates(registration, onUpdate));
  return {
    begun: begin(registered),
    // Which may be of a later version than this page.
    opened: () => void registered.then((found) => tell(found?.active, { opened: ownScript() })),
  };
}

// ---

/** Milliseconds that a visit waits for its service worker, which fetches a third of a megabyte; a refusal ends it sooner. */
const PATIENCE = 30_000;

/** The mark of a page that has been loaded again to become isolated: a second time wouldn't help. */
const RELOADED = 'palimpsest reloaded';

function findContainer(): ServiceWorkerContainer | null {
  try {
    return (navigator.serviceWorker as ServiceWorkerContainer | undefined) ?? null;
  } catch {
    return null; // a sandboxed frame
  }
}

async function register(container: ServiceWorkerContainer): Promise<ServiceWorkerRegistration | null> {
  try {
    return await container.register(new URL('sw.js', document.baseURI));
  } catch {
    return null; // the host hasn't got it, or the browser doesn't allow it
  }
}

function tell(worker: ServiceWorker | null | undefined, tidings: Tidings): void {
  worker?.postMessage(tidings);
}

/** Address of the page's first script; extensions may have put others before it, but no modules. */
function ownScript(): string {
  return document.querySelector<HTMLScriptElement>('script[type="module"]')?.src ?? '';
}

async function begin(registered: Promise<ServiceWorkerRegistration | null>): Promise<void> {
  const tooLong = new Promise<false>((resolve) => setTimeout(resolve, PATIENCE, false));
  const isServed = await Promise.race([registered.then(isActive), tooLong]);
  if (crossOriginIsolated) markReloaded(false);
  else if (isServed && markReloaded(true)) {
    location.reload();
    await new Promise(() => undefined);
  }
}

/** Waits for a first version to be fetched and active; false when it fails. */
async function isActive(registration: ServiceWorkerRegistration | null): Promise<boolean> {
  if (!registration || registration.active) return registration !== null;
  const first = registration.installing ?? registration.waiting;
  return new Promise((resolve) => {
    first?.addEventListener('statechange', () => {
      if (first.state === 'activated') resolve(true);
      if (first.state === 'redundant') resolve(false);
    });
  });
}

/** Sets or clears the mark. Returns whether that changed anything: false too where the browser keeps no marks. */
function markReloaded(on: boolean): boolean {
  try {
    const was = sessionStorage.getItem(RELOADED) !== null;
    if (on) sessionStorage.setItem(RELOADED, '1');
    else sessionStorage.removeItem(RELOADED);
    return was !== on;
  } catch {
    return false;
  }
}

function watchUpdates(registration: ServiceWorkerRegistration, onUpdate: (update: () => void) => void): void {
  const offer = () => onUpdate(() => takeOver(registration));
  const follow = (worker: ServiceWorker | null) =>
    worker?.addEventListener('statechange', () => {
      // The first version of all has nobody to wait for.
      if (worker.state === 'installed' && registration.active) offer();
    });
  if (registration.waiting && registration.active) offer();
  follow(registration.installing);
  registration.addEventListener('updatefound', () => follow(registration.installing));
}

function takeOver({ waiting }: ServiceWorkerRegistration): void {
  // Another page may have let it take over already.
  if (!waiting) return location.reload();
  waiting.addEventListener('statechange', () => waiting.state === 'activated' && location.reload());
  tell(waiting, 'take-over');
}
