import { firstSentence, type Sampling, type TokenEvent, type Version } from '../worker/api.ts';
import type { EngineClient } from '../worker/client.ts';

/**
 * Streams what follows a prompt, up to the end of its first sentence.
 *
 * @param onText hears all that has been said so far, and whether the sentence has ended
 * @returns      all that was said
 * @throws EditorError `aborted`, and what the engine throws
 */
export async function continueSentence(
  client: Pick<EngineClient, 'generate'>,
  prompt: string,
  version: Version,
  sampling: Sampling,
  signal: AbortSignal,
  onText: (text: string, done: boolean) => void = () => undefined,
): Promise<string> {
  const enough = new AbortController();
  const stop = AbortSignal.any([signal, enough.signal]);
  let text = '';
  const onToken = (token: TokenEvent) => {
    if (stop.aborted) return;
    text += token.text;
    const end = firstSentence(text);
    if (end >= 0) text = text.slice(0, end);
    onText(text, end >= 0);
    if (end >= 0) enough.abort();
  };
  try {
    await client.generate(prompt, version, LONGEST, sampling, onToken, { signal: stop });
  } catch (thrown) {
    if (signal.aborted || !enough.signal.aborted) throw thrown;
  }
  return text;
}

// ---

/** Tokens of a continuation without an end of sentence. */
const LONGEST = 24;
