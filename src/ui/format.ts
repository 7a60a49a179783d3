/** Numbers as a reader of one language expects them. All of the page's figures pass through here. */
export interface Format {
  /** A probability with two significant digits; "<0.01 %" only when it is below that, ">99.99 %" only when above. */
  probability(p: number): string;
  /** A share that is known to a percent: "37 %". */
  percent(share: number): string;
  /** A share with two significant digits, beyond 100 % too. */
  share(share: number): string;
  /** A number with so many significant digits at most. */
  number(value: number, digits?: number): string;
  /** An effect, which may be small: two significant digits, always both, so that columns of them line up; "0" for none. */
  effect(value: number): string;
  /** A whole number with separators. */
  count(value: number): string;
  /** A cosine or another number between −1 and 1: always two decimals, a true minus sign. */
  cosine(value: number): string;
  /** A change in two digits, its sign always there; "0" for none, and below `LEAST_CHANGE`. */
  change(value: number): string;
  /** 1 536 000 → "1.5 MB", decimal units. */
  bytes(bytes: number): string;
  /** 12.3 → "12.3 s", 83 → "1 min 23 s". */
  seconds(seconds: number): string;
  /** The time of day of so many milliseconds since 1970; with the date, a moment. */
  time(at: number): string;
  moment(at: number): string;
  /** A rank as people count: 0 → "1". */
  rank(rank: number): string;
  /** Nats, three significant digits, never "0" for what is not zero. */
  nats(value: number): string;
}

/** The figures of one language, by `Intl`. */
export function makeFormat(locale: string): Format {
  const fixed = memo((digits) => makeNumber(locale, { minimumFractionDigits: digits, maximumFractionDigits: digits }));
  const significant = memo((digits) => makeNumber(locale, { maximumSignificantDigits: digits }));
  const exact = memo((digits) =>
    makeNumber(locale, { minimumSignificantDigits: digits, maximumSignificantDigits: digits }),
  );
  const percent = (value: string) => `${value}${THIN}%`;
  const count = (value: number) => fixed(0)(value);
  const time = new Intl.DateTimeFormat(locale, { timeStyle: 'short' });
  const moment = new Intl.DateTimeFormat(locale, { dateStyle: 'long', timeStyle: 'short' });
  return {
    probability(p) {
      if (!Number.isFinite(p)) return DASH;
      if (p < 0.0001) return `<${percent(fixed(2)(0.01))}`;
      if (p === 1) return percent(fixed(0)(100));
      if (p > 0.9999) return `>${percent(fixed(2)(99.99))}`;
      // Near certainty, what matters is what is missing to it.
      if (p >= 0.9945) return percent(fixed(p >= 0.9995 ? 2 : 1)(100 * p));
      if (p >= 0.0995) return percent(fixed(0)(100 * p));
      return percent(exact(2)(100 * p));
    },
    percent: (share) => (Number.isFinite(share) ? percent(fixed(0)(100 * share)) : DASH),
    share: (share) => (Number.isFinite(share) ? percent(significant(2)(100 * share)) : DASH),
    number: (value, digits = 3) => (Number.isFinite(value) ? significant(digits)(value) : DASH),
    effect(value) {
      if (!Number.isFinite(value)) return DASH;
      return value === 0 ? fixed(0)(0) : exact(2)(value);
    },
    count,
    cosine: (value) => (Number.isFinite(value) ? fixed(2)(value) : DASH),
    change(value) {
      if (!Number.isFinite(value)) return DASH;
      if (Math.abs(value) < LEAST_CHANGE) return fixed(0)(0);
      return `${value > 0 ? '+' : '−'}${exact(2)(Math.abs(value))}`;
    },
    bytes(bytes) {
      const unit = bytes < 1e6 ? 'kB' : bytes < 1e9 ? 'MB' : 'GB';
      const size = bytes / (bytes < 1e6 ? 1e3 : bytes < 1e9 ? 1e6 : 1e9);
      return `${fixed(size < 10 ? 1 : 0)(size)}${NARROW}${unit}`;
    },
    seconds(seconds) {
      if (seconds < 10) return `${fixed(1)(seconds)}${NARROW}s`;
      const whole = Math.round(seconds);
      if (whole < 60) return `${count(whole)}${NARROW}s`;
      return `${count(Math.floor(whole / 60))}${NARROW}min ${count(whole % 60)}${NARROW}s`;
    },
    time: (at) => time.format(at),
    moment: (at) => moment.format(at),
    rank: (rank) => count(rank + 1),
    nats(value) {
      if (!Number.isFinite(value)) return DASH;
      if (value !== 0 && Math.abs(value) < 0.0005) return `<${fixed(3)(0.001)}`;
      return Math.abs(value) < 1 ? fixed(3)(value) : exact(3)(value);
    },
  };
}

/** The smallest change that is written: less is rounding. */
export const LEAST_CHANGE = 1e-4;

// ---

const THIN = '\u2009';
const NARROW = '\u202f';
const DASH = '–';

function makeNumber(locale: string, options: Intl.NumberFormatOptions): (value: number) => string {
  const format = new Intl.NumberFormat(locale, options);
  return (value) =>
    format
      .format(Object.is(value, -0) ? 0 : value)
      .replace(/^-(?=[0.,]*$)/, '')
      .replace('-', '−');
}

function memo<T>(make: (digits: number) => T): (digits: number) => T {
  const made = new Map<number, T>();
  return (digits) => {
    const known = made.get(digits) ?? make(digits);
    made.set(digits, known);
    return known;
  };
}
