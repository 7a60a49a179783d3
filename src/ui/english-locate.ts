import type { LocationKind } from '../worker/api-locate.ts';
import { englishSets } from './english-sets.ts';
import type { LocateMessages, PartWords, TracingOption } from './messages-locate.ts';

const list = (items: readonly string[]) => new Intl.ListFormat('en', { type: 'conjunction' }).format(items);

/** What is put back, per kind. */
const RESTORED: Readonly<Record<LocationKind, string>> = {
  hidden: 'the hidden state behind the layer',
  mlp: 'what the MLPs of the layers around it put out',
  attn: 'what the attention of the layers around it puts out',
};

/** Settings of a measurement, by name. */
const SETTINGS: Readonly<Record<TracingOption, string>> = {
  sigmas: 'Noise',
  draws: 'Draws',
  seed: 'Seed',
  topK: 'Words compared',
};

/** "1 draw", "10 draws". */
const counted = (count: string, one: string) => `${count} ${count === '1' ? one : `${one}s`}`;

/** "0.4", or of several "0.4 (“the door”) and 0.3 (“France”)". */
const noiseWords = (noise: readonly { readonly level: string; readonly subject: string }[]) =>
  noise.length === 1 ? noise[0].level : list(noise.map(({ level, subject }) => `${level} (“${subject}”)`));

/** "Only 20 of 72 cells are known. Of these, …": what a part shows, and no more than that. */
function inPart({ known, cells }: PartWords, found: string): string {
  return `Only ${known} of ${cells} cells are known. Of these, ${found}; of the others nothing can be said.`;
}

