import { readFileSync } from 'node:fs';

/** The model that ships, with the files that travel with it. */
export const SHIPPED = 'public/models/hearth';

/** Numbers that `tools/golden.py` computed from its weights with PyTorch. */
export const GOLDEN = 'test/golden/hearth';

/** Lines of one of its text files. */
export function shippedLines(file: 'corpus.txt' | 'heldout.txt'): string[] {
  return readFileSync(`${SHIPPED}/${file}`, 'utf8')
    .split('\n')
    .filter((line) => line !== '');
}
