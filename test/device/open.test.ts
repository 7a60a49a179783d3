import { expect, test, vi } from 'vitest';
import { openDevice } from '../../src/device/open.ts';

const dispose = vi.fn();

vi.mock('../../src/device/gpu.ts', () => ({
  findAdapter: () => Promise.resolve({}),
  openGpu: () => Promise.resolve({ adapter: { description: 'a card' }, limits: {}, dispose }),
}));
vi.mock('../../src/device/ort.ts', () => ({ loadOrt: () => Promise.reject(new Error('the build is not there')) }));

test('a graphics device that nothing can run on is closed again', async () => {
  vi.stubGlobal('navigator', { gpu: {} });
  const opening = openDevice('webgpu', { threads: 1, largestWeight: 1 });
  await expect(opening).rejects.toMatchObject({ code: 'no-device', found: 'the build is not there' });
  expect(dispose).toHaveBeenCalledOnce();
  vi.unstubAllGlobals();
});
