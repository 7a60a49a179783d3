import { beforeAll, describe, expect, test } from 'vitest';
import { matmul, transpose } from '../../src/base/linalg.ts';
import type { Tensor } from '../../src/base/tensor.ts';
import { makeCovariances, type Covariances } from '../../src/edit/covariance.ts';
import { computeEdit } from '../../src/edit/edit.ts';
import type { Edit, StackedEdit } from '../../src/edit/record.ts';
import type { MethodName } from '../../src/edit/hparams.ts';
import { readHparams } from '../../src/edit/read-hparams.ts';
import { targetText, type ValidRequest } from '../../src/edit/request.ts';
import { promptIds } from '../../src/edit/rows.ts';
import type { Targets } from '../../src/edit/target.ts';
import type { SiteWrite } from '../../src/edit/write.ts';
import { formatSite } from '../../src/model/hooks.ts';
import type { Model } from '../../src/model/model.ts';
import { scoreContinuations } from '../../src/model/score.ts';
import { GROUPS, readC0, readGroup, readIndex, type GoldenGroup } from '../support/atomic.ts';
import { largestDifference, relative } from '../support/close.ts';
import { fixtureModel } from '../support/models.ts';
import { reportDeviation } from '../support/report.ts';
import { validRequest } from '../support/requests.ts';
import { sharedOrSkip } from '../support/shared.ts';
import { withStack } from '../support/stack.ts';
import { THOROUGH } from '../support/thorough.ts';

/** What the reference's settings are called here. */
const SETTINGS: Record<GoldenGroup['variant'], [MethodName, Record<string, unknown>]> = {
  dem: ['dem', { preset: 'recommended', learningRate: 0.3, remember: false }],
  literal: ['dem', { preset: 'literal', learningRate: 0.1 }],
  plus: ['dem+', { preset: 'article-layers', learningRate: 0.1 }],
};

/** In float64 a run of all tests takes one group of each sort, and the first edits of a sequence. */
const SOME = ['single-2', 'batch-8', 'sequential-5', 'literal-0', 'plus-0'] as const;
const IN_SEQUENCE = THOROUGH ? Infinity : 2;

/**
 * In float64 the whole way is the reference's to its stored digits. In float32 Adam's steps divide by |g| and blow up the
 * rounding of coordinates with hardly any gradient; there the bound is twice the worst that the reference's README measured
 * between its own float32 and float64 runs over its single edits (losses, which it doesn't name, are held to the bound of
 * z), on the groups whose 40 steps don't lose themselves in it (PyTorch's float32 on another processor misses it on
 * single-2 as well).
 */
const RUNS = [
  { float: 'float64', groups: THOROUGH ? GROUPS : SOME, z: 1e-6, keys: 1e-5, product: 1e-4, losses: 1e-6, logp: 1e-4 },
  {
    float: 'float32',
    groups: ['single-3', 'literal-0', 'plus-1'],
    z: 5e-4,
    keys: 5e-3,
    product: 5e-3,
    losses: 5e-4,
    logp: 4e-3,
  },
] as const;

sharedOrSkip()('DEM on atomic-lm, the whole way', () => {
  describe.each(RUNS)('$float', ({ float, groups, ...tolerance }) => {
    let model: Model;
    let covariances: Covariances;
    const { templates } = sharedIndex();
    beforeAll(async () => {
      model = await fixtureModel('atomic-lm', float);
      covariances = makeCovariances(model, null, null, readC0());
    }, 120_000);

    test.each(groups)('%s', { timeout: 400_000 }, async (name) => {
      const golden = readGroup(name);
      const [method, changes] = SETTINGS[golden.variant];
      const { hparams, preset } = readHparams(method, changes, model.description.n_layers);
      const requests = golden.requests.map(validRequest);
      const steps =
        golden.mode === 'batch' ? [requests.map((_, i) => i)] : requests.slice(0, IN_SEQUENCE).map((_, i) => [i]);
      const stack: StackedEdit[] = [];
      const worst: Record<string, number> = {};
      const note = (what: string, distance: number) => (worst[what] = Math.max(worst[what] ?? 0, distance));
      for (const members of steps) {
        let targets: Targets | undefined;
        let writes: readonly SiteWrite[] = [];
        const observer = { targets: (t: Targets) => (targets = t), writes: (w: readonly SiteWrite[]) => (writes = w) };
        const group = members.map((i) => requests[i]);
        const edit = await computeEdit(model, {
          requests: group,
          method,
          preset,
          hparams,
          covariances,
          stack,
          templates,
          observer,
        });
        compareChoice(golden, members, edit, note);
        compareTargets(golden, members, edit, targets as Targets, note);
        compareWrites(golden, golden.mode === 'batch' ? 'batch' : String(members[0]), writes, note);
        stack.push({ edit, alpha: 1 });
        for (const i of members) note('logp', await distanceAfter(model, requests[i], golden.requests[i].after, stack));
      }
      reportDeviation(`DEM ${name} ${float}`, worst);
      expect(worst['scores']).toBeLessThan(1e-4);
      // C₀ is stored in float32, and over five edits that rounding adds up.
      const slack = golden.mode === 'sequential' ? 1000 : 1;
      for (const [what, bound] of Object.entries(tolerance)) {
        expect(worst[what], what).toBeLessThan(Math.min(1e-2, slack * bound));
      }
    });
  });
});

