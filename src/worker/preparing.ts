import { throttle } from '../base/tasks.ts';
import { readHparams } from '../edit/read-hparams.ts';
import { candidateSites } from '../edit/sites.ts';
import type { EngineEvent } from './api.ts';
import type { Studio } from './studio.ts';

/**
 * Gathers the default edit's statistics while the person reads and types: the first edit then waits for less. Questions go
 * in between; whatever fails here will fail again, and be told, when an edit needs it.
 */
export async function prepareFirstEdit(
  { model, covariances, closed }: Studio,
  tell: (event: EngineEvent) => void,
): Promise<void> {
  const { hparams } = readHparams('dem+', {}, model.description.n_layers);
  const sites = candidateSites(model, hparams);
  const progress = throttle((report) => tell({ kind: 'preparing', progress: report }), 200);
  await covariances.of(sites, sites, hparams, { progress, signal: closed }).then(
    () => tell({ kind: 'prepared' }),
    () => undefined,
  );
}
