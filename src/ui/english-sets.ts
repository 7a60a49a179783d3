import type { ApartWords, SetsMessages } from './messages-sets.ts';

const list = (items: readonly string[]) => new Intl.ListFormat('en', { type: 'conjunction' }).format(items);

const SIDES = { fact: 'facts', commonsense: 'commonsense', own: 'your own' } as const;

/** "with nobody, more same words in L1, fewer in L3": where a line differs from that of PersonX. */
function apart(who: string, found: ApartWords | null): string {
  if (!found) return `${who}, not measured`;
  const { above, below } = found;
  const parts = [
    ...(above.length > 0 ? [`more same words in ${above.join(', ')}`] : []),
    ...(below.length > 0 ? [`fewer same words in ${below.join(', ')}`] : []),
  ];
  return `${who}, ${parts.join(', ') || 'no difference that can be told'}`;
}

/** What a relation asks for. */
export const RELATIONS: Record<string, string> = {
  xNeed: 'what it takes first',
  xWant: 'what PersonX wants then',
  xIntent: 'why PersonX does it',
  xEffect: 'what happens to PersonX',
  xReact: 'how PersonX feels',
  xAttr: 'what it says of PersonX',
  oEffect: 'what happens to others',
  oReact: 'how others feel',
  oWant: 'what others want then',
  UsedFor: 'what a thing is for',
  MadeOf: 'what a thing is made of',
  AtLocation: 'where a thing is found',
  HinderedBy: 'what is in the way',
  capital: 'fact: a capital',
  inventor: 'fact: an inventor',
  colour: 'fact: a colour',
  profession: 'fact: a profession',
  HasProperty: 'what a thing is like',
  HasA: 'what a thing has',
  sound: 'fact: a sound',
  young: 'fact: a young animal',
  opposite: 'fact: an opposite',
  author: 'fact: an author',
  birthplace: 'fact: a birthplace',
  language: 'fact: a language',
  currency: 'fact: a currency',
  home: 'fact: a home',
  symbol: 'fact: a symbol',
};

