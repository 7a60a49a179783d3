import { expect, test } from 'vitest';
import { abortError } from '../../src/base/errors.ts';
import { Comparing } from '../../src/ui/comparing.svelte.ts';
import { Composer } from '../../src/ui/composer.svelte.ts';
import type { EngineClient } from '../../src/worker/client.ts';

// Whether something is said to run over an engine that never answers but to a stop.

function hang(...given: unknown[]): Promise<never> {
  const { signal } = given.at(-1) as { signal: AbortSignal };
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(abortError('answer'))));
}

const client = { compare: hang, previewLayers: hang } as unknown as EngineClient;
let prompt: string;

const comparing = () => {
  const panel = new Comparing(
    client,
    () => prompt,
    () => '',
  );
  return { run: () => panel.run(), isRunning: () => panel.running };
};

const composer = () => {
  const [paraphrases, seed] = [() => [], () => 0];
  const form = new Composer(client, { prompt: () => prompt, paraphrases, seed, onChange: () => undefined });
  return { run: () => form.refreshPreview(), isRunning: () => form.previewing };
};

test.each([
  ['a comparison', comparing],
  ['a ranking of layers', composer],
])('%s no longer runs once its prompt is emptied', async (_, open) => {
  const { run, isRunning } = open();
  prompt = 'The baker';
  const running = run();
  expect(isRunning()).toBe(true);
  prompt = ' ';
  await run();
  await running;
  expect(isRunning()).toBe(false);
});
