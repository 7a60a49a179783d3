import { expect, test, vi } from 'vitest';
import { EditorError } from '../../src/base/errors.ts';
import { memoryDatabase } from '../../src/store/database.ts';
import { openStudio } from '../../src/worker/studio.ts';

const closed: string[] = [];
const close = (what: string) => () => void closed.push(what);

vi.mock('../../src/device/open.ts', () => ({
  openDevice: () =>
    Promise.resolve({ device: { kind: 'webgpu', gpu: { dispose: close('device') } }, ort: {}, reason: '', detail: '' }),
}));
vi.mock('../../src/device/wasm.ts', () => ({ wasmDevice: () => null }));
vi.mock('../../src/model/architectures/index.ts', () => ({ describeModel: () => ({ parameters: {} }) }));
vi.mock('../../src/worker/shipped.ts', async (original) => ({
  ...(await original<object>()),
  shippedModel: () => ({ source: { readJson: () => Promise.resolve({}) }, settle: () => Promise.resolve() }),
}));
vi.mock('../../src/model/load.ts', () => ({
  loadModel: () => Promise.resolve({ dispose: () => Promise.resolve().then(close('model')) }),
}));
vi.mock('../../src/model/selfcheck.ts', () => ({
  checkDevice: () => Promise.reject(new EditorError('untrusted-device', 'trust it', 'it is off', 'use the CPU')),
}));

test('a device that can’t be trusted is closed, after the model on it', async () => {
  vi.stubGlobal('location', new URL('http://localhost/assets/worker.js'));
  const kept = () => Promise.resolve({ ok: true, isSafe: true } as const);
  const opening = openStudio('webgpu', {}, { database: memoryDatabase(), kept });
  await expect(opening).rejects.toMatchObject({ code: 'untrusted-device' });
  expect(closed).toEqual(['model', 'device']);
  vi.unstubAllGlobals();
});
