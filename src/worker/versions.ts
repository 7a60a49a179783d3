import type { Edit } from '../edit/record.ts';
import { versionLock } from '../model/kept-files.ts';
import { forgetVersion, keptVersions } from '../model/kept-source.ts';
import { createFileStore } from '../store/files.ts';
import { forgetCached } from '../store/keep.ts';
import { hold } from '../store/locks.ts';
import type { Studio } from './studio.ts';

/** Notes, for as long as a studio is open, that its version of the model is in use. */
export async function useVersion({ model, closed }: Pick<Studio, 'model' | 'closed'>): Promise<void> {
  // Who waits longer meets a tab that lets go of this very version, which nobody wanted until now.
  const release = await hold(versionLock(model.name, model.revision), 'shared', PATIENCE);
  if (closed.aborted) release?.();
  else closed.addEventListener('abort', () => release?.());
}

/**
 * Lets go of the versions that an open one has followed: of their files, and of the statistics gathered on them. Those stay
 * that a kept edit was made on, or that another tab still has open.
 *
 * @param edits the models of all kept edits
 */
export async function forgetFollowed(
  { model, database }: Pick<Studio, 'model' | 'database'>,
  edits: readonly Edit['model'][],
): Promise<void> {
  const { name, revision: own } = model;
  const files = createFileStore(database);
  const versions = await keptVersions(files, name);
  const since = versions.find(({ revision }) => revision === own)?.savedAt ?? 0;
  const isKnown = (revision: string) => revision === own || edits.some((each) => each.revision === revision);
  // Edits of the first schema don't tell on which version they were made: it may be any.
  const isAnyNeeded = edits.some((each) => each.name === name && each.revision === null && each.hash !== model.hash);
  let isAllKnown = true;
  for (const { revision, savedAt } of versions) {
    if (isKnown(revision)) continue;
    const isFollowed = savedAt < since && !isAnyNeeded;
    const release = isFollowed ? await hold(versionLock(name, revision)) : null;
    if (release) await forgetVersion(files, name, revision).finally(release);
    else isAllKnown = false;
  }
  const hashes = new Set([model.hash, ...edits.map(({ hash }) => hash)]);
  if (isAllKnown) await forgetCached(database, (hash) => hashes.has(hash));
}

// ---

const PATIENCE = 5000;