// ---

type Note = (what: string, distance: number) => void;

function sharedIndex(): { templates: string[][] } {
  try {
    return readIndex();
  } catch {
    return { templates: [] };
  }
}

function compareChoice({ requests, tensors }: GoldenGroup, members: readonly number[], edit: Edit, note: Note): void {
  for (const [j, i] of members.entries()) {
    expect(edit.layers.attn).toEqual(requests[i].attn_layers);
    expect(edit.layers.mlp).toEqual(requests[i].mlp_layers);
    for (const kind of ['attn', 'mlp'] as const) {
      const all = tensors.get(`cos.${kind}`);
      const row = all?.data.subarray(i * all.shape[1], (i + 1) * all.shape[1]) ?? [];
      note('scores', largestDifference(edit.scores[j][kind], row));
    }
  }
}

function compareTargets(
  golden: GoldenGroup,
  members: readonly number[],
  edit: Edit,
  targets: Targets,
  note: Note,
): void {
  const width = 256;
  let slot = 0;
  for (const [j, i] of members.entries()) {
    const { places, target_ids } = golden.requests[i];
    const slots = golden.variant === 'plus' ? target_ids.length : 1;
    const rowsOf = (tensors: ReadonlyMap<string, Tensor<'float64'>>) =>
      places.flatMap((place) =>
        Array.from(tensors.get(place)?.data.subarray(slot * width, (slot + slots) * width) ?? []),
      );
    const [initial, delta] = [rowsOf(targets.initial), rowsOf(targets.delta)];
    const stored = (part: string) => golden.tensors.get(`${i}.${part}`)?.data ?? new Float64Array();
    if (golden.variant === 'plus') {
      note('z', relative(delta, stored('delta')));
    } else {
      note('initial', relative(initial, stored('v0')));
      note(
        'z',
        relative(
          initial.map((value, k) => value + delta[k]),
          stored('z'),
        ),
      );
    }
    const parts = edit.losses[j].flatMap(({ nll, kl, decay, loss }) =>
      golden.variant === 'plus' ? [nll, kl, loss] : [nll, kl, decay, loss],
    );
    expect(parts.length).toBe(stored('loss').length);
    note('losses', relative(parts, stored('loss')));
    slot += slots;
  }
}

/** K, and the product U V: how it is split into factors is free. */
function compareWrites(golden: GoldenGroup, tag: string, writes: readonly SiteWrite[], note: Note): void {
  expect(writes.map(({ site }) => formatSite(site))).toEqual(golden.writes[tag]);
  for (const [n, { keys, residuals, patch }] of writes.entries()) {
    const get = (part: string) => golden.tensors.get(`${tag}.${n}.${part}`) as Tensor<'float64'>;
    note('keys', relative(transpose(keys).data, get('K').data));
    note('residuals', relative(transpose(residuals).data, get('R').data));
    note('product', relative(matmul(patch.left, patch.right).data, matmul(get('U'), get('V')).data));
  }
}

async function distanceAfter(
  model: Model,
  request: ValidRequest,
  after: { readonly logp: readonly number[] },
  stack: readonly StackedEdit[],
): Promise<number> {
  const prompt = promptIds(model, request.query);
  const target = model.tokenizer.encode(targetText(request.target), { specialTokens: false }).ids;
  const [{ logp }] = await withStack(model, stack, (patches) =>
    scoreContinuations(model, [{ prompt, target }], patches),
  );
  return largestDifference(logp, after.logp);
}
