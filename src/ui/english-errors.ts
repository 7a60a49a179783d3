import type { ErrorCode } from '../base/errors.ts';
import type { ErrorWords, Messages } from './messages.ts';

/** What every error is called in English. */
export const englishTitles: Readonly<Record<ErrorCode, string>> = {
  aborted: 'Stopped',
  busy: 'Something else is running',
  'context-overflow': 'Too long for this model',
  'crashed-last': 'It ended while loading last time',
  'device-lost': 'The graphics device went away',
  'hash-mismatch': 'A file is not what it should be',
  'ill-conditioned': 'The equations have no reliable solution',
  internal: 'That is our mistake',
  'invalid-checkpoint': 'This model cannot be read',
  'invalid-hyperparameter': 'Some settings do not fit',
  'invalid-input': 'That cannot be read',
  'invalid-request': 'This edit cannot be made as it stands',
  'invalid-tokenizer': 'The tokenizer does not fit the model',
  'missing-file': 'A file is missing',
  network: 'The download failed',
  'no-device': 'Nothing here can run the model',
  'not-finite': 'The calculation became unstable',
  'out-of-memory': 'Not enough memory',
  quota: 'The browser has no room left',
  shader: 'The graphics device refused a program',
  'unsupported-model': 'This kind of model is not supported',
  'untrusted-device': 'This device computes wrong numbers',
  'worker-died': 'The part that computes stopped',
};

/** What happened and what helps, in English. */
export const englishErrors: Readonly<Record<ErrorCode, (values: ErrorWords) => string>> = {
  aborted: () => 'It was stopped on request. Start it again when you want.',
  busy: () => 'One thing runs at a time here. Wait until it is done, or cancel it.',
  'context-overflow': ({ tokens, characters, most, limit }) => {
    if (most)
      return `That makes ${characters} characters, and ${most} is the most. Paste a shorter part; what was there is unchanged.`;
    if (tokens)
      return `There are ${tokens} tokens, and the model reads at most ${limit} at once. Shorten the prompt or the target.`;
    const length = characters ? `It has ${characters} characters` : 'It is longer than what can be read at once';
    return `${length}${limit ? `, and the model reads at most ${limit} tokens` : ''}. Shorten it.`;
  },
  'crashed-last': () =>
    'The tab ended before the model was open, most likely because memory ran out, so it is not tried again by itself. Your edits are kept. The CPU needs less than the graphics device.',
  'device-lost': () => 'Try again when the model is back, or run it on the CPU. Your edits are kept.',
  'hash-mismatch': ({ file, release }) =>
    release
      ? `${file ?? 'A file'} on the server belongs to another release of this page, most likely a newer one. Update the page, or load it again; your edits are kept.`
      : `${file ?? 'It'} differs from its fingerprint and was thrown away. Load the model again: only what is damaged is fetched.`,
  'ill-conditioned': () =>
    'The statistics of a layer do not determine what to write, so nothing was written. Raise λ, or write in other layers.',
  internal: () =>
    'Something happened that never should; nothing was written. Report the details below with the steps that led here.',
  'invalid-checkpoint': ({ file, tensor }) =>
    `${file ?? tensor ?? 'A file of it'} is damaged, or does not belong to the rest. Get the model again from where it comes from.`,
  'invalid-hyperparameter': (values) =>
    Object.keys(values).length > 0
      ? 'Change the settings named, or start from a preset.'
      : 'The chosen attention layers cannot hold the keys of this edit. Write in MLP layers too, or take a shorter target.',
  'invalid-input': ({ tokens, width, file, faults, ...found }) => {
    if (file && faults) return promptFaults(file, faults, found);
    return tokens && width
      ? `The text for the statistics has ${tokens} tokens, too few for keys ${width} wide. Give a longer one.`
      : 'What came in has not the form that is due. Reload the page and try again.';
  },
  'invalid-request': ({ offer, subject, ...values }) => {
    if (subject !== undefined) return subjectFault(subject, offer);
    const faults = Object.entries(values).map(([kind, detail]) => requestFault(kind, detail));
    return faults.join(' ') || 'Its prompt, subject and target do not fit together. Change them.';
  },
  'invalid-tokenizer': () =>
    'The model’s tokenizer.json is damaged, or made for another model. Get the model again from where it comes from.',
  'missing-file': ({ file, sites }) => {
    if (sites) return 'No text for the statistics came with the model. Reload the page.';
    return `${file ?? 'A part of the model'} is not where it should be. Check the connection, and whether this network asks for a login.`;
  },
  network: ({ file, status }) =>
    `${file ?? 'A file'} did not arrive whole${status ? ` (HTTP ${status})` : ''}. Check the connection and try again: what has come is kept.`,
  'no-device': ({ reason }) =>
    reason
      ? 'WebGPU was asked for, and this browser or graphics device cannot do it. Choose the CPU, or update browser and graphics driver.'
      : 'No model is open yet. Open one first.',
  'not-finite': () =>
    'A number grew beyond all bounds, and nothing was written. Lower the doses or the step size, or run on the CPU.',
  'out-of-memory': ({ asked, allowed }) =>
    asked && allowed
      ? `One piece takes ${asked}, and this graphics device allows ${allowed}. Run on the CPU. Your edits are kept.`
      : 'This step needs more memory than there is. Close other tabs and try again; your edits are kept.',
  quota: ({ reason = 'Error' }) => {
    const { found, advice } = englishRefusal(reason);
    return `${sentence(found)} ${sentence(advice)}`;
  },
  shader: ({ file }) => `${file ?? 'A program'} does not compile there. Run on the CPU, and report the details below.`,
  'unsupported-model': ({ modelType, supported }) =>
    modelType && supported
      ? `Its family is ${modelType}; ${supported} can be run. Choose another model.`
      : 'Its family, size or number format cannot be run here. Choose another model.',
  'untrusted-device': ({ difference, tolerance }) =>
    `${difference ? `A known sentence comes out wrong by ${difference}, where ${tolerance} would be right.` : 'A known sentence comes out wrong.'} Run on the CPU, or update browser and graphics driver.`,
  'worker-died': ({ deaths }) =>
    deaths
      ? `It stopped ${deaths} times within a minute, most likely because memory ran out. Close other tabs, then try again; finished edits are kept.`
      : 'Most likely memory ran out. It starts again by itself; finished edits are kept.',
};

