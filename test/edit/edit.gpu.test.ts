import { expect, test } from 'vitest';
import { matmul } from '../../src/base/linalg.ts';
import type { Device } from '../../src/device/device.ts';
import { makeCovariances } from '../../src/edit/covariance.ts';
import { computeEdit } from '../../src/edit/edit.ts';
import { readHparams } from '../../src/edit/read-hparams.ts';
import { validateRequests } from '../../src/edit/request.ts';
import { relative } from '../support/close.ts';
import { testDevice } from '../support/device.ts';
import { gpuOrSkip, webgpuTestDevice } from '../support/gpu.ts';
import { loadShipped } from '../support/models.ts';
import { reportFigures } from '../support/report.ts';
import { shippedCorpus } from '../support/shipped.ts';

const describeGpu = await gpuOrSkip();

/** A real edit, made small enough for a processor that plays a graphics card: two sites, a few steps, little text. */
const SETTINGS = { mlpLayers: [4], attnLayers: [4], steps: 4, covarianceTokens: 2, ridge: 1e-3 };
const REQUEST = { prompt: 'To open {}, PersonX needs to', subject: 'the smart lock', target: 'aim her face' };
const TEMPLATES = [['{}'], ['It is a rainy morning and Tom feels tired. {}']];

describeGpu('an edit on WebGPU', (gpu) => {
  test('runs every kernel of ours, and writes what the CPU writes', async () => {
    const before = new Map(gpu.dispatches);
    const edit = await editOn(await webgpuTestDevice(gpu));
    const counts = [...gpu.dispatches].map(([name, count]) => [name, count - (before.get(name) ?? 0)] as const);
    reportFigures('dispatches of one edit', Object.fromEntries(counts));
    const sum = (file: string) =>
      counts.reduce((total, [name, count]) => total + (name.startsWith(`${file}.`) ? count : 0), 0);
    for (const file of ['capture', 'cosine', 'gram', 'cholesky', 'triangular', 'lowrank']) {
      expect(sum(file), file).toBeGreaterThan(0);
    }
    // One norm of a change for each site; one cosine of each module of each layer.
    expect(sum('lowrank')).toBe(2);
    expect(sum('cosine')).toBe(16);

    const cpu = await editOn(await testDevice());
    expect(edit.device).toBe('webgpu');
    expect(edit.patches.map(({ site }) => site)).toEqual(cpu.patches.map(({ site }) => site));
    for (const [i, { left, right }] of edit.patches.entries()) {
      const other = cpu.patches[i];
      expect(relative(matmul(left, right).data, matmul(other.left, other.right).data)).toBeLessThan(0.02);
    }
    const [own, expected] = [edit, cpu].map(({ proof }) => proof.requests[0].after.logp);
    for (const [i, logp] of own.entries()) expect(Math.abs(logp - expected[i])).toBeLessThan(0.05);
  });
});

// ---

async function editOn(device: Device) {
  const model = await loadShipped(device);
  const { hparams, preset } = readHparams('dem+', SETTINGS, model.description.n_layers);
  const edit = await computeEdit(model, {
    requests: validateRequests(REQUEST),
    ...{ method: 'dem+', preset, hparams, templates: TEMPLATES, proof: 'brief' },
    covariances: makeCovariances(model, shippedCorpus(), null),
  });
  await model.dispose();
  return edit;
}
