/** 7 400 000 → "7.4 M". */
export function parameterCount(parameters: number, number: (value: number, digits: number) => string): string {
  const unit = UNITS.find(({ from }) => parameters >= from) ?? UNITS[UNITS.length - 1];
  return `${number(parameters / unit.from, 2)}\u202f${unit.letter}`;
}

// ---

const UNITS = [
  { from: 1e9, letter: 'B' },
  { from: 1e6, letter: 'M' },
  { from: 1e3, letter: 'k' },
] as const;