/** Why the browser keeps nothing more, in English. */
export const englishRefusal: Messages['error']['refusal'] = (name) => {
  if (name === 'QuotaExceededError')
    return {
      found: 'the browser gives this page no more room',
      advice: 'free some disk space or delete other sites’ data',
    };
  if (name === 'VersionError')
    return {
      found: 'the store now belongs to a newer version of this page',
      advice: 'reload the page to get its newer version',
    };
  if (name === 'ReferenceError' || name === 'SecurityError')
    return {
      found: 'this browser stores nothing for this page',
      advice: 'leave the private window, or let this site store data in the browser’s settings',
    };
  return { found: `the browser’s store refuses (${name})`, advice: 'reload the page to try again' };
};

// ---

/** "prompt long" with 30 000: a fault of a request as a sentence, with what helps. */
function requestFault(kind: string, detail = ''): string {
  const [, part = '', fault = ''] = /^(?:.*: )?(\w+) (\w+)$/.exec(kind) ?? [];
  const faults: Record<string, string> = {
    none: `The ${part} is missing. Write one.`,
    empty: `The ${part} is empty. Write something there.`,
    long: `The ${part} has ${detail} characters. Shorten it.`,
    control: `The ${part} has the control character ${detail}. Delete it.`,
    half: `The ${part} has half a character, ${detail}. Delete it.`,
    missing: 'The prompt has {} and no subject to put there. Name the subject, or write it out.',
    places: `The prompt has ${detail} places {} for one subject. Mark its place with {}, once.`,
  };
  return faults[fault] ?? `The ${part} does not fit. Change it.`;
}

/** "3 subject elsewhere" with the subject: faults of a file of prompts, and what helps. */
function promptFaults(file: string, faults: string, found: ErrorWords): string {
  const told = Object.entries(found).map(([kind, detail = '']) => {
    const [, number = '0', part = '', fault = ''] = /^(\d+) (\w+) (\w+)$/.exec(kind) ?? [];
    const texts: Record<string, string> = {
      'file large': `it is too large (${detail} bytes)`,
      'file form': 'it is not JSON',
      'list empty': 'it has no prompts',
      'list long': `it has ${detail} prompts, too many`,
      'prompt long': `is longer than the model reads (${detail})`,
      'subject elsewhere': `does not contain its subject “${detail}”`,
      'kind unknown': `has the kind ${detail} (it takes “fact”, “commonsense”, or none)`,
      'relation torn': `has another kind than those of ${detail} before it`,
    };
    const text = texts[`${part} ${fault}`] ?? `has no ${part}`;
    return number === '0' ? text : `prompt ${number} ${text}`;
  });
  const more = Number(faults) - told.length;
  const list = [...told, ...(more > 0 ? [`${more} more`] : [])].join('; ');
  return `The prompts of ${file} cannot be used${list === '' ? '' : `: ${list}`}. What was there is unchanged.`;
}

/** Words that are to be blurred and aren't in the prompt. */
function subjectFault(subject: string, offer = ''): string {
  const found =
    subject === '' ? 'It is not said what the prompt is about.' : `The prompt does not contain “${subject}”.`;
  return `${found} Take words of the prompt${offer === '' ? '' : `, such as its last, “${offer}”`}.`;
}

/** A part of a sentence as one of its own. */
function sentence(text: string): string {
  return `${text.replace(/^./, (first) => first.toUpperCase())}.`;
}
