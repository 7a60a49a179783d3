import 'fake-indexeddb/auto';
import { expect, test } from 'vitest';
import { f64 } from '../../src/base/tensor.ts';
import { makeCovariances, type Covariance } from '../../src/edit/covariance.ts';
import { makeKernels } from '../../src/kernels/kernels.ts';
import type { Model } from '../../src/model/model.ts';
import { memoryDatabase } from '../../src/store/database.ts';
import { expectFault } from '../support/faults.ts';
import { goneDatabase } from '../support/gone.ts';

/** As much of a model as statistics that are given look at. */
const model = { hash: 'abc', kernels: makeKernels(null), description: { d_model: 2, d_mlp: 2 } } as unknown as Model;
const SITE = { kind: 'mlp', layer: 3 } as const;
const SETTINGS = { covarianceTokens: 1, skipFirst: true, ridge: 0 };
const GIVEN = new Map([['mlp.3', f64(Float64Array.of(4, 0, 0, 9), [2, 2])]]);

test('a store that is gone keeps no statistics, and nobody from making them', async () => {
  const database = await goneDatabase('statistics');
  const made = await makeCovariances(model, null, database, GIVEN).of([SITE], [], SETTINGS);
  const { data } = await (made.get('mlp.3') as Covariance).factorization.factor.read();
  expect([...data]).toEqual([2, 0, 0, 3]);
  // There is no text to gather them from: until then it was to be made.
  await expectFault(() => makeCovariances(model, null, database).of([SITE], [], SETTINGS), 'missing-file');
});

test('who stops need not wait until what others are gathering is there', async () => {
  let finish: () => void = () => undefined;
  const reading = new Promise<undefined>((resolve) => (finish = () => resolve(undefined)));
  const covariances = makeCovariances(model, null, { ...memoryDatabase(), get: () => reading }, GIVEN);
  const others = covariances.of([SITE], [], SETTINGS);
  const stopping = new AbortController();
  const own = covariances.of([SITE], [], SETTINGS, stopping);
  stopping.abort();
  await expectFault(() => own, 'aborted');
  finish();
  expect((await others).size).toBe(1);
});
