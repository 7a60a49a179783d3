import { describe, expect, test } from 'vitest';
import { measureLens } from '../../src/locate/lens.ts';
import { measureRecall, type RecallPart } from '../../src/locate/recall.ts';
import { nextDistributions, topCandidates } from '../../src/model/score.ts';
import { fixtureModel } from '../support/models.ts';
import { readFixtureJson, sharedOrSkip } from '../support/shared.ts';

interface Stored {
  readonly k: number;
  readonly cases: readonly {
    readonly ids: readonly number[];
    readonly rows: readonly {
      readonly layer: number;
      readonly part: RecallPart;
      readonly cosine: number;
      readonly norm_in: number;
      readonly norm_out: number;
      readonly embedding: { readonly overlap: number };
      readonly lens: { readonly overlap: number };
    }[];
  }[];
}

sharedOrSkip()('recall', () => {
  describe.each(['gpt2', 'llama'])('%s', (family) => {
    test('cosines, norms and overlaps at the last token are those of PyTorch', async () => {
      const { cases, k } = readFixtureJson<Stored>(`golden/recall/${family}.json`);
      const model = await fixtureModel(family, 'float64');
      const found = await measureRecall(
        model,
        cases.map(({ ids }) => ids),
        k,
      );
      for (const [i, { rows }] of cases.entries()) {
        expect(rows.length).toBe(3 * model.description.n_layers);
        for (const { layer, part, ...expected } of rows) {
          const { cosine, overlap, normIn, normOut } = found[i][part];
          const place = `prompt ${i}, ${part}.${layer}`;
          expect(cosine[layer], place).toBeCloseTo(expected.cosine, 5);
          expect(normIn[layer] / expected.norm_in, place).toBeCloseTo(1, 5);
          expect(normOut[layer] / expected.norm_out, place).toBeCloseTo(1, 5);
          expect(overlap.lens[layer], place).toBeCloseTo(expected.lens.overlap, 5);
          expect(overlap.embedding[layer], place).toBeCloseTo(expected.embedding.overlap, 5);
        }
        // The stream after a module is closer to the stream before it than what was added.
        expect(found[i]['mlp.residual'].cosine[2]).toBeGreaterThan(found[i].mlp.cosine[2]);
      }
      await model.dispose();
    });

    test('behind the last layer the lens sees what the model says next', async () => {
      const { cases } = readFixtureJson<Stored>(`golden/recall/${family}.json`);
      const model = await fixtureModel(family, 'float64');
      const [{ ids }] = cases;
      const [target, k] = [ids[3], 4];
      const { places, layers, tokens } = await measureLens(model, ids, target, k);
      expect([tokens, layers]).toEqual([ids.length, model.description.n_layers]);
      const prompts = ids.map((_, token) => ids.slice(0, token + 1));
      const { residual } = places;
      for (const [token, logq] of (await nextDistributions(model, prompts)).entries()) {
        const cell = token * layers + layers - 1;
        expect(residual.probability[cell]).toBeCloseTo(Math.exp(logq[target]), 9);
        expect(residual.rank[cell]).toBe(logq.filter((value) => value > logq[target]).length);
        const top = topCandidates(logq, k);
        expect([...residual.topIds.subarray(cell * k, (cell + 1) * k)]).toEqual(top.map(({ id }) => id));
        expect(residual.topProbability[cell * k]).toBeCloseTo(top[0].probability, 9);
      }
      expect(places.mlp.topIds).not.toEqual(places.attn.topIds);
      await model.dispose();
    });
  });
});