/** Where it lives, in English. */
export const englishLocate: LocateMessages = {
  intro: 'Where does the answer live?',
  subject: 'What the prompt is about',
  subjectNote: 'blurred with noise',
  answer: 'The answer',
  answerNote: 'empty: what the model says',
  takeTarget: (target) => `Look for “${target}”`,
  window: 'Window',
  windowNote: 'MLPs or attention of so many layers are restored together',
  windowOf: (layers) => counted(layers, 'layer'),
  settings: {
    heading: 'Tracing settings',
    name: SETTINGS,
    note: {
      sigmas: 'times the spread of the embeddings',
      draws: 'of noise, averaged over',
      seed: 'the same one draws the same noise',
      topK: 'likeliest ones, in recall',
    },
    short: (name, value) => {
      if (value === null) return `no ${SETTINGS[name].toLowerCase()}`;
      return {
        sigmas: `noise ${value}`,
        draws: counted(value, 'draw'),
        seed: `seed ${value}`,
        topK: counted(value, 'word'),
      }[name];
    },
    fault: ({ name, value, takes: { low, high, whole } }) => {
      const title = name === 'window' ? 'Window' : SETTINGS[name];
      const is = `${title} is ${Number.isNaN(value) ? 'no number' : String(value)}`;
      return `${is}, it takes ${whole ? 'whole ' : ''}numbers from ${low} to ${high}.`;
    },
    reset: 'Reset',
  },
  go: 'Find where it lives',
  again: 'Trace it again',
  stop: 'Stop tracing',
  cost: (cells, tokens, layers) => `${tokens} tokens in ${layers} layers, three times: ${cells} cells.`,
  costTime: (cells, seconds) => `${cells} cells, about ${seconds}.`,
  costLong: (tokens, cells, time) =>
    `A long prompt: ${tokens} tokens make ${cells} cells${time === null ? ', and each takes longer' : `, about ${time}`}. You can stop at any time and keep what has come.`,
  costOver: (tokens, limit) =>
    `Too long to be traced: ${tokens} tokens, and the model reads at most ${limit} at once. Shorten the prompt.`,
  notReady: 'No model is open yet.',
  needsPrompt: 'Write a prompt first.',
  takeOffer: (words) => `Take “${words}”`,

  views: 'Look at',
  view: { map: 'Map', lens: 'Lens', similarity: 'Similarity', layers: 'Layers', relations: 'Relations' },
  viewsWaiting: 'Find where this answer lives, and it is shown here. Layers and Relations are about many prompts.',
  moments: 'With the edits',
  moment: { after: 'as it is now', before: 'before', change: 'what changed' },
  cellChange: (token, layer, kind, change) => `“${token}”, layer ${layer}, ${kind}: changed by ${change}`,
  explainedChange: (before, after) => `It was ${before} before the edits and is ${after} with them.`,
  legendChange: (what) => `change of the ${what}`,
  readingChange: (token, layer, change, part) =>
    part
      ? inPart(part, `the one at “${token}”, layer ${layer}, was changed most by the edits: by ${change}`)
      : `The edits changed most at “${token}”, layer ${layer}: by ${change}. Red is more than before, blue is less; hatched layers were written.`,
  kinds: 'Put back',
  kind: { hidden: 'Hidden state', mlp: 'MLP', attn: 'Attention' },
  computedNow: (time, seconds) => `Computed now on this model, at ${time}, in ${seconds}.`,
  computing: 'Being computed now on this model.',
  stoppedNote: 'Stopped: what has come stays.',
  failedNote: 'Not finished: what has come stays.',
  staleEdits: 'Out of date: the edits have changed since.',
  stalePrompt: 'Of another prompt, answer or setting than the one above.',
  compare: 'Beside it',
  compareNone: 'nothing',
  comparePrompt: (relation, prompt) => `${relation}: ${prompt} …`,
  scale: 'Colors',
  scaleShared: 'one scale',
  scaleOwn: 'one per panel',
  scaleWarning: 'Each panel has a scale of its own: colors cannot be compared between them.',
  scaleFromTo: (low, high) => `colors from ${low} to ${high}`,
  palette: 'Palette',
  palettes: { cividis: 'cividis', viridis: 'viridis', greys: 'greys', projector: 'projector' },

  location: 'Location',
  recall: 'Recall, at the last token',
  recallRow: { 'mlp.residual': 'MLP', 'attn.residual': 'Attention' },
  legend: (answers) => `probability of ${answers}, per token`,
  legendRecall: 'share of likely words that the layer changes',
  hatched: 'Hatched: written by an edit.',
  baseline: (high, low) => `clean ${high}, blurred ${low}`,
  noEffect: 'Blurring these words does not make the answer less likely, so there is nothing to find with it.',
  spread: (entropy, top3) => `spread ${entropy}, top 3 cells ${top3}`,
  spreadNote: 'Spread: 0 when one cell holds all of the effect, 1 when all cells hold the same.',
  spreadNone: 'no cell has an effect',
  spreadUnknown: 'spread not known, cells are missing',
  layer: 'Layer',
  token: 'Token',
  layerShort: (layer) => `L${layer}`,
  subjectMark: 'blurred',
  gridLabel: (what, prompt) => `${what}: “${prompt}”, tokens by layers`,
  gridHelp:
    'Arrows go from cell to cell, Home and End along a row, Page Up and Page Down along a column. Enter explains a cell, Space takes its layer for the edit.',
  chartLabel: (what) => `${what}: layer by layer`,
  chartHelp:
    'Arrows go from layer to layer, Home and End to the first and the last. Enter explains a layer, Space takes it for the edit.',
  chartHint: 'Drag over layers to take them for the edit; click one to have it explained.',
  cell: (token, layer, kind, value, place, cells) =>
    `“${token}”, layer ${layer}, ${kind}: ${value}, ${place} of ${cells}`,
  cellUnknown: (token, layer) => `“${token}”, layer ${layer}: not computed`,
  recallCell: (row, layer, changed) => `${row}, layer ${layer}: changes ${changed} of the likely words`,
  edited: 'written by an edit',
  hint: 'Drag over layers to take them for the edit; click a cell to have it explained.',

  reading: (kind, answer, token, layer, value, part) =>
    part
      ? inPart(part, `the one at “${token}”, layer ${layer}, brings “${answer}” back most, to ${value}`)
      : `Put back ${
          { hidden: 'the hidden state', mlp: 'what the MLPs add', attn: 'what attention adds' }[kind]
        } at “${token}” ${kind === 'hidden' ? 'behind' : 'around'} layer ${layer}, and “${answer}” comes back most, to ${value}. Bright cells hold what the answer needs; several bright places mean that it is spread.`,
  partNone: (part, answer) =>
    answer === undefined
      ? `None of the ${part.cells} cells is known: it ended before. Trace it again to see them.`
      : inPart(part, `none brings “${answer}” back`),
  readingWaiting: 'Cells fill in as they are computed.',
  notReached: 'It ended before this was computed: trace it again to see it.',
  readingNone:
    'The model gives this answer next to no probability, so the cells say little: look for what it does say.',
  definition: 'What exactly is shown',
  definitionText: ({ kind, noise, sigmas, draws, seed, window }) =>
    `The words marked are blurred: noise with a standard deviation of ${noiseWords(noise)}, ${sigmas === '1' ? '' : `${sigmas} times `}that of their embeddings, in ${counted(draws, 'draw')} (seed ${seed}), the same for every cell. Then ${RESTORED[kind]} is put back at one token${kind === 'hidden' ? '' : ` (a window of ${counted(window, 'layer')})`}, and the color is exp of the mean log probability of the answer’s tokens${draws === '1' ? '' : ', averaged over the draws'}: causal tracing for free text.`,
  definitionRecall: (count) =>
    `Recall compares the ${count === '1' ? 'likeliest word' : `${count} likeliest words`} before and after a module is added to the residual stream at the last token, both read through the final norm and the head: 1 − |A ∩ B| / min(|A|, |B|) (Szymkiewicz–Simpson). A layer that changes much contributes much, unless what it puts out is next to nothing.`,
  caution:
    'It shows what suffices to bring the answer back in this model, not where an edit works best: in our measurements layers chosen by such pictures did no better than others.',
  explain: 'This cell',
  explainLayer: 'This layer',
  explained: ({ kind, token, layers, subject, answer, high, low, value, back }) =>
    `With “${subject}” blurred, “${answer}” falls from ${high} to ${low}. Putting back ${
      { hidden: 'the hidden state behind', mlp: 'the MLP outputs of', attn: 'the attention outputs of' }[kind]
    } ${layers} at “${token}” brings it to ${value}: ${back} of what was lost.`,
  layersFromTo: (first, last) => (first === last ? `layer ${first}` : `layers ${first} to ${last}`),
  explainedMore: (logProbability, draws, noise) =>
    `Mean of ${counted(draws, 'draw')} of noise ${noise}; log probability ${logProbability} nats per token.`,
  explainedRecall: ({ row, layer, count, kept, cosine, norm, normIn }) =>
    `${row} of layer ${layer}: ${kept} of the ${count} likeliest ${count === '1' ? 'word' : 'words'} are the same after it; cosine before and after ${cosine}; it leaves a stream of length ${norm}, where ${normIn} came in.`,

  picks: 'Layers for the edit',
  pick: (layer) => `Layer ${layer}`,
  use: (layers, kind) =>
    `Use ${layers.map((layer) => `L${layer}`).join(' ')} for the edit${kind === 'hidden' ? '' : kind === 'mlp' ? ', MLP' : ', attention'}`,
  useNothing: 'Take layers here or in the picture',
  used: (layers) => `The edit writes in ${layers.length === 1 ? 'layer' : 'layers'} ${list(layers)} now.`,
  goEdit: 'To the edit',
  clear: 'Clear',

  table: 'Table',
  save: 'Save as',
  saved: (file) => `Saved: ${file}`,
  link: 'Copy link',
  linkCopied: 'The link to this view is copied.',
  figureTitle: (kind) => `Where the answer lives: ${kind} put back`,
  figureFoot: (model, version, time) =>
    `Palimpsest, ${model}, ${version}, ${time === null ? 'not finished' : `computed ${time}`}`,
  versionOriginal: 'no edits',
  versionEdited: (edits) => counted(edits, 'edit'),

  lens: {
    title: 'What it would say so far',
    from: 'Read from',
    place: { residual: 'Residual stream', mlp: 'MLP output', attn: 'Attention output' },
    reading: (answer) =>
      `Each cell: what the model would say if it had to speak behind that layer. Follow “${answer}” along the last token’s row.`,
    definition:
      'The logit lens: the hidden state of each token and layer through the final norm and the head, as if it were the last. In the first layers it is not reliable; outputs of modules are not on the scale of the stream, which the norm hides.',
    legend: (token) => `probability of “${token}”, the answer’s first token`,
    cell: (token, layer, word, probability, rank) =>
      `“${token}”, layer ${layer}: says “${word}”; the answer’s first token ${probability}, rank ${rank}`,
    top: (token, layer) => `At “${token}”, behind layer ${layer}`,
    word: 'Would say',
    probability: 'Probability',
    target: (token, probability, rank) => `The answer’s first token “${token}”: ${probability}, rank ${rank}.`,
  },

  similarity: {
    title: 'How much each layer changes what it reads',
    reading:
      'Low: the layer changes the direction much. The marked layers are those that the edit will write; its rule looks at the cosine of the module.',
    readingChange:
      'Below zero: with the edits the layer changes the direction more than it did; above: less. The marked layers are those that the edit will write.',
    explainedChange: (module, before, after) => `${module}: ${before} before the edits, ${after} with them.`,
    definition: (count) =>
      `At the prompt’s last token, for either module of each layer. Cosine, stream: between the residual stream before and after the module is added. Cosine, module: between what the module reads and what it puts out, which is what the rule of the edit looks at unless its setting says otherwise. Same words: the share of the ${count === '1' ? 'likeliest word' : `${count} likeliest words`} that stays the same in the stream, read through the final norm and the head, or as embeddings alone, without the norm. A low similarity of an output that is next to nothing means nothing: the table has the lengths.`,
    measures: 'Measure',
    measure: {
      residual: 'cosine, stream',
      module: 'cosine, module',
      words: 'same words',
      embedded: 'same words, no norm',
    },
    summary: (mlp, attn) =>
      `Filled: the edit would write MLP ${list(mlp) || 'nowhere'}, attention ${list(attn) || 'nowhere'}.`,
    columns: (module) =>
      ['cosine, stream', 'cosine, module', 'same words', 'same words, no norm', 'length out'].map(
        (name) => `${module}, ${name}`,
      ),
    layer: (layer, measure, parts) =>
      `Layer ${layer}, ${measure}: ${list(
        parts.map(({ module, value, chosen }) => `${module} ${value}${chosen ? ', which the edit will write' : ''}`),
      )}`,
  },
  sets: englishSets,
};
