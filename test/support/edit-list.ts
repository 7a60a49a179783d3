import { makeCovariances, type Covariances } from '../../src/edit/covariance.ts';
import { computeEdit } from '../../src/edit/edit.ts';
import type { MethodName } from '../../src/edit/hparams.ts';
import { readHparams } from '../../src/edit/read-hparams.ts';
import type { StackedEdit } from '../../src/edit/record.ts';
import { targetText, type EditRequest } from '../../src/edit/request.ts';
import { promptIds } from '../../src/edit/rows.ts';
import type { Model } from '../../src/model/model.ts';
import { scoreContinuations } from '../../src/model/score.ts';
import { readJsonFile } from './files.ts';
import { shippedModel } from './models.ts';
import { validRequest } from './requests.ts';
import { shippedCorpus } from './shipped.ts';
import { withStack } from './stack.ts';

/** What is asked, and what must be answered. */
export type Question = readonly [query: string, answer: string];

/** A request of the list. */
export interface ListedEdit extends EditRequest {
  readonly kind: 'new' | 'counter';
  readonly paraphrases: readonly string[];
}

/** `test/data/edits.json`: requests, and questions that none of them is about, with what the untouched model answers. */
export function readEditList(): { readonly edits: readonly ListedEdit[]; readonly untouched: readonly Question[] } {
  type Untouched = readonly { readonly prompt: string; readonly answer: string }[];
  const { edits, untouched } = readJsonFile<{ edits: ListedEdit[]; untouched: Untouched }>('test/data/edits.json');
  return { edits, untouched: untouched.map(({ prompt, answer }) => [prompt, answer] as const) };
}

/** The question that an edit is about, with the answer that it wants. */
export function questionOf(request: EditRequest): Question {
  return [validRequest(request).query, request.target];
}

/** The shipped model as it is edited and asked with one list. */
export class EditedModel {
  readonly #model: Model;
  readonly #covariances: Covariances;

  constructor(model: Model) {
    this.#model = model;
    this.#covariances = makeCovariances(model, shippedCorpus(), null);
  }

  static async open(): Promise<EditedModel> {
    return new EditedModel(await shippedModel());
  }

  /** An edit on top of others, as the page makes it. */
  async edit(request: EditRequest, method: MethodName, stack: readonly StackedEdit[]): Promise<StackedEdit> {
    const { hparams, preset } = readHparams(method, {}, this.#model.description.n_layers);
    const settings = { method, preset, hparams, covariances: this.#covariances, proof: 'brief' } as const;
    const edit = await computeEdit(this.#model, { ...settings, requests: [validRequest(request)], stack });
    return { edit, alpha: 1 };
  }

  /** Whether each answer is what greedy decoding gives: it does when every token of it is the likeliest in turn. */
  async says(stack: readonly StackedEdit[], questions: readonly Question[]): Promise<boolean[]> {
    const model = this.#model;
    const items = questions.map(([query, answer]) => ({
      prompt: promptIds(model, query),
      target: model.tokenizer.encode(targetText(answer), { specialTokens: false }).ids,
    }));
    const scores = await withStack(model, stack, (patches) => scoreContinuations(model, items, patches));
    return scores.map(({ rank }) => rank.every((each) => each === 0));
  }

  /** How many of the answers are given. */
  async count(stack: readonly StackedEdit[], questions: readonly Question[]): Promise<number> {
    return (await this.says(stack, questions)).filter((said) => said).length;
  }
}