/** Many prompts together, in English. */
export const englishSets: SetsMessages = {
  title: {
    layers: (file) => (file === null ? 'Facts and commonsense, layer by layer' : `${file}, layer by layer`),
    relations: (file) => (file === null ? 'Relation by relation' : `${file}, relation by relation`),
    person: (file) => `Who it is about, layer by layer${file === null ? '' : `: ${file}`}`,
  },
  earlier: (moment) => `Computed earlier, on ${moment}`,
  allKept: (time) => `Put together at ${time} from figures of earlier runs on this model.`,
  someKept: (count) => `${count} of its figures are kept from earlier runs.`,
  about: (counts, file, version) => `Prompts: ${list(counts)}${file === null ? '' : `, from ${file}`}; ${version}.`,
  countOf: {
    fact: (n) => `${n} about facts`,
    commonsense: (n) => `${n} of commonsense`,
    own: (n) => `${n} of your own`,
  },
  partial: (done, asked) => `Not finished: ${done} of ${asked} prompts.`,
  partialPersons: (done, asked) => `Who it is about is not finished: ${done} of ${asked} prompts.`,
  otherEdits: 'The model has other edits now: compute it again to see them.',
  none: 'Nothing has been computed on this model yet. Compute it below.',
  reading: 'Reading what came with the model.',
  sources: 'Figures',
  source: { stored: 'came with the model', measured: 'computed here' },
  again: 'Compute it on this model, as it is now',
  whose: 'Prompts',
  ofModel: 'came with the model',
  file: 'Use prompts of your own…',
  form: 'A JSON file: [{"prompt": "To open the door, PersonX needs to", "subject": "the door", "target": "find the key"}, …]. A prompt may also have a "relation", and "fact" or "commonsense" as its "kind"; the "target" may be left out. The file stays in this tab.',
  taken: (file, prompts) => `${file}: ${prompts} prompts can be measured.`,
  choose: (chosen, all) => `Relations: ${chosen} of ${all}`,
  upTo: (prompts) => `(${prompts})`,
  takeAll: 'All',
  takeNone: 'None',
  noneChosen: 'Choose at least one relation.',
  noPrompts: 'No prompts came with this model: use some of your own.',
  cost: (prompts, time) =>
    `${prompts === '1' ? '1 prompt' : `${prompts} prompts`}${time === null ? '; how long one takes is known after the first' : `, up to ${time}`}.`,
  each: 'Prompts of each relation',
  all: 'all',
  run: 'Compute it here',
  note: 'Runs in this tab; what has been measured stays, also when you stop, and is not measured again.',
  comparisons: 'Compare',
  comparison: { knowledge: 'facts and commonsense', person: 'who it is about' },
  measures: 'Measure',
  module: 'Module',
  measure: { effect: 'effect when put back', overlap: 'same words, in and out' },
  unit: {
    effect: 'probability brought back, mean of a layer’s cells',
    overlap: 'share of likely words that in and out have in common',
  },
  side: SIDES,
  line: { ...SIDES, named: 'a name', personX: 'PersonX', removed: 'nobody' },
  lineOf: (line, n) => `${line} n ${n}`,
  chart: (module, unit, lines) => `${module}: ${unit} (${lines})`,
  spreads: (parts) =>
    `How widely the effect lies ${
      parts.some(({ more }) => more) ? 'differs' : 'does not tell facts from commonsense'
    }: ${list(
      parts.map(
        ({ module, fact, commonsense, more }) =>
          `${module} ${fact} for facts, ${commonsense} for commonsense${more ? ` (wider for ${SIDES[more]})` : ''}`,
      ),
    )}.`,
  layers: (parts) =>
    `Layer by layer, ${list(
      parts.map(({ module, fact, commonsense }) => {
        const more = [
          ...(fact.length > 0 ? [`more for facts in ${fact.join(', ')}`] : []),
          ...(commonsense.length > 0 ? [`more for commonsense in ${commonsense.join(', ')}`] : []),
        ];
        return `${module}: ${more.join(', ') || 'not told apart anywhere'}`;
      }),
    )}.`,
  heights: 'Shorter prompts hold more in each cell, so height alone says little.',
  persons: (parts) =>
    [
      'Against the same prompts about PersonX.',
      ...parts.map(({ module, named, removed }) => {
        return `${module}: ${apart('with a name', named)}; ${apart('with nobody', removed)}.`;
      }),
    ].join(' '),
  personsTooFew: 'Too few prompts speak of PersonX to say whether it matters who they are about.',
  personsWaiting: 'Still being measured: the same prompts about other people come after all others.',
  personsNone: 'Not measured: it was stopped before, or none of the prompts speaks of PersonX.',
  tooFew: 'Too few relations to say whether facts and commonsense can be told apart.',
  peaks: (parts) =>
    `Highest: ${list(parts.map(({ line, module, layer, value }) => `${line}, ${module}, in ${layer} (${value})`))}.`,
  alone: (what, least, most) => `${what} goes from ${least} to ${most} between relations.`,
  range: { effect: 'How widely the effect lies', overlap: 'The share of same words, mean of the layers,' },
  relations: ({ what, least, most, fact, commonsense, low, high, more }) =>
    `${what} goes from ${least} to ${most} between relations; facts have ${fact}, commonsense ${commonsense}, and the interval of the difference, ${low} to ${high}, ${
      more ? `says more for ${SIDES[more]}` : 'does not tell them apart'
    }.`,
  named: (relation, value) => `${value} (${relation})`,
  definition: {
    effect: (draws, window) =>
      `Effect: the subject of each prompt is blurred with noise (${draws} draws), what a module puts out is put back in a window of ${window} layers at one token, and the probability of the answer that this brings back is averaged over the tokens from the subject on. Shorter prompts have fewer cells, so that each holds more: compare where lines rise and fall rather than how high they are. How widely it lies is the normalized entropy of all cells’ effects: 0 for one cell, 1 for all alike.`,
    overlap: (count) =>
      `Same words: of the ${count} likeliest words, read through the final norm and the head, how many what a module reads and what it puts out have in common at the prompt’s last token (Szymkiewicz–Simpson). Few: the module changes much.`,
  },
  personDefinition:
    'The prompts that speak of PersonX are measured three times: as they are, with a first name in PersonX’s place, and without PersonX. Nothing is traced here, which would take as long as all else.',
  bands: {
    knowledge:
      'Bands: 95 % over prompts, 1.96 s / √n. What the sentence says is stricter: relations are drawn again 2,000 times, because prompts of one relation are alike; among many layers one in twenty seems to differ by chance. The definitions are ours.',
    person:
      'Bands: 95 % over prompts, 1.96 s / √n. Lines are told apart where their means differ by more than 1.96 standard errors of the difference, taken as if the prompts were not the same, which is cautious; among many layers one in twenty seems to differ by chance. The definitions are ours.',
  },
  command: (command) => `Computed with: ${command}`,
  relation: 'Relation',
  knowledge: 'Knowledge',
  prompts: 'n',
  whole: { effect: 'Spread', overlap: 'Mean' },
  tableHelp: 'A column’s head puts the relations in its order, here and in the picture; a relation shows its prompts.',
  showPrompts: (relation, prompts) =>
    prompts === '1' ? `Show the prompt of ${relation}` : `Show the ${prompts} prompts of ${relation}`,
  promptsOf: (relation, prompts) => `${relation}: ${prompts === '1' ? '1 prompt' : `${prompts} prompts`}`,
  promptsAll: (prompts) => `Show all ${prompts}`,
  promptsUnknown: 'Which prompts these were isn’t known any more: compute it again to see them.',
  promptFiguresNone: 'Of single prompts no figures are kept here: compute it on this model to see them.',
  promptAbout: (subject, answer) =>
    `About “${subject}”; looked for: ${answer === null ? 'what the model says' : `“${answer}”`}.`,
  promptFigure: {
    effect: (value) => `Spread ${value}.`,
    overlap: (value) => `Same words, mean of the layers: ${value}.`,
  },
  trace: 'Trace this one',
  toTrace: (prompt) => `“${prompt}” is in the form now.`,
  layerOf: (module, layer, lines) =>
    `${module}, layer ${layer}: ${list(lines.map(({ line, mean, band, n }) => `${line} ${mean} ± ${band} (n ${n})`))}`,
  gridLabel: (side, module, measure) => `${side}, ${module}: ${measure}, relations by layers`,
  cell: (relation, layer, value, band, n) => `${relation}, layer ${layer}: ${value} ± ${band}, ${n} prompts`,
  explained: (relation, module, spread) =>
    `${relation}. ${spread ? `The effect of ${module} lies over its cells with a spread of ${spread}.` : `Measured at the last token, for ${module}.`}`,
  column: (side, module, n) => `${side}, ${module} (n ${n})`,
  value: (mean, band) => `${mean} ± ${band}`,
  foot: (model, version, file, how) =>
    `Palimpsest, ${model}, ${version}${file === null ? '' : `, prompts of ${file}`}. ${how}`,
};
