import type { Hparams } from '../worker/api.ts';
import { englishErrors, englishRefusal, englishTitles } from './english-errors.ts';
import { englishLocate } from './english-locate.ts';
import { englishNotices } from './english-notices.ts';
import { RELATIONS } from './english-sets.ts';
import type { Messages } from './messages.ts';

/** The page in English. */
export const english: Messages = {
  title: 'Palimpsest',
  claim: 'Change what a language model finds obvious.',
  lead: 'A small model runs in this tab. Write over what it takes for granted, see the proof, switch it back. Nothing leaves your machine.',
  skip: 'Skip to the prompt',
  steps: { ask: 'Ask', locate: 'Locate', edit: 'Edit', compare: 'Compare' },
  stepsLabel: 'Steps',
  close: 'Close',
  cancel: 'Cancel',
  dismiss: 'Dismiss',
  and: (items) => new Intl.ListFormat('en', { type: 'conjunction' }).format(items),
  quote: (text) => `“${text}”`,

  ask: {
    intro: 'What does the model expect to come next?',
    prompt: 'When the model reads',
    placeholder: 'Begin a sentence and stop where the model should go on',
    examples: 'Examples',
    relation: (name) => RELATIONS[name] ?? name,
    own: 'your own words',
    exampleTarget: 'write over it with',
    tokens: 'As tokens',
    tokenCount: (count, limit) => `${count} of at most ${limit}`,
    editedToken: 'the edit begins here',
    pieces: (tokens) => `${tokens} tokens`,
    lineBreak: '⏎',
    next: 'Next token',
    nextOriginal: 'Next token, original model',
    token: 'Token',
    probability: 'Probability',
    continues: (text) => `The model continues: ${text}`,
    continuesOriginal: (text) => `The original model continues: ${text}`,
    peek: 'Hold for the original',
    peeking: 'Showing the original',
    under: 'Underneath, scraped off:',
    take: 'Take it over',
    takeKey: 'Tab',
    takeNote: 'At the end of your text, Tab takes it over and Escape leaves it.',
    taken: (text) => `Taken over: ${text}`,
    left: 'Left out.',
    waiting: 'The model’s words appear here once it is loaded.',
    nothing: 'Write a prompt, and what the model expects next is shown here.',
  },

  locate: englishLocate,

  sampling: {
    heading: 'Sampling',
    greedy: 'the likeliest token each time',
    drawn: (temperature) => `drawn at temperature ${temperature}`,
    temperature: 'Temperature',
    temperatureNote: '0: no chance',
    topK: 'Top-k',
    topKNote: '0: all tokens',
    topP: 'Top-p',
    topPNote: '1: all tokens',
    seedNote: 'of the draw',
    lock: 'Lock the seed',
    lockNote: 'the same luck for both models and every edit',
    again: 'Draw again',
  },

  opening: {
    heading: 'Opening the model',
    again: 'Opening the model again',
    failed: 'The model could not be opened',
    cpu: 'Try on the CPU',
    stopped: 'Opening was stopped',
    stoppedNote: 'There is no model until it is opened again. Your words and edits stay.',
    reopen: 'Open it again',
  },

  stage: (kind, id) => {
    const names = {
      open: OPEN_STAGES,
      edit: EDIT_STAGES,
      locate: LOCATE_STAGES,
      compare: {} as Record<string, string>,
    }[kind];
    return names[id] ?? (kind === 'compare' ? 'Compare both models' : capital(id));
  },
  stageState: { waiting: 'waiting', running: 'running', done: 'done', skipped: 'known already' },
  stageCount: (unit, done, total) => (unit === 'bytes' ? `${done} of ${total}` : `${done} of ${total} ${unit}`),
  stagesLabel: {
    open: 'Stages of opening',
    edit: 'Stages of the edit',
    compare: 'Stages of the comparison',
    locate: 'Stages of the tracing',
  },

  edit: {
    intro: 'Write over it.',
    target: 'it should continue',
    targetPlaceholder: 'in your own words',
    targetTokens: (tokens) => `${tokens} tokens`,
    where: 'Where it is written',
    whereNote:
      'Cosine between what each part of a layer reads and what it adds, at the prompt’s last token. The rule takes those near zero.',
    outside: 'Never taken by the rule.',
    whereSummary: 'What this can and cannot tell',
    whereMore:
      'A picture of this prompt in this model, not a proof of where knowledge lives: in our measurements, layers chosen this way did no better than random ones. Click a layer to decide yourself.',
    whereWaiting: 'Cosines appear once the model has read the prompt.',
    layer: 'Layer',
    modules: { mlp: 'MLP', attn: 'Attention' },
    cell: (module, layer, cosine, candidate) =>
      `Write ${module} layer ${layer}, cosine ${cosine}${candidate ? '' : ', outside the rule’s range'}`,
    chosen: (module, layers) => (layers.length === 0 ? `${module}: none` : `${module}: ${layers.join(', ')}`),
    byHand: 'chosen by you',
    byRule: 'Back to the rule',
    presets: 'How',
    preset: {
      'dem+/default': {
        name: 'DEM+',
        means:
          'Every token of the target gets its own key, in most MLP layers and three attention layers. It almost always takes.',
      },
      'dem+/mlp-only': {
        name: 'MLP only',
        means: 'DEM+ without attention: the fewest side effects, and it stacks best.',
      },
      'dem+/article-layers': {
        name: 'Article’s layers',
        means: 'DEM+ in the three layers nearest zero of each module, as the article chooses them.',
      },
      'dem/recommended': {
        name: 'DEM',
        means:
          'The article’s method as we read it: one change per layer, at the prompt’s last token. It takes in three or four cases out of five.',
      },
    },
    advanced: 'More settings',
    subject: 'Subject',
    subjectNote: 'Words of the prompt that the edit is about. Optional.',
    subjectMissing: (subject) => `“${subject}” does not occur in the prompt, so it is left out`,
    changed: 'changed',
    reset: 'Reset all',
    setting: (name) => SETTINGS[name] ?? { name, means: '' },
    choice: (name, value) => CHOICES[`${name}.${value}`] ?? value,
    on: 'on',
    off: 'off',
    go: 'Edit',
    goNext: 'Edit next',
    running: 'Editing. You can write the next one meanwhile.',
    lasts: (seconds) => `about ${seconds}`,
    firstTime: 'The first edit gathers statistics; later ones reuse them.',
    preparing: (share) => `Getting ready for the first edit: ${share}. You need not wait for it.`,
    prepared: 'Everything is ready for an edit.',
    cancelled: 'Stopped. Nothing was written.',
    needs: { prompt: 'Write a prompt first.', target: 'Say how it should continue.' },
    goTo: { prompt: 'Go to the prompt', target: 'Go to the target' },
    notReady: 'No model is open yet.',
  },

  curve: {
    label: 'Loss of the optimization',
    loss: 'loss',
    nll: 'target',
    stop: (value) => `stops at ${value}`,
    steps: (count) => `${count} steps`,
    summary: (step, steps, nll, first) =>
      `Step ${step} of at most ${steps}: the target’s negative log likelihood went from ${first} to ${nll} nats per token.`,
    waiting: 'The curve begins with the optimization.',
  },

  proof: {
    took: 'It took.',
    missed: 'It did not take.',
    tookNote: (prompt, target) => `After “${prompt}” the model now says “${target}”, word for word.`,
    missedNote: (edited) => `The weights were changed, but the model still says “${edited}”.`,
    why: 'Why',
    shortfall: {
      optimization: {
        why: 'The optimization ended before the target was likely.',
        advice: 'Give it more steps, or more layers to write in.',
      },
      share: {
        why: 'The solve wrote only part of what was asked, to spare what the model knows.',
        advice: 'Lower the weight of old knowledge (λ).',
      },
      'cross-talk': {
        why: 'The layers disturbed one another: the written model is worse than the optimized one.',
        advice: 'Write in other layers, or in the MLP only.',
      },
    },
    tries: 'Switch it off and edit again with',
    remedy: {
      steps: (steps) => `${steps} steps`,
      layers: () => 'all candidate layers',
      memory: (share) => `λ at ${share} of the key width`,
      preset: (name) => `the preset ${name}`,
    },
    probability: 'Target’s probability',
    probabilityNote: 'mean per token',
    rank: 'Rank of its first token',
    rankNote: (first) => (first ? 'every token of it now comes first' : 'not every token of it comes first'),
    spot: 'Asked in other words',
    spotCount: (hits, all) => `${hits} of ${all}`,
    spotNote: 'answered with exactly the target',
    spotKind: { paraphrase: 'in other words', name: 'with a name', prefix: 'after other text' },
    hit: 'as wished',
    miss: 'something else',
    drift: 'Drift elsewhere',
    driftValue: (nats) => `${nats} nats`,
    driftNote: (texts, ratio) => `per token over ${texts} unrelated texts; perplexity × ${ratio}`,
    notMeasured: 'not measured',
    loop: 'Loops',
    looping: { none: 'none', some: 'some', much: 'looping' },
    loopNote: (share) => `${share} of 4-grams repeat`,
    written: 'Written',
    weights: (count) => `${count} weights`,
    writtenNote: (times) => `largest change: ${times} times the weight’s own size`,
    optimized: (optimized, written) => `Optimizer’s last loss ${optimized}, written model’s ${written} nats`,
    gap: 'a gap: the layers disturb one another',
    noGap: 'no gap: what was optimized is what was written',
    where: 'Layer by layer',
    columns: {
      site: 'Site',
      weight: 'Weight',
      norm: '‖ΔW‖ / ‖W‖',
      s: 's of width',
      share: 'Realized',
      rank: 'Rank',
      memory: 'Memory',
    },
    columnsNote:
      's = kᵀC₀⁻¹k says how unusual the edited key is for this layer, beside the key’s width. Realized is the share of the wished change that the solve wrote. Memory counts the keys it had to leave alone.',
    site: (kind, layer) => `${kind} ${layer}`,
    leftOut: (site, keys, budget) =>
      `${site} was left out: it would have to hold ${keys} keys and should hold at most ${budget}.`,
    duration: (seconds) => `in ${seconds}`,
    takenOff: 'This edit has been taken off since.',
    isOff: 'This edit is switched off now.',
    isDosed: (dose) => `Measured at dose 1; its dose is ${dose} now.`,
    beforeAfter: (before, after) => `from ${before} to ${after}`,
  },

  compare: {
    intro: 'The same words, two models.',
    prompt: 'Ask both',
    run: 'Compare',
    running: 'Reading with both …',
    sameAsAsk: 'Back to the prompt above',
    tryNames: 'In other words',
    original: 'Original',
    edited: (on) => `Edited`.concat(on === '1' ? ', 1 edit on' : `, ${on} edits on`),
    noEdit: 'Edited, none on',
    equal: 'Both say the same, word for word.',
    parts: 'first difference',
    noPrompt: 'Nothing to compare: write a prompt, and both models answer here side by side.',
    nothing: 'Nothing to compare yet. Make an edit, and both models answer here side by side.',
    kl: 'Divergence before each token',
    klNote: 'KL(original ‖ edited) in nats, a full bar for 5 or more',
    klToken: (nats) => `${nats} nats`,
    loops: (share) => `The edited text repeats itself (${share} of its 4-grams).`,
    lower: (target, dose) => `Lower the dose of “${target}” to ${dose}`,
    klSummary: (text, nats) => `Largest before “${text}”: ${nats} nats.`,
    next: 'What comes first',
    token: 'Token',
    before: 'Original',
    after: 'Edited',
    rankChange: 'Rank',
    change: 'Change',
  },

  stack: {
    heading: 'Edits',
    open: (count) => (count === '0' ? 'Edits' : `Edits (${count})`),
    empty: 'None yet. Each edit is a layer of its own over the untouched model: switch it, dose it, take it off.',
    restored: (count) =>
      count === '1' ? 'Found again: 1 edit from before.' : `Found again: ${count} edits from before.`,
    switch: (target) => `Edit “${target}”`,
    dose: 'Dose',
    doseOf: (target) => `Dose of “${target}”`,
    of: (target) => ` “${target}”`,
    proof: 'Proof',
    remove: 'Remove',
    up: (target) => `Move up “${target}”`,
    down: (target) => `Move down “${target}”`,
    orderNote: 'The order is for you: edits add up, whichever comes first.',
    renew: 'Make it again',
    turns: 'Undo and redo',
    turn: {
      undo: { name: 'Undo', what: (act) => `Undo: ${act}` },
      redo: { name: 'Redo', what: (act) => `Redo: ${act}` },
    },
    turned: { undo: (act) => `Undone: ${act}`, redo: (act) => `Done again: ${act}` },
    act: {
      edit: (target) => `edit “${target}”`,
      switch: (target) => `switch of “${target}”`,
      dose: (target) => `dose of “${target}”`,
      order: (target) => `place of “${target}”`,
      remove: (target) => `removal of “${target}”`,
      again: (target) => `“${target}”, made again`,
    },
    took: 'took',
    missed: 'did not take',
    unchecked: 'not checked yet',
    stale: 'stale',
    staleNote: 'Stale: computed on top of an edit that is off, dosed otherwise or gone.',
    method: (preset, sites) => `${preset}, ${sites} weights`,
    kept: (isSafe) => `Kept in this browser${isSafe ? '' : '; it may clear them when the disk is full'}.`,
    notKept: (found) => `Not kept beyond this tab: ${found}.`,
  },

  job: {
    label: 'Running',
    ofAbout: (elapsed, usual) => `${elapsed} of about ${usual}`,
    waiting: 'Waiting edits',
    next: 'Next',
    forgo: 'Leave it out',
    queued: (target) => `Waits for its turn: “${target}”`,
    percent: (stage, percent) => `${stage}: ${percent}`,
  },

  device: {
    badge: (kind, threads) =>
      kind === 'webgpu' ? 'WebGPU' : threads > 1 ? `CPU, ${threads} threads` : 'CPU, 1 thread',
    waiting: 'Device …',
    failed: 'Not open',
    label: (badge) => `Device: ${badge}`,
    heading: 'Where it runs',
    reason: {
      chosen: 'You chose this.',
      'gpu-works': 'The graphics device was found and computes the right numbers.',
      'no-webgpu': 'This browser has no WebGPU, so the CPU does the work.',
      'no-adapter': 'The browser has WebGPU but found no graphics device, so the CPU does the work.',
      'software-adapter': 'The only graphics device is emulated in software: correct, but slower than the CPU.',
      limit: 'A weight is too large for this graphics device, so the CPU does the work.',
      untrusted: 'The graphics device computed wrong numbers, so the CPU does the work.',
      lost: 'The graphics device went away more than once, so the CPU does the work.',
      failed: 'The graphics device could not be opened, so the CPU does the work.',
    },
    choice: {
      auto: { name: 'Automatic', means: 'the faster one that computes right' },
      webgpu: { name: 'WebGPU', means: 'the graphics device' },
      wasm: { name: 'CPU', means: 'WebAssembly; the graphics device stays untouched' },
    },
    choose: 'Run the model on',
    apply: 'Open the model again',
    adapter: 'Adapter',
    threads: 'Threads',
    threadsValue: (threads, isolated) => (isolated ? threads : `${threads}; the page is not isolated, so no more`),
    selfCheck: 'Self-check',
    selfCheckValue: (difference, against) =>
      against === 'stored'
        ? `a known sentence gives the known numbers, to ${difference}`
        : `a known sentence gives the CPU’s numbers, to ${difference}`,
    selfCheckNone: 'not made',
    detail: 'Details',
  },

  model: {
    waiting: 'Model …',
    badge: (name, parameters) => `${capital(name)} ${parameters}`,
    label: (badge) => `Model: ${badge}`,
    heading: (name) => capital(name),
    note: 'Trained for this page on a small world of everyday events and facts. It knows little else.',
    family: 'Family',
    parameters: 'Parameters',
    layers: 'Layers',
    width: 'Width',
    heads: 'Heads',
    mlp: 'MLP width',
    vocabulary: 'Vocabulary',
    context: 'Reads at most',
    contextValue: (tokens) => `${tokens} tokens`,
    from: 'Came from',
    fromValue: (from, bytes) => (from === 'store' ? 'this browser’s store, no download' : `the network, ${bytes}`),
    hash: 'Fingerprint',
  },

  settings: {
    heading: 'Settings',
    seed: 'Seed',
    seedNote: 'Of every draw that an edit makes: the same seed, the same edit.',
    seedWrong: 'A seed is a whole number, not below 0 and below 4,294,967,296.',
  },

  theme: {
    choose: 'Theme',
    label: (now) => `Theme: ${now}`,
    name: { system: 'as the system', light: 'light', dark: 'dark' },
  },

  help: {
    button: 'Keyboard shortcuts',
    heading: 'Keys',
    shortcut: {
      edit: { keys: 'Ctrl Enter', means: 'Edit' },
      cancel: { keys: 'Esc', means: 'Cancel what runs' },
      undo: { keys: 'Ctrl Z', means: 'Undo the last change of the stack' },
      redo: { keys: 'Ctrl Shift Z', means: 'Do it again' },
      peek: { keys: 'O', means: 'Hold: show the original' },
      help: { keys: '?', means: 'This list' },
    },
    singleKeys: 'Keys without Ctrl',
    about: 'While you type, single keys are letters and undo is the text’s own.',
  },

  notice: englishNotices,

  error: {
    title: englishTitles,
    text: englishErrors,
    refusal: englishRefusal,
    setting: ({ name, value, takes: { range, integer, choices } }) => {
      const { name: title } = english.edit.setting(name);
      const is = `${title} is ${Number.isNaN(value) ? 'no number' : String(value)}, it`;
      if (range) return `${is} takes ${integer ? 'whole ' : ''}numbers from ${range[0]} to ${range[1]}.`;
      if (choices) return `${is} takes one of ${choices.map((each) => english.edit.choice(name, each)).join(', ')}.`;
      if (name === 'editMlp') return `${title} is off, and so is attention: nothing would be written.`;
      return `${title} does not fit the other settings.`;
    },
    details: 'Details',
    copy: 'Copy details',
    copied: 'Copied.',
    retry: 'Try again',
  },

  footer: 'Everything happens in this tab: no server, no account, no tracking.',
};

