import { EditorError } from '../base/errors.ts';
import { fingerprintsOf, versionLock } from '../model/kept-files.ts';
import { forgetOtherReleases, keptSource, keptVersions, noteRelease, type KeptVersion } from '../model/kept-source.ts';
import { httpSource, makeSource, type ModelSource } from '../model/source.ts';
import type { Expected, FileStore } from '../store/files.ts';
import { hold } from '../store/locks.ts';

/** Where the shipped model lies, beside the page's scripts, and which version of it this page was built with. */
const SHIPPED = { name: 'hearth', path: '../models/hearth/', revision: __SHIPPED_REVISION__ };

/** The model that comes with this page, from the network or as this page's own release was kept. */
export interface ShippedModel {
  readonly source: ModelSource;
  /** To be called once it is open: notes that this release is here, and lets go of what it has followed. */
  settle(): Promise<void>;
}

/**
 * The model that comes with this page. Every file must be what the build found: a host that has another release by now gives
 * none of it to this page, and what has changed beside the same weights is fetched without them.
 *
 * @param canDoWithout an earlier visit has kept one: the network gets one more chance, not many
 */
export function shippedModel(store: FileStore, canDoWithout: boolean): ShippedModel {
  const { name, path, revision } = SHIPPED;
  const expected = pinned();
  // The worker's own address: a build may lie anywhere, the model lies beside its folder of scripts.
  const base = new URL(path, globalThis.location.href).href;
  const served = httpSource(base, { name, revision, store, expected, ...(canDoWithout && { pauses: [1000] }) });
  const opened = new Set<string>();
  const source = makeSource(served, (file, watch) => {
    opened.add(file);
    return served.open(file, watch);
  });
  const settle = async () => {
    if (!(await noteRelease(store, source, expected, opened))) return;
    // A tab with another release of these weights may still read its own files.
    const release = await hold(versionLock(name, revision));
    if (release) await forgetOtherReleases(store, name, revision).finally(release);
  };
  return { source, settle };
}

/** What of the model lies here whole, in the order in which a page that can't have its own release takes it. */
export async function keptModels(store: FileStore): Promise<KeptVersion[]> {
  const whole = (await keptVersions(store, SHIPPED.name)).filter(({ isWhole }) => isWhole);
  // Edits stay on the model that has their weights.
  return [...whole.filter(isOwn), ...whole.filter((version) => !isOwn(version))];
}

/** Whether a version has this page's own weights. */
export function isOwn({ revision }: Pick<KeptVersion, 'revision'>): boolean {
  return revision === SHIPPED.revision;
}

/** A model that an earlier visit has kept. Where it counts as this page's own version, it must have its weights. */
export async function keptModel(store: FileStore, version: KeptVersion): Promise<ModelSource> {
  const all = isOwn(version) ? await fingerprintsOf(pinned()) : {};
  const weights = Object.fromEntries(Object.entries(all).filter(([file]) => file.endsWith('.safetensors')));
  return keptSource(store, SHIPPED.name, version.revision, weights);
}

/** Whether the network, or the host, doesn't give what it should: another time it may. */
export function isOutOfReach(error: unknown): boolean {
  return error instanceof EditorError && OUT_OF_REACH.has(error.code);
}

// ---

/** What every file of it must be. The build puts a long list here: once is enough. */
function pinned(): Readonly<Record<string, Expected>> {
  return __SHIPPED_FILES__;
}

const OUT_OF_REACH: ReadonlySet<string> = new Set(['network', 'missing-file', 'hash-mismatch']);
