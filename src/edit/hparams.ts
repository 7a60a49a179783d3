/** Methods this file knows the settings of. */
export type MethodName = 'dem' | 'dem+';

/** Settings under a name; the first of each method is its default. */
export type PresetName = 'recommended' | 'literal' | 'default' | 'mlp-only' | 'article-layers';

/**
 * Everything that decides an edit besides model, text and request. Sizes are in the model's own units (the residual norm,
 * the key width, the depth), so that one preset serves every model.   [dem-readings.md 8, 8a]
 */
export interface Hparams {
  /** How layers are picked from the candidates. `fixed` writes all candidates; `random` is the control. */
  readonly layerRule: 'zero' | 'largest' | 'negative' | 'random' | 'fixed';
  /** Which pair of vectors the cosine compares. */
  readonly cosine: 'module' | 'prenorm' | 'residual' | 'block';
  /** One set for both modules, from the sum of both absolute cosines. */
  readonly sharedLayers: boolean;
  readonly editMlp: boolean;
  readonly editAttn: boolean;
  /** Layers to write, whatever the rule says; null leaves it to the rule. */
  readonly mlpLayers: readonly number[] | null;
  readonly attnLayers: readonly number[] | null;
  /** How many layers: a count from 1 up, or below 1 a share of the candidates. */
  readonly mlpCount: number;
  readonly attnCount: number;
  /** Candidates as shares of the depth, [from, to); the last layer never is one. */
  readonly mlpFrom: number;
  readonly mlpTo: number;
  readonly attnFrom: number;
  readonly attnTo: number;
  /** Share of an attention key's width that memory and new keys may fill; above it the site is left out. */
  readonly keyBudget: number;

  /** Which tokens are edited: the subject's last, the query's last, or every token that emits one of the target. */
  readonly lookup: 'subject-last' | 'query-last' | 'every';
  /** One delta per selected site, or one per module at its deepest selected layer. */
  readonly deltas: 'site' | 'module';
  /** How a module's residual is shared out over its layers; `none` writes it whole. */
  readonly spread: 'none' | 'sqrt' | 'linear' | 'equal';
  /** The row's other tokens as memory in the solve. */
  readonly context: boolean;
  /** The keys of earlier edits as memory in the solve. */
  readonly remember: boolean;
  /** Keys and residuals measured anew before each write. */
  readonly recompute: boolean;

  readonly steps: number;
  /** First Adam step as a share of the residual norm: learning rate = stepSize · |h| / √d_model. */
  readonly stepSize: number;
  /** An absolute learning rate instead; null leaves it to `stepSize`. */
  readonly learningRate: number | null;
  /** The optimization ends once `stopOn` falls below this. */
  readonly stop: number;
  readonly stopOn: 'nll' | 'loss';
  /** PMET's rule: a tenth of the NLL's weight while every target token is the likeliest. */
  readonly adaptive: boolean;
  readonly clampFactor: number;
  readonly nllFactor: number;
  readonly klFactor: number;
  readonly weightDecay: number;
  /** What the KL row reads, with one `{}` for the subject. */
  readonly klPrompt: string;

  /** λ as a share of the key width p. */
  readonly covarianceShare: number;
  /** λ as it is; null leaves it to `covarianceShare`. */
  readonly covarianceWeight: number | null;
  /** Tokens of text for C₀, in multiples of the widest key. */
  readonly covarianceTokens: number;
  /** Leave the token that the tokenizer puts in front of every text out of C₀. */
  readonly skipFirst: boolean;
  /** Added to C₀ before it is factored, as a share of its mean diagonal. */
  readonly ridge: number;

  /** Sampled context templates besides the clean one. */
  readonly prefixes: number;
  /** Tokens of a sampled prefix. */
  readonly prefixTokens: number;
  readonly seed: number;
}

/** How one setting is checked, printed and translated. */
export interface Setting {
  /** Lowest and highest value of a number. */
  readonly range?: readonly [number, number];
  readonly integer?: boolean;
  readonly choices?: readonly string[];
  /** The same setting in the published hyperparameter files. */
  readonly published?: string;
  /** What it means, in one line. */
  readonly means: string;
}