// ---

/** Words begin with a capital; a symbol such as λ stays the symbol that it is. */
const capital = (text: string) => text.replace(/^\p{Script=Latin}/u, (first) => first.toUpperCase());

const OPEN_STAGES: Record<string, string> = {
  probe: 'Look at the device',
  download: 'Download',
  verify: 'Check the files',
  load: 'Load',
  check: 'Self-check',
};

const EDIT_STAGES: Record<string, string> = {
  templates: 'Sample contexts',
  rank: 'Rank layers',
  covariance: 'Gather statistics',
  factor: 'Factor',
  optimize: 'Optimize the target',
  write: 'Write',
  verify: 'Verify',
};

const LOCATE_STAGES: Record<string, string> = {
  answer: 'Hear the answer',
  locate: 'Trace the answer',
  recall: 'Measure recall',
  lens: 'Look through the lens',
  set: 'Measure prompts',
};

const SETTINGS: Partial<Record<keyof Hparams, { readonly name: string; readonly means: string }>> = {
  editMlp: { name: 'Writing in the MLP', means: 'its down-projections' },
  layerRule: { name: 'Rule', means: 'which cosines are taken' },
  cosine: { name: 'Cosine of', means: 'the vectors it compares' },
  mlpCount: { name: 'MLP layers', means: 'a count, or below 1 a share' },
  attnCount: { name: 'Attention layers', means: 'a count, or below 1 a share' },
  steps: { name: 'Steps', means: 'evaluations at most' },
  stepSize: { name: 'Step size', means: 'share of the residual norm' },
  stop: { name: 'Stop below', means: 'nats per token' },
  klFactor: { name: 'KL weight', means: 'how much the subject stays itself' },
  covarianceShare: { name: 'λ, old knowledge', means: 'share of the key width' },
  prefixes: { name: 'Contexts', means: 'sampled texts before the prompt' },
  remember: { name: 'Earlier edits', means: 'their keys are left alone' },
};

const CHOICES: Record<string, string> = {
  'layerRule.zero': 'nearest zero',
  'layerRule.largest': 'furthest from zero',
  'layerRule.negative': 'most negative',
  'layerRule.random': 'at random',
  'layerRule.fixed': 'all candidates',
  'cosine.module': 'module in and out',
  'cosine.prenorm': 'residual and module out',
  'cosine.residual': 'residual before and after',
  'cosine.block': 'block in and out',
};
