import type { Corpus } from '../../src/edit/moments.ts';
import { readLinesFile } from './files.ts';

/** The model that ships, with the files that travel with it. */
export const SHIPPED = 'public/models/hearth';

/** Numbers that `tools/golden.py` computed from its weights with PyTorch. */
export const GOLDEN = 'test/golden/hearth';

/** The text that travels with it, for the second moments of keys. */
export function shippedCorpus(): Corpus {
  return { documents: readLinesFile(`${SHIPPED}/corpus.txt`), name: 'corpus.txt' };
}