/** Every setting, in the order a form or a recipe shows them. */
export const SETTINGS: { readonly [K in keyof Hparams]: Setting } = {
  layerRule: { choices: ['zero', 'largest', 'negative', 'random', 'fixed'], means: 'which cosines are chosen' },
  cosine: { choices: ['module', 'prenorm', 'residual', 'block'], means: 'which vectors the cosine compares' },
  sharedLayers: { means: 'one set of layers for both modules' },
  editMlp: { means: 'write MLP down-projections' },
  editAttn: { means: 'write attention output projections' },
  mlpLayers: { published: 'layers', means: 'MLP layers to write, instead of the rule' },
  attnLayers: { published: 'layers', means: 'attention layers to write, instead of the rule' },
  mlpCount: { range: [0.05, 200], means: 'MLP layers: a count, or below 1 a share of the candidates' },
  attnCount: { range: [0.05, 200], means: 'attention layers: a count, or below 1 a share of the candidates' },
  mlpFrom: { range: [0, 1], means: 'first MLP candidate, as a share of the depth' },
  mlpTo: { range: [0, 1], means: 'end of the MLP candidates, as a share of the depth' },
  attnFrom: { range: [0, 1], means: 'first attention candidate, as a share of the depth' },
  attnTo: { range: [0, 1], means: 'end of the attention candidates, as a share of the depth' },
  keyBudget: { range: [0.01, 1], means: 'share of an attention key’s width that keys may fill' },
  lookup: {
    choices: ['subject-last', 'query-last', 'every'],
    published: 'fact_token',
    means: 'which tokens are edited',
  },
  deltas: { choices: ['site', 'module'], means: 'one delta per site, or per module at its deepest layer' },
  spread: { choices: ['none', 'sqrt', 'linear', 'equal'], means: 'how a residual is shared out over layers' },
  context: { means: 'the row’s other tokens as memory' },
  remember: { means: 'keys of earlier edits as memory' },
  recompute: { means: 'keys measured anew before each write' },
  steps: { range: [1, 1000], integer: true, published: 'v_num_grad_steps', means: 'evaluations of the loss at most' },
  stepSize: { range: [1e-6, 1], means: 'first step as a share of the residual norm' },
  learningRate: { range: [1e-9, 1e3], published: 'v_lr', means: 'absolute learning rate' },
  stop: { range: [0, 100], means: 'the optimization ends below this' },
  stopOn: { choices: ['nll', 'loss'], means: 'what is compared with stop' },
  adaptive: { means: 'a tenth of the NLL’s weight once every target token is likeliest' },
  clampFactor: { range: [1e-3, 1e3], published: 'clamp_norm_factor', means: 'longest delta, in norms of its place' },
  nllFactor: { range: [0, 1e3], published: 'nll_loss_factor', means: 'weight of the NLL' },
  klFactor: { range: [0, 1e3], published: 'kl_factor', means: 'weight of the KL' },
  weightDecay: { range: [0, 1e3], published: 'v_weight_decay', means: 'weight of the delta’s norm' },
  klPrompt: { means: 'what the KL row reads' },
  covarianceShare: { range: [0, 1e6], means: 'λ as a share of the key width' },
  covarianceWeight: { range: [0, 1e9], published: 'mom2_update_weight', means: 'λ itself' },
  covarianceTokens: { range: [1, 1e4], means: 'tokens for C₀, in widths of the widest key' },
  skipFirst: { means: 'leave the token in front of every text out of C₀' },
  ridge: { range: [0, 10], means: 'ridge on C₀, in mean diagonals' },
  prefixes: { range: [0, 20], integer: true, means: 'sampled context templates' },
  prefixTokens: { range: [2, 64], integer: true, means: 'tokens of a sampled prefix' },
  seed: { range: [0, 4294967295], integer: true, means: 'seed of every draw' },
};

/** DEM+ as the page runs it. */
const PLUS: Hparams = {
  layerRule: 'zero',
  cosine: 'module',
  sharedLayers: false,
  editMlp: true,
  editAttn: true,
  mlpLayers: null,
  attnLayers: null,
  mlpCount: 0.7,
  attnCount: 3,
  mlpFrom: 0,
  mlpTo: 1,
  attnFrom: 0.25,
  attnTo: 1,
  keyBudget: 0.5,
  lookup: 'every',
  deltas: 'site',
  spread: 'none',
  context: true,
  remember: true,
  recompute: true,
  steps: 25,
  stepSize: 0.03,
  learningRate: null,
  stop: 0.02,
  stopOn: 'nll',
  adaptive: false,
  clampFactor: 1,
  nllFactor: 1,
  klFactor: 0.0625,
  weightDecay: 0,
  klPrompt: '{} is a',
  covarianceShare: 0.03,
  covarianceWeight: null,
  covarianceTokens: 12,
  skipFirst: true,
  ridge: 0,
  prefixes: 2,
  prefixTokens: 10,
  seed: 0,
};

const DEM: Hparams = {
  ...PLUS,
  mlpCount: 3,
  mlpTo: 0.6,
  attnFrom: 0,
  attnTo: 0.6,
  keyBudget: 1,
  lookup: 'query-last',
  steps: 40,
  stepSize: 0.06,
  stop: 0.05,
  stopOn: 'loss',
};

/** The named settings of each method, default first.   [dem-readings.md 8, 8a] */
export const PRESETS: { readonly [M in MethodName]: Readonly<Partial<Record<PresetName, Hparams>>> } = {
  dem: {
    recommended: DEM,
    literal: {
      ...DEM,
      mlpTo: 1,
      attnTo: 1,
      lookup: 'subject-last',
      deltas: 'module',
      spread: 'sqrt',
      context: false,
      steps: 25,
      stepSize: 0.02,
    },
  },
  'dem+': {
    default: PLUS,
    'mlp-only': { ...PLUS, editAttn: false, stop: 0.005 },
    'article-layers': { ...PLUS, mlpCount: 3, attnFrom: 0, keyBudget: 1, stepSize: 0.02, stop: 0.05 },
  },
};
