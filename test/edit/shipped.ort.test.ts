import { expect, test } from 'vitest';
import { matmul, transpose } from '../../src/base/linalg.ts';
import type { Tensor } from '../../src/base/tensor.ts';
import { makeCovariances } from '../../src/edit/covariance.ts';
import { computeEdit } from '../../src/edit/edit.ts';
import { readHparams } from '../../src/edit/read-hparams.ts';
import { validateRequests, type EditRequest } from '../../src/edit/request.ts';
import type { SiteWrite } from '../../src/edit/write.ts';
import { SITE_KINDS, SITES, valueHook } from '../../src/model/hooks.ts';
import { largestDifference, relative } from '../support/close.ts';
import { readJsonFile, readTensorFile } from '../support/files.ts';
import { shippedModel } from '../support/models.ts';
import { reportDeviation } from '../support/report.ts';
import { GOLDEN, shippedCorpus } from '../support/shipped.ts';

interface GoldenEdit {
  readonly request: EditRequest;
  readonly templates: readonly string[];
  readonly settings: { readonly rate: number };
  readonly cosines: Readonly<Record<string, readonly number[]>>;
  readonly sites: readonly string[];
  readonly losses: readonly { readonly nll: number; readonly kl: number }[];
  readonly by_site: Readonly<Record<string, { readonly memory_keys: number }>>;
  readonly log_probabilities: { readonly after: readonly number[] };
}

test('one DEM+ edit in float64 is PyTorch’s, from the cosines to the written model', { timeout: 300_000 }, async () => {
  const golden = readJsonFile<GoldenEdit>(`${GOLDEN}/edit.json`);
  const stored = readTensorFile(`${GOLDEN}/edit.safetensors`);
  const model = await shippedModel('float64');
  const { hparams, preset } = readHparams(
    'dem+',
    // 4,000 tokens, in widths of the widest key
    { learningRate: golden.settings.rate, covarianceTokens: 4_000 / 1024 },
    model.description.n_layers,
  );
  let writes: readonly SiteWrite[] = [];
  const edit = await computeEdit(model, {
    requests: validateRequests(golden.request),
    ...{ method: 'dem+', preset, hparams },
    covariances: makeCovariances(model, shippedCorpus(), null),
    templates: [['{}'], golden.templates.filter((template) => template !== '{}')],
    proof: 'brief',
    observer: { writes: (found) => (writes = found) },
  });
  expect(writes.map(({ site }) => valueHook(site))).toEqual(golden.sites);
  const worst: Record<string, number> = {};
  const note = (what: string, distance: number) => (worst[what] = Math.max(worst[what] ?? 0, distance));
  for (const kind of SITE_KINDS)
    note('scores', largestDifference(edit.scores[0][kind], golden.cosines[SITES[kind].value]));
  expect(edit.losses[0].length).toBe(golden.losses.length);
  for (const [i, { nll, kl }] of golden.losses.entries()) {
    note('losses', Math.max(Math.abs(edit.losses[0][i].nll - nll), Math.abs(edit.losses[0][i].kl - kl)));
  }
  for (const [i, { keys, residuals, patch, memory }] of writes.entries()) {
    const get = (part: string) => stored.get(`${golden.sites[i]}/${part}`) as Tensor<'float64'>;
    expect(memory).toBe(golden.by_site[golden.sites[i]].memory_keys);
    // Our rows are the papers' columns.
    note('keys', relative(transpose(keys).data, get('K').data));
    note('deltas', relative(transpose(residuals).data, get('R').data));
    note('product', relative(matmul(patch.left, patch.right).data, matmul(get('U'), get('V')).data));
  }
  note('log-probabilities', largestDifference(edit.proof.requests[0].after.logp, golden.log_probabilities.after));
  reportDeviation('shipped edit float64', worst);
  for (const [what, bound] of Object.entries({ scores: 1e-5, losses: 1e-5, keys: 1e-4, deltas: 1e-4, product: 1e-3 })) {
    expect(worst[what], what).toBeLessThan(bound);
  }
  expect(worst['log-probabilities']).toBeLessThan(1e-2);
});
