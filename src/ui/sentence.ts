import { firstSentence, type Sampling, type TokenEvent, type Version } from '../worker/api.ts';
import type { EngineClient } from '../worker/client.ts';

/** What was said up to the end of a sentence, and the tokens that said it: the last one may say more. */
export interface Sentence {
  readonly text: string;
  readonly tokens: readonly TokenEvent[];
}

/**
 * Streams what follows a prompt, up to the end of its first sentence.
 *
 * @param onText hears all that has been said so far, and whether the sentence has ended
 * @returns      what was said
 * @throws EditorError `aborted`, and what the engine throws
 */
export async function continueSentence(
  client: Pick<EngineClient, 'generate'>,
  prompt: string,
  version: Version,
  sampling: Sampling,
  signal: AbortSignal,
  onText: (text: string, done: boolean) => void = () => undefined,
): Promise<Sentence> {
  const enough = new AbortController();
  const stop = AbortSignal.any([signal, enough.signal]);
  const tokens: TokenEvent[] = [];
  let text = '';
  // Tokens come by another way than the end of the call: one may come after it.
  let isOpen = true;
  const onToken = (token: TokenEvent) => {
    if (!isOpen || stop.aborted) return;
    tokens.push(token);
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
  } finally {
    isOpen = false;
  }
  return { text, tokens };
}

// ---

/** Tokens of a continuation without an end of sentence. */
const LONGEST = 24;
